//! The bytes of a file made into something that can be read as ASCII and more: byte-order marks, UTF-16 and UTF-32.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How many bytes at the beginning of a file are looked at to tell what it is.
pub(super) const HEAD: usize = 256 * 1024;

/// A file as bytes in which ASCII is ASCII; UTF-16, UTF-32 and code pages with shifts are turned into UTF-8.
pub(super) struct Text<R> {
    input: R,
    head: Vec<u8>,
    taken: usize,
    form: Form,
    ready: Vec<u8>,
    served: usize,
    ended: bool,
}

/// What has to be done to the bytes.
enum Form {
    AsIs,
    Decode(Box<Decoder>),
    Utf32 { big: bool, held: Vec<u8> },
}

impl<R: Read> Text<R> {
    /// Looks at the beginning of the input; gives how its rows are to be decoded as well.
    pub(super) fn open(mut input: R, code_page: Option<&'static Encoding>) -> io::Result<(Self, Charset)> {
        let head = read_head(&mut input)?;
        let (form, mark, charset) = form_of(&head, code_page);
        Ok((Self { input, head, taken: mark, form, ready: Vec::new(), served: 0, ended: false }, charset))
    }

    /// Reads bytes as they stand in the file.
    fn raw(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = self.head.get(self.taken..).unwrap_or_default();
        if rest.is_empty() {
            return self.input.read(buffer);
        }
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.taken += count;
        Ok(count)
    }

