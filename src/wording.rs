//! How things are put in words for people: texts of others, numbers with their nouns, lists that are cut.

use std::borrow::Borrow;
use std::fmt::{self, Write as _};

/// Whether a character would steer a terminal, or turn the direction of the line.
pub(crate) fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// A text of others, on its way to a terminal: what would steer the terminal, or turn the direction of the line, is shown
/// by its code point.
pub(crate) struct Visible<'a>(pub(crate) &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match steers(c) {
            true => write!(f, "<U+{:04X}>", u32::from(c)),
            false => f.write_char(c),
        })
    }
}

/// A value in quotation marks, cut to one line.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 120;
        let line = self.0.replace('\n', " ");
        match line.char_indices().nth(MOST) {
            Some((end, _)) => write!(f, "“{}…”", line.get(..end).unwrap_or_default()),
            None => write!(f, "“{line}”"),
        }
    }
}

/// The number of things, with their noun, which is given in the singular and takes an “s”: `1 note`, `2 notes`.
pub(crate) struct Count<'a>(pub(crate) u64, pub(crate) &'a str);

impl fmt::Display for Count<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, word_for(self.0, "", "s"))
    }
}

/// The word for one thing or for several, as their number asks for.
pub(crate) const fn word_for<'a>(number: u64, one: &'a str, several: &'a str) -> &'a str {
    if number == 1 { one } else { several }
}

/// The first of some names, and how many more there are: `Ana, Ben and 3 more`.
pub(crate) fn first_of<S: Borrow<str>>(names: &[S], most: usize) -> String {
    and_more(names.get(..most).unwrap_or(names), names.len())
}

/// The names that are shown of so many, and how many more there are.
pub(crate) fn and_more<S: Borrow<str>>(shown: &[S], all: usize) -> String {
    let names = shown.join(", ");
    match all.saturating_sub(shown.len()) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

/// Writes below a list how many more there are than are shown, where there are more.
pub(crate) fn more_below(f: &mut fmt::Formatter<'_>, more: u64) -> fmt::Result {
    match more {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more"),
    }
}

/// Writes a paragraph with a mark before its first line, broken between words.
pub(crate) fn paragraph(f: &mut fmt::Formatter<'_>, mark: &str, text: &str) -> fmt::Result {
    const WIDTH: usize = 80;
    write!(f, "{}", Visible(mark))?;
    let indent = mark.chars().count();
    let mut column = indent;
    for (at, word) in text.split_whitespace().enumerate() {
        let width = word.chars().count();
        if at > 0 && column + 1 + width > WIDTH {
            write!(f, "\n{:indent$}", "")?;
            column = indent;
        } else if at > 0 {
            f.write_str(" ")?;
            column += 1;
        }
        write!(f, "{}", Visible(word))?;
        column += width;
    }
    writeln!(f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_agrees_with_its_noun() {
        let told = [0, 1, 2].map(|number| Count(number, "note").to_string());
        assert_eq!(told, ["0 notes", "1 note", "2 notes"]);
    }

    #[test]
    fn a_list_that_is_cut_says_how_many_more_there_are() {
        let names = ["Ana", "Ben", "Cem"];
        let told = [2, 3, 4].map(|most| first_of(&names, most));
        assert_eq!(told, ["Ana, Ben and 1 more", "Ana, Ben, Cem", "Ana, Ben, Cem"]);
        assert_eq!(first_of::<&str>(&[], 2), "");
    }
}
