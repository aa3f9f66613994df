//! Any entries, in a bundle that is otherwise sound, for a memory that knows nothing and one that knows some of it.
#![no_main]

use std::sync::LazyLock;

use heirloom::Memory;
use heirloom::bundle::Opening;
use heirloom_fuzz::{entries, every_kind, memory, open, preview, take_in};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

/// Where the fuzzer begins: an entry of every kind.
static SEED: LazyLock<Vec<u8>> = LazyLock::new(|| entries::shorten(&every_kind()));
static EMPTY: LazyLock<Memory> = LazyLock::new(memory);
static KNOWING: LazyLock<Memory> = LazyLock::new(|| {
    let knowing = memory();
    take_in(&knowing, &open(&Opening::new(), &entries::pack(&SEED)).expect("the seed opens"));
    knowing
});

/// So many entries that are refused are left out, one after the other, before the rest is given up.
const LEFT_OUT: usize = 16;

fuzz_target!(|text: &[u8]| {
    let mut text = text.to_vec();
    for _ in 0..=LEFT_OUT {
        let bag = open(&Opening::new(), &entries::pack(&text)).expect("a sound bag opens");
        let _told = preview(&KNOWING, &bag);
        match preview(&EMPTY, &bag) {
            Ok(arrival) if arrival.brought_anything() => return take_in(&memory(), &bag),
            Ok(_) => return,
            Err(error) => match entries::without_refused(&text, &error.to_string()) {
                Some(rest) => text = rest,
                None => return,
            },
        }
    }
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let text = if size < 2 { SEED.clone() } else { data[..size].to_vec() };
    let changed = entries::mutate(&text, seed / 2);
    if changed.len() > max_size || (size >= 2 && seed.is_multiple_of(2)) {
        return fuzzer_mutate(data, size, max_size);
    }
    data[..changed.len()].copy_from_slice(&changed);
    changed.len()
});
