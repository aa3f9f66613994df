//! Rows of a CSV file (RFC 4180 and its relatives), each with its line and its bytes; one that is broken costs no other.
//!
//! The end of a row is found by a strict reading of its quotes: a quoted cell ends before a delimiter or the end of a
//! line, and nowhere else. Where that does not hold, a quote is out of balance. Then only the line on which the row
//! began is given up, and reading goes on at the line after it; until a row of the right width and without stray quotes
//! comes, every line is looked on with suspicion, so that the rest of a torn cell is not taken for a row.

use std::io::{self, BufRead};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::text::Charset;
use crate::exchange::lines::{LIMIT, Line, read_line, without_end};

/// The bytes that shape a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// What stands between two cells.
    pub(super) delimiter: u8,
    /// What ends a line: LF, or CR in the files of old Macs.
    pub(super) end: u8,
}

/// What stands at one place of the file.
pub(super) enum Found {
    /// A row.
    Row(Row),
    /// A row that cannot be read, and why; the words follow “skipped: ”.
    Fault {
        /// The line on which it begins, from 1.
        line: u64,
        /// Why.
        reason: String,
    },
}

/// A row taken apart.
pub(super) struct Row {
    /// The line on which it begins, from 1.
    pub(super) line: u64,
    /// Its bytes, without the end of the line.
    pub(super) raw: Vec<u8>,
    /// Its cells.
    pub(super) cells: Vec<String>,
    /// What should be known about how it was read.
    pub(super) remarks: Vec<String>,
}

/// The cells of a row, and what should be known about how it was read.
type Parted = (Vec<String>, Vec<String>);

/// The rows of a file.
pub(super) struct Rows<B> {
    input: B,
    shape: Shape,
    charset: Charset,
    splitter: Reader,
    /// How many cells a row has, once the header was read.
    width: Option<usize>,
    lines: Lines,
    /// The line of the row that was broken, while what follows may be its rest.
    suspect: Option<u64>,
    after_blank: bool,
    told_code_page: bool,
}

/// Lines that were read from the input; those before `next` were given out.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// Where each line ends, and whether it stands for one that was too long.
    ends: Vec<(usize, Line)>,
    next: usize,
    given: u64,
}

impl Lines {
    /// Where the line at an index begins.
    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |(end, _)| *end)
    }

    /// Gives lines out, and frees them when that pays.
    fn give(&mut self, count: usize) {
        self.next += count;
        self.given += count as u64;
        let start = self.start(self.next);
        if self.next == self.ends.len() || start > LIMIT / 4 {
            self.bytes.drain(..start);
            self.ends.drain(..self.next);
            self.ends.iter_mut().for_each(|(end, _)| *end -= start);
            self.next = 0;
        }
    }
}

/// Where a reading of the quotes stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Plain,
    Quoted,
    /// After a quote within a quoted cell: its end, or the first of two.
    Closed,
    /// After blanks behind the end of a quoted cell.
    Padded,
}

/// A row of which only the lines are known.
enum Frame {
    /// So many lines; the flag says whether an odd number of quotes stands within cells that are not quoted.
    Lines(usize, bool),
    /// Why the line at hand cannot begin a row.
    Broken(String),
}

impl<B: BufRead> Rows<B> {
    /// Reads the rows of an input of this shape.
    pub(super) fn new(input: B, shape: Shape, charset: Charset) -> Self {
        let splitter = ReaderBuilder::new().delimiter(shape.delimiter).terminator(Terminator::Any(shape.end)).build();
        Self {
            input,
            shape,
            charset,
            splitter,
            width: None,
            lines: Lines::default(),
            suspect: None,
            after_blank: false,
            told_code_page: false,
        }
    }

    /// Asks for rows of so many cells from here on.
    pub(super) fn expect_width(&mut self, width: usize) {
        self.width = Some(width);
        self.after_blank = false;
        self.suspect = None;
    }

