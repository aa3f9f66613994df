//! Any bytes as vCards.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|cards: &[u8]| {
    heirloom_fuzz::import(|memory| memory.import("cards").vcards(cards));
});
