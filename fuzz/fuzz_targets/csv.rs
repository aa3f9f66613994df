//! Any bytes as CSV, once for each of what its rows can be.
#![no_main]

use heirloom::{CsvOptions, CsvRows};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|table: &[u8]| {
    let told = CsvOptions::new();
    for options in [told.clone(), told.clone().rows(CsvRows::Contacts), told.rows(CsvRows::Notes)] {
        heirloom_fuzz::import(|memory| memory.import("table").csv(table, options.clone()));
    }
});