    /// Reads the next row that is not empty; gives `None` at the end of the file.
    pub(super) fn next(&mut self) -> io::Result<Option<Found>> {
        loop {
            let Some(frame) = self.frame()? else { return Ok(None) };
            let line = self.lines.given + 1;
            let (count, stray) = match frame {
                Frame::Lines(count, stray) => (count, stray),
                Frame::Broken(reason) => return Ok(Some(self.give_up(line, reason))),
            };
            let raw = self.raw(count);
            match self.read(line, &raw, stray, count > 1) {
                Err(reason) => return Ok(Some(self.give_up(line, reason))),
                Ok(None) => {
                    self.lines.give(count);
                    self.after_blank = true;
                }
                Ok(Some((cells, remarks))) => {
                    self.lines.give(count);
                    self.suspect = None;
                    self.after_blank = false;
                    return Ok(Some(Found::Row(Row { line, raw, cells, remarks })));
                }
            }
        }
    }

    /// Gives up the line at hand.
    fn give_up(&mut self, line: u64, reason: String) -> Found {
        self.lines.give(1);
        Found::Fault { line, reason }
    }

    /// Copies lines out, without the end of the last one.
    fn raw(&self, count: usize) -> Vec<u8> {
        let range = self.lines.start(self.lines.next)..self.lines.start(self.lines.next + count);
        without_end(self.lines.bytes.get(range).unwrap_or_default()).to_vec()
    }

    /// Finds how many lines the next row takes.
    fn frame(&mut self) -> io::Result<Option<Frame>> {
        let (mut state, mut cell, mut stray) = (State::CellStart, 1, false);
        let first = self.lines.next;
        let mut quote_in_cell = 0;
        for count in 1.. {
            let index = first + count - 1;
            if index == self.lines.ends.len() {
                match read_line(&mut self.input, self.shape.end, &mut self.lines.bytes)? {
                    Some(read) => self.lines.ends.push((self.lines.bytes.len(), read)),
                    None if count == 1 => return Ok(None),
                    None => return Ok(Some(self.broken(format!("the quote in cell {quote_in_cell} is never closed")))),
                }
            }
            let Some(&(end, read)) = self.lines.ends.get(index) else { return Ok(None) };
            if read == Line::TooLong || end - self.lines.start(first) > LIMIT {
                return Ok(Some(self.too_long(count, quote_in_cell)));
            }
            let line = self.lines.bytes.get(self.lines.start(index)..end).unwrap_or_default();
            for &byte in line {
                state = match (state, byte) {
                    (State::Quoted, b'"') => State::Closed,
                    (State::Quoted, _) => State::Quoted,
                    (State::Closed, b'"') => State::Quoted,
                    (_, byte) if byte == self.shape.delimiter => {
                        cell += 1;
                        State::CellStart
                    }
                    (State::CellStart, b'"') => {
                        quote_in_cell = cell;
                        State::Quoted
                    }
                    (State::Closed | State::Padded, b' ' | b'\t' | b'\r' | b'\n') => State::Padded,
                    (State::Closed | State::Padded, _) => {
                        return Ok(Some(self.broken(misplaced_quote(quote_in_cell, count))));
                    }
                    (_, b'"') => {
                        stray = !stray;
                        State::Plain
                    }
                    (State::CellStart | State::Plain, _) => State::Plain,
                };
            }
            if state != State::Quoted {
                return Ok(Some(Frame::Lines(count, stray)));
            }
        }
        Ok(None)
    }

    /// Notes that what follows may be the rest of this row.
    fn broken(&mut self, reason: String) -> Frame {
        let line = self.lines.given + 1;
        match self.suspect.replace(line) {
            Some(before) if before != line => {
                self.suspect = Some(before);
                Frame::Broken(format!("{reason}; it may be the rest of the broken row on line {before}"))
            }
            _ => Frame::Broken(format!("{reason}; reading went on at the next line")),
        }
    }

    fn too_long(&mut self, count: usize, cell: usize) -> Frame {
        match count {
            1 => Frame::Broken("the line is longer than 16 MiB".into()),
            _ => self.broken(format!("the quote in cell {cell} is not closed within 16 MiB")),
        }
    }

