//! vCard 2.1, 3.0 (RFC 2426) and 4.0 (RFC 6350, RFC 9554), as exporters really write them.
//!
//! The bytes pass through three stages: [`prepass`] cuts them into cards and properties and mends what is broken,
//! [`property`] decodes the characters and reads the grammar, [`mapping`] puts the values into our words. Memory is
//! bounded by the largest card, 64 MiB, whatever the size of the input.

mod mapping;
mod prepass;
mod property;
pub(crate) mod write;

use std::io::{self, Read};

use encoding_rs::Encoding;

use self::mapping::own::{OWNERS, without_private_notes};
use self::prepass::{Cards, Found, RawCard, Remark};
use self::property::Dialect;
use crate::exchange::{ContactRecord, Item, Record};

/// The most properties that a card may have.
const MAX_PROPERTIES: usize = 100_000;

/// How to read vCards.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct VCardOptions {
    /// The code page of text that is neither UTF-8 nor says what it is. Without it, a card's other properties are asked,
    /// then whether it looks like one of a Japanese phone, and windows-1252 is taken at last.
    pub(crate) code_page: Option<&'static Encoding>,
}

/// Reads contacts from vCards, one [`Item`] a card; an input that holds something else gives one skipped item.
pub(crate) struct VCardReader<R> {
    cards: Cards<R>,
    options: VCardOptions,
    /// How many cards were read.
    record: u64,
    /// Whether the input failed, so that there is nothing more to read.
    failed: bool,
    /// Whether it was said that owners are not read.
    told_owners: bool,
}

impl<R: Read> VCardReader<R> {
    /// Reads from an input; nothing is read before the first item is asked for.
    pub(crate) fn new(input: R, options: VCardOptions) -> Self {
        Self { cards: Cards::new(input), options, record: 0, failed: false, told_owners: false }
    }
}

impl<R> VCardReader<R> {
    /// Says of owners once a file that they are not read.
    fn once(&mut self, mut item: Item) -> Item {
        let told = &mut self.told_owners;
        item.converted.retain(|what| !what.ends_with(OWNERS) || !std::mem::replace(told, true));
        item
    }
}

impl<R: Read> Iterator for VCardReader<R> {
    type Item = io::Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let found = match self.cards.next() {
            Ok(found) => found?,
            Err(error) => {
                self.failed = true;
                return Some(Err(error));
            }
        };
        self.record += 1;
        Some(Ok(match found {
            Found::Card(card) => self.once(read_card(card, self.record, self.options)),
            Found::NoCard(line) => Item {
                record: self.record,
                line,
                result: Err("the input holds no card: there is no line BEGIN:VCARD in it".into()),
                converted: Vec::new(),
            },
        }))
    }
}

fn read_card(card: RawCard, record: u64, options: VCardOptions) -> Item {
    let RawCard { line, source, lines, mut remarks, too_large } = card;
    let result = match too_large {
        true => Err(format!(
            "the card is larger than {} MiB or longer than {} lines; take its attachments out and import it again",
            prepass::MAX_CARD >> 20,
            prepass::MAX_LINES
        )),
        false => {
            read_contact(lines, options, &mut remarks).map(|contact| Record::Contact(with_source(contact, source)))
        }
    };
    Item { record, line, result, converted: sentences(remarks, line) }
}

/// Keeps the source with a contact, without the notes in it that not everybody may read.
fn with_source(contact: ContactRecord, source: Vec<u8>) -> ContactRecord {
    let source = match contact.notes.iter().any(|note| note.visibility.is_some()) {
        true => without_private_notes(&source),
        false => source,
    };
    ContactRecord { source, ..contact }
}

fn read_contact(
    lines: Vec<prepass::Line>,
    options: VCardOptions,
    remarks: &mut Vec<Remark>,
) -> Result<ContactRecord, String> {
    let card = prepass::unfold(lines, remarks);
    if card.len() > MAX_PROPERTIES {
        return Err(format!("the card has more than {MAX_PROPERTIES} properties; split it and import it again"));
    }
    let dialect = Dialect::of(options.code_page, &card);
    let mut properties = Vec::with_capacity(card.len());
    for logical in card {
        let (number, shown) = (logical.number, property::shown(&logical));
        match property::read(logical, dialect, remarks) {
            Some(property) => properties.push(property),
            None => remarks.push((number, format!("“{shown}” is no property; left out"))),
        }
    }
    mapping::contact(properties, remarks)
}

/// Writes remarks as sentences in the order of the file; a remark on the whole card stands at its first line.
fn sentences(mut remarks: Vec<Remark>, line: u64) -> Vec<String> {
    for (number, _) in &mut remarks {
        if *number == 0 {
            *number = line;
        }
    }
    remarks.sort_by_key(|(number, _)| *number);
    remarks.into_iter().map(|(number, text)| format!("line {number}: {text}")).collect()
}

#[cfg(test)]
mod tests;
