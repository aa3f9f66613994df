//! What a program was told to do: names, and flags of which some take a value.

use std::collections::HashMap;
use std::fs;

/// The arguments of a program.
pub(crate) struct Flags {
    names: Vec<String>,
    values: HashMap<String, String>,
}

impl Flags {
    /// Reads arguments; nothing where a flag is not known, or its value is missing.
    pub(crate) fn read(arguments: impl Iterator<Item = String>, takes: &[&str], plain: &[&str]) -> Option<Self> {
        let (mut names, mut values, mut arguments) = (Vec::new(), HashMap::new(), arguments);
        while let Some(argument) = arguments.next() {
            if takes.contains(&argument.as_str()) {
                values.insert(argument, arguments.next()?);
            } else if plain.contains(&argument.as_str()) {
                values.insert(argument, String::new());
            } else if argument.starts_with('-') {
                return None;
            } else {
                names.push(argument);
            }
        }
        Some(Self { names, values })
    }

    /// The names, where there are just so many.
    pub(crate) fn named<const N: usize>(&self) -> Option<&[String; N]> {
        self.names.as_slice().try_into().ok()
    }

    /// The value of a flag.
    pub(crate) fn value(&self, flag: &str) -> Option<&str> {
        self.values.get(flag).map(String::as_str)
    }

    /// What is in the file that a flag names.
    pub(crate) fn file(&self, flag: &str) -> Result<Option<Vec<u8>>, String> {
        self.value(flag).map(|name| fs::read(name).map_err(|error| format!("{name}: {error}"))).transpose()
    }

    /// Whether a flag was given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.values.contains_key(flag)
    }
}