    /// Decodes the next stretch of the file into `ready`.
    fn refill(&mut self) -> io::Result<()> {
        let mut chunk = vec![0; 16 * 1024];
        let count = self.raw(&mut chunk)?;
        chunk.truncate(count);
        self.ended = count == 0;
        self.ready.clear();
        self.served = 0;
        match &mut self.form {
            Form::AsIs => self.ready = chunk,
            Form::Decode(decoder) => decode(decoder, &chunk, self.ended, &mut self.ready),
            Form::Utf32 { big, held } => {
                held.extend_from_slice(&chunk);
                let big = *big;
                let whole = held.len() / 4 * 4;
                let text: String =
                    held.drain(..whole).collect::<Vec<_>>().chunks_exact(4).map(|u| utf32(u, big)).collect();
                self.ready = text.into_bytes();
            }
        }
        Ok(())
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if matches!(self.form, Form::AsIs) {
            return self.raw(buffer);
        }
        while self.served == self.ready.len() && !self.ended {
            self.refill()?;
        }
        let mut rest = self.ready.get(self.served..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.served += count;
        Ok(count)
    }
}

/// Reads the beginning of a file, up to [`HEAD`] bytes.
pub(super) fn read_head(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    input.take(HEAD as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Tells from a byte-order mark, or from where the zeros stand, what the bytes are, and how long the mark is.
fn form_of(head: &[u8], code_page: Option<&'static Encoding>) -> (Form, usize, Charset) {
    let decode = |encoding: &'static Encoding| Form::Decode(Box::new(encoding.new_decoder_without_bom_handling()));
    let utf8 = || Charset::new(Some(UTF_8));
    match head {
        [0xFF, 0xFE, 0, 0, ..] => (Form::Utf32 { big: false, held: Vec::new() }, 4, utf8()),
        [0, 0, 0xFE, 0xFF, ..] => (Form::Utf32 { big: true, held: Vec::new() }, 4, utf8()),
        [0xFF, 0xFE, ..] => (decode(UTF_16LE), 2, utf8()),
        [0xFE, 0xFF, ..] => (decode(UTF_16BE), 2, utf8()),
        [0xEF, 0xBB, 0xBF, ..] => (Form::AsIs, 3, utf8()),
        [1..=255, 0, 1..=255, 0, ..] => (decode(UTF_16LE), 0, utf8()),
        [0, 1..=255, 0, 1..=255, ..] => (decode(UTF_16BE), 0, utf8()),
        _ => match code_page {
            Some(encoding) if !encoding.is_ascii_compatible() => (decode(encoding), 0, utf8()),
            Some(encoding) => (Form::AsIs, 0, Charset::new(Some(encoding))),
            None => (Form::AsIs, 0, Charset::sniffed(head)),
        },
    }
}

/// Decodes a stretch; what the encoding does not know becomes U+FFFD.
fn decode(decoder: &mut Decoder, mut chunk: &[u8], last: bool, ready: &mut Vec<u8>) {
    let mut text = String::with_capacity(chunk.len() * 3 + 16);
    loop {
        let (result, read, _) = decoder.decode_to_string(chunk, &mut text, last);
        chunk = chunk.get(read..).unwrap_or_default();
        match result {
            CoderResult::InputEmpty => break,
            CoderResult::OutputFull => text.reserve(chunk.len() * 3 + 16),
        }
    }
    ready.extend_from_slice(text.as_bytes());
}

/// Decodes one unit of UTF-32.
fn utf32(unit: &[u8], big: bool) -> char {
    let number = unit
        .iter()
        .enumerate()
        .fold(0u32, |sum, (at, byte)| sum | u32::from(*byte) << if big { 24 - 8 * at } else { 8 * at });
    char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// How the rows of a file are decoded.
#[derive(Clone, Debug)]
pub(super) struct Charset {
    /// What the caller or a byte-order mark says.
    stated: Option<&'static Encoding>,
    /// What the file has shown so far, where nothing was said: UTF-8, or a code page.
    shown: Option<&'static Encoding>,
}

/// A row decoded.
pub(super) struct Decoded {
    /// The text.
    pub(super) text: String,
    /// Whether a code page was taken that nobody had named.
    pub(super) guessed: Option<&'static str>,
}

impl Charset {
    fn new(stated: Option<&'static Encoding>) -> Self {
        Self { stated, shown: None }
    }

    /// Weighs the characters of UTF-8 in the beginning of a file against the bytes that are none.
    fn sniffed(head: &[u8]) -> Self {
        let (mut good, mut bad, mut seen) = (0usize, 0usize, 0usize);
        for chunk in head.utf8_chunks() {
            good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
            seen += chunk.valid().len() + chunk.invalid().len();
            let cut_by_the_end = seen == head.len() && head.len() == HEAD;
            bad += usize::from(!chunk.invalid().is_empty() && !cut_by_the_end);
        }
        let shown = match (good, bad) {
            (0, 0) => None,
            _ if good > bad => Some(UTF_8),
            _ => Some(WINDOWS_1252),
        };
        Self { stated: None, shown }
    }

    /// Decodes a row, or says in words why it cannot.
    pub(super) fn decode(&mut self, raw: &[u8]) -> Result<Decoded, String> {
        match self.stated {
            Some(encoding) => match encoding.decode_without_bom_handling_and_without_replacement(raw) {
                Some(text) => Ok(Decoded { text: text.into_owned(), guessed: None }),
                None => Err(format!("it holds bytes that are not {}", encoding.name())),
            },
            None => self.guess(raw),
        }
    }

    fn guess(&mut self, raw: &[u8]) -> Result<Decoded, String> {
        if let Ok(text) = std::str::from_utf8(raw) {
            if !text.is_ascii() {
                self.shown.get_or_insert(UTF_8);
            }
            return Ok(Decoded { text: text.to_owned(), guessed: None });
        }
        match *self.shown.get_or_insert(WINDOWS_1252) {
            encoding if encoding == UTF_8 => {
                Err("it holds bytes that are not UTF-8, as the rest of the file is; if the \
                file was saved in a code page, name it"
                    .into())
            }
            encoding => {
                let (text, _) = encoding.decode_without_bom_handling(raw);
                Ok(Decoded { text: text.into_owned(), guessed: Some(encoding.name()) })
            }
        }
    }
}
