//! Lines of a file, read in constant memory: what the readers of CSV and of JSON Lines stand on.

use std::io::{self, BufRead, ErrorKind};

/// The longest line, and the longest row of several lines, that is read, in bytes: 16 MiB.
pub(crate) const LIMIT: usize = 16 * 1024 * 1024;

/// What [`read_line`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line, appended to the buffer together with its end.
    Whole,
    /// A line of more bytes than the limit: it was read over, the buffer is as it was.
    TooLong,
}

/// Appends the next line, with the byte that ends it, to a buffer; gives `None` at the end of the input.
pub(crate) fn read_line(input: &mut impl BufRead, end: u8, buffer: &mut Vec<u8>) -> io::Result<Option<Line>> {
    read_line_within(LIMIT, input, end, buffer)
}

/// Appends the next line as [`read_line`] does, within a limit of the caller's.
pub(crate) fn read_line_within(
    limit: usize,
    input: &mut impl BufRead,
    end: u8,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Line>> {
    let start = buffer.len();
    let mut found = None;
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(found);
        }
        let complete = available.iter().position(|&byte| byte == end);
        let taken = complete.map_or(available.len(), |at| at + 1);
        if found != Some(Line::TooLong) && buffer.len() - start + taken <= limit {
            buffer.extend_from_slice(available.get(..taken).unwrap_or_default());
            found = Some(Line::Whole);
        } else {
            buffer.truncate(start);
            found = Some(Line::TooLong);
        }
        input.consume(taken);
        if complete.is_some() {
            return Ok(found);
        }
    }
}

/// Takes the end of the line (LF, CR or both) off.
pub(crate) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_over_the_limit_is_read_over_and_the_next_one_is_whole() {
        let mut input = vec![b'x'; LIMIT + 1];
        input.extend_from_slice(b"\nnext\n");
        let mut input = io::BufReader::new(input.as_slice());
        let mut buffer = Vec::new();
        assert_eq!(read_line(&mut input, b'\n', &mut buffer).unwrap(), Some(Line::TooLong));
        assert!(buffer.is_empty());
        assert_eq!(read_line(&mut input, b'\n', &mut buffer).unwrap(), Some(Line::Whole));
        assert_eq!(buffer, b"next\n");
        assert_eq!(read_line(&mut input, b'\n', &mut buffer).unwrap(), None);
    }
}
