//! Seeded random numbers for the tests, and how long they run.
#![allow(
    dead_code,
    clippy::print_stdout,
    reason = "not every test uses all of it; what a test prints is shown when it fails"
)]

use std::hash::{BuildHasher, RandomState};

/// Random numbers from a seed that is printed, so that what failed can be thrown again with `HEIRLOOM_SEED`.
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice from `HEIRLOOM_SEED`, or from a fresh seed.
    pub(crate) fn thrown() -> Self {
        let given = std::env::var("HEIRLOOM_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
        println!("HEIRLOOM_SEED={seed} throws the same dice again");
        Self(seed)
    }

    /// Dice from a number that other dice threw.
    pub(crate) const fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number (SplitMix64).
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below another.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.next() % most.max(1)
    }
}

/// So many rounds: the second number with `HEIRLOOM_LONG=1`, as `.ci/run` does, otherwise the first.
pub(crate) fn rounds(usual: u64, long: u64) -> u64 {
    if std::env::var_os("HEIRLOOM_LONG").is_some_and(|value| value == "1") { long } else { usual }
}