    /// Reads the bytes of a row; gives `None` where every cell is empty.
    fn read(&mut self, line: u64, raw: &[u8], stray: bool, several_lines: bool) -> Result<Option<Parted>, String> {
        if raw.contains(&0) {
            return Err("it holds the character NUL (U+0000), which no text may".into());
        }
        let decoded = self.charset.decode(raw)?;
        let mut cells = self.split(&decoded.text)?;
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return Ok(None);
        }
        self.check_width(line, &mut cells, stray, several_lines)?;
        let mut remarks = Vec::new();
        if let Some(before) = self.suspect {
            remarks
                .push(format!("it follows the broken row on line {before} and may be the rest of it; please check it"));
        }
        if let Some(name) = decoded.guessed.filter(|_| !self.told_code_page) {
            self.told_code_page = true;
            remarks.push(format!("the file is not UTF-8; it was read as {name}, from here on"));
        }
        if let Some(cell) = cells.iter().position(|cell| self.holds_rows(cell)) {
            let cell = cell + 1;
            remarks.push(format!("cell {cell} spans lines that look like rows; a quote may be missing before them"));
        }
        Ok(Some((cells, remarks)))
    }

    /// Checks that the row has as many cells as the header; empty cells too many at its end are taken off.
    fn check_width(
        &mut self,
        line: u64,
        cells: &mut Vec<String>,
        stray: bool,
        several_lines: bool,
    ) -> Result<(), String> {
        let Some(width) = self.width else { return Ok(()) };
        while cells.len() > width && cells.last().is_some_and(|cell| cell.trim().is_empty()) {
            cells.pop();
        }
        if let Some(before) = self.suspect.filter(|_| stray || cells.len() != width) {
            return Err(format!("it may be the rest of the broken row on line {before}"));
        }
        if cells.len() == width {
            return Ok(());
        }
        if several_lines {
            self.suspect = Some(line);
        }
        let cells = match cells.len() {
            1 if self.after_blank => {
                return Err("one cell after an empty row: it reads like the end of a report".into());
            }
            1 => "1 cell".to_owned(),
            count => format!("{count} cells"),
        };
        Err(format!("it has {cells} and the header has {width}; an unquoted delimiter or line break may be the cause"))
    }

    /// Whether a cell of several lines holds one that looks like a row.
    fn holds_rows(&self, cell: &str) -> bool {
        let Some(width) = self.width.filter(|width| *width >= 3) else { return false };
        let mut lines = cell.split('\n');
        let (_, _) = (lines.next(), lines.next_back());
        lines.any(|line| line.bytes().filter(|byte| *byte == self.shape.delimiter).count() + 1 == width)
    }

    /// Takes a row apart into its cells.
    fn split(&mut self, text: &str) -> Result<Vec<String>, String> {
        self.splitter.reset();
        let (mut bytes, mut ends) = (vec![0; text.len()], vec![0; self.width.unwrap_or(64) + 1]);
        let (mut read, mut written, mut ended) = (0, 0, 0);
        loop {
            let input = text.as_bytes().get(read..).unwrap_or_default();
            let output = bytes.get_mut(written..).unwrap_or_default();
            let (result, i, o, e) = self.splitter.read_record(input, output, ends.get_mut(ended..).unwrap_or_default());
            (read, written, ended) = (read + i, written + o, ended + e);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => bytes.resize(bytes.len() + 64, 0),
                ReadRecordResult::OutputEndsFull => ends.resize(ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        let mut start = 0;
        let ends = ends.get(..ended).unwrap_or_default();
        let cells = ends.iter().map(|&end| {
            let cell = bytes.get(start..end).unwrap_or_default();
            start = end;
            String::from_utf8(cell.to_vec()).map_err(|_| "its cells cannot be told apart".to_owned())
        });
        cells.collect()
    }
}

/// Says that text stands behind the end of a quoted cell.
fn misplaced_quote(cell: usize, count: usize) -> String {
    match count {
        1 => format!("cell {cell} has a quote in its midst that is not doubled"),
        _ => format!(
            "the quote in cell {cell} is not closed on its line, nor where it should be {} below",
            match count {
                2 => "one line".to_owned(),
                count => format!("{} lines", count - 1),
            }
        ),
    }
}
