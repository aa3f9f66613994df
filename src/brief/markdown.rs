//! The document of briefs as Markdown (CommonMark 0.31).

use std::fmt::{self, Write as _};

use super::book::{Cover, Entry, Form};
use super::{Brief, Row, Section};
use crate::wording::steers;

/// CommonMark, without raw HTML but for the anchors of the contents.
pub(super) struct Markdown;

impl Form for Markdown {
    fn cover(&self, out: &mut String, cover: &Cover) -> fmt::Result {
        let [when, seen] = cover.about.each_ref().map(|text| Line(text));
        write!(out, "# {}\n\n{when} {seen}\n\n{}\n", Line(&cover.title), Line(&cover.counts))?;
        if !cover.entries.is_empty() {
            out.write_str("\n<a id=\"contents\"></a>\n\n## Contents\n\n")?;
        }
        for (place, Entry { name, why, .. }) in (1..).zip(&cover.entries) {
            writeln!(out, "{place}. [{}](#contact-{place}): {}", Line(name), Line(why))?;
        }
        Ok(())
    }

    fn brief(&self, out: &mut String, place: usize, entry: &Entry, brief: &Brief) -> fmt::Result {
        let name = Line(&entry.name);
        write!(out, "\n---\n\n<a id=\"contact-{place}\"></a>\n\n## {name}\n\n**Why here:** {}\n", Line(&entry.why))?;
        let (epithets, mut wishes) = brief.subtitle();
        if !epithets.is_empty() {
            write!(out, "\n{}\n", Line(&epithets))?;
        }
        wishes.try_for_each(|wish| write!(out, "\n**{}**\n", Line(&wish)))?;
        brief.sections().iter().try_for_each(|section| write_section(out, section))?;
        out.write_str("\n[Contents](#contents)\n")
    }

    fn end(&self, _: &mut String) -> fmt::Result {
        Ok(())
    }
}

fn write_section(out: &mut String, section: &Section) -> fmt::Result {
    write!(out, "\n### {}\n\n", section.part.title())?;
    for Row { label, text, aside } in &section.rows {
        out.write_str("- ")?;
        if !label.trim().is_empty() {
            write!(out, "**{}** ", Line(label))?;
        }
        let text = format!("{text}{aside}");
        for (at, line) in text.split(['\n', '\r']).filter(|line| !line.trim().is_empty()).enumerate() {
            // A line of a text stays a line: the backslash is a hard break, the indent keeps it in its item.
            let breaks = if at == 0 { "" } else { "\\\n  " };
            write!(out, "{breaks}{}", Line(line))?;
        }
        out.write_str("\n")?;
    }
    match section.more {
        0 => Ok(()),
        more => write!(out, "\nand {more} more\n"),
    }
}

/// A text of others as one line of a paragraph, in which nothing is markup: not that of CommonMark, nor the tables, struck
/// text and formulas of GitHub, nor the bare addresses that many turn into links, as far as a backslash keeps them from it.
pub(crate) struct Line<'a>(pub(crate) &'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = self.0.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty());
        if let Some(first) = words.next() {
            write_first(f, first)?;
        }
        words.try_for_each(|word| {
            f.write_char(' ')?;
            write_word(f, word)
        })
    }
}

/// Writes the first word of a line, which may be markup by where it stands: the mark or the number of an item of a list,
/// a line below a heading or across the page, the columns of a table.
fn write_first(f: &mut fmt::Formatter<'_>, word: &str) -> fmt::Result {
    let numberless = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let (number, rest) = word.split_at(word.len() - numberless.len());
    let marks = match number {
        "" => rest == "+" || rest.starts_with(':') || (rest.starts_with(['-', '=']) && rest.chars().all(is_ruled)),
        _ => matches!(rest, "." | ")"),
    };
    match marks {
        true => {
            write!(f, "{number}\\")?;
            rest.chars().next().map_or(Ok(()), |mark| f.write_char(mark))?;
            write_word(f, rest.get(1..).unwrap_or_default())
        }
        false => write_word(f, word),
    }
}

/// Whether a line below a heading, across the page or between the rows of a table is made of this.
const fn is_ruled(c: char) -> bool {
    matches!(c, '-' | '=' | ':' | '|')
}

fn write_word(f: &mut fmt::Formatter<'_>, word: &str) -> fmt::Result {
    let web = word.to_ascii_lowercase().contains("www.");
    for (at, c) in word.char_indices() {
        let address = match c {
            ':' => word.get(at..).is_some_and(|rest| rest.starts_with("://")),
            '.' => web,
            _ => false,
        };
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '#' | '|' | '~' | '$' | '@' | '^' => {
                write!(f, "\\{c}")?
            }
            ':' | '.' if address => write!(f, "\\{c}")?,
            c if steers(c) => write!(f, "\\<U+{:04X}\\>", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    Ok(())
}
