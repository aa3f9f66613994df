//! The pass over the bytes before the vCard grammar: lines, cards, folding. It mends what real exporters break and
//! says what it mended.

use std::io::{self, ErrorKind, Read};
use std::mem;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// The largest card that is read, in bytes, nested cards included: 64 MiB.
pub(super) const MAX_CARD: usize = 64 << 20;
/// The most lines that a card may have: enough for 64 MiB of base64.
pub(super) const MAX_LINES: usize = 1 << 20;
/// How many bytes are asked of the input at a time.
const CHUNK: usize = 64 << 10;

/// A sentence about the source, with the line of the file that it speaks of.
pub(super) type Remark = (u64, String);

/// A line as it stands in the file.
#[derive(Debug)]
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) number: u64,
    /// Its bytes with its end, verbatim.
    raw: Vec<u8>,
    /// Its bytes without its end; UTF-8 where the file is UTF-16.
    pub(super) text: Vec<u8>,
    /// Whether it was longer than the room for it, so that bytes of it are missing.
    cut: bool,
}

/// How the characters of the input are laid out.
#[derive(Clone, Copy)]
enum Layout {
    /// ASCII and whatever extends it.
    Bytes,
    /// UTF-16 of one byte order.
    Utf16(&'static Encoding),
}

impl Layout {
    const fn width(self) -> usize {
        match self {
            Self::Bytes => 1,
            Self::Utf16(_) => 2,
        }
    }

    /// Returns the unit that the bytes hold, if it is an ASCII character.
    fn ascii(self, unit: &[u8]) -> Option<u8> {
        match (self, unit) {
            (Self::Bytes, &[byte]) => Some(byte),
            (Self::Utf16(order), &[low, 0]) if order == UTF_16LE => Some(low),
            (Self::Utf16(order), &[0, low]) if order == UTF_16BE => Some(low),
            _ => None,
        }
    }
}

/// Reads an input line by line, whatever ends its lines, holding one chunk and one line at a time.
struct Lines<R> {
    input: R,
    /// The bytes that were read, and room for more.
    chunk: Vec<u8>,
    /// How much of the chunk has been used.
    used: usize,
    /// How much of the chunk was read.
    filled: usize,
    ended: bool,
    layout: Option<Layout>,
    number: u64,
}

impl<R: Read> Lines<R> {
    fn new(input: R) -> Self {
        Self { input, chunk: vec![0; CHUNK], used: 0, filled: 0, ended: false, layout: None, number: 0 }
    }

    /// Returns the next line, with at most `room` bytes of it.
    fn next(&mut self, room: usize) -> io::Result<Option<Line>> {
        let layout = self.layout()?;
        let mut line = Line { number: self.number + 1, raw: Vec::new(), text: Vec::new(), cut: false };
        let content = loop {
            if !self.ensure(layout.width())? {
                self.take(usize::MAX, room, &mut line);
                break line.raw.len();
            }
            let end = self.find_end(layout);
            let whole = self.rest().len() / layout.width() * layout.width();
            self.take(end.unwrap_or(whole), room, &mut line);
            if end.is_some() {
                let content = line.raw.len();
                let end = self.length_of_end(layout)?;
                self.take(end, room.saturating_add(end), &mut line);
                break content;
            }
        };
        if line.raw.is_empty() && !line.cut {
            return Ok(None);
        }
        self.number += 1;
        let content = line.raw.get(..content).unwrap_or_default();
        line.text = match layout {
            Layout::Bytes => content.to_vec(),
            Layout::Utf16(order) => order.decode_without_bom_handling(content).0.into_owned().into_bytes(),
        };
        Ok(Some(line))
    }

    /// Tells the layout from the first bytes and takes a byte order mark off.
    fn layout(&mut self) -> io::Result<Layout> {
        if let Some(layout) = self.layout {
            return Ok(layout);
        }
        self.ensure(4)?;
        let (layout, mark) = match self.rest() {
            [0xEF, 0xBB, 0xBF, ..] => (Layout::Bytes, 3),
            [0xFF, 0xFE, ..] => (Layout::Utf16(UTF_16LE), 2),
            [0xFE, 0xFF, ..] => (Layout::Utf16(UTF_16BE), 2),
            &[first, 0, second, 0, ..] if first != 0 && second != 0 => (Layout::Utf16(UTF_16LE), 0),
            &[0, first, 0, second, ..] if first != 0 && second != 0 => (Layout::Utf16(UTF_16BE), 0),
            _ => (Layout::Bytes, 0),
        };
        self.used += mark;
        self.layout = Some(layout);
        Ok(layout)
    }

    fn rest(&self) -> &[u8] {
        self.chunk.get(self.used..self.filled).unwrap_or_default()
    }

    /// Reads until `wanted` bytes lie ahead, and tells whether they do.
    fn ensure(&mut self, wanted: usize) -> io::Result<bool> {
        while self.rest().len() < wanted && !self.ended {
            self.chunk.copy_within(self.used..self.filled, 0);
            self.filled -= self.used;
            self.used = 0;
            match self.input.read(self.chunk.get_mut(self.filled..).unwrap_or_default()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => {
                    let read = read?;
                    self.ended = read == 0;
                    self.filled = (self.filled + read).min(self.chunk.len());
                }
            }
        }
        Ok(self.rest().len() >= wanted)
    }

    fn find_end(&self, layout: Layout) -> Option<usize> {
        if matches!(layout, Layout::Bytes) {
            return self.rest().iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        }
        let is_end = |unit: &[u8]| matches!(layout.ascii(unit), Some(b'\r' | b'\n'));
        self.rest().chunks_exact(layout.width()).position(is_end).map(|units| units * layout.width())
    }

    /// The length in bytes of the line end ahead: LF, CR LF, CR CR LF (as damaged transfers leave it) or CR alone.
    fn length_of_end(&mut self, layout: Layout) -> io::Result<usize> {
        self.ensure(3 * layout.width())?;
        let mut units = self.rest().chunks_exact(layout.width()).map(|unit| layout.ascii(unit));
        let units = match (units.next().flatten(), units.next().flatten(), units.next().flatten()) {
            (Some(b'\r'), Some(b'\n'), _) => 2,
            (Some(b'\r'), Some(b'\r'), Some(b'\n')) => 3,
            _ => 1,
        };
        Ok(units * layout.width())
    }

    fn take(&mut self, count: usize, room: usize, line: &mut Line) {
        let ahead = self.chunk.get(self.used..self.filled).unwrap_or_default();
        let taken = ahead.get(..count.min(ahead.len())).unwrap_or_default();
        let fitting = taken.len().min(room.saturating_sub(line.raw.len()));
        line.raw.extend_from_slice(taken.get(..fitting).unwrap_or_default());
        line.cut |= fitting < taken.len();
        self.used += taken.len();
    }
}

/// What stands between two cards, or where a card should.
#[derive(Debug)]
pub(super) enum Found {
    /// A card.
    Card(RawCard),
    /// The whole input is something else; the line on which it begins.
    NoCard(u64),
}

/// A card as it stands in the file.
#[derive(Debug)]
pub(super) struct RawCard {
    /// The line of its BEGIN.
    pub(super) line: u64,
    /// Its bytes, verbatim.
    pub(super) source: Vec<u8>,
    /// Its lines between BEGIN and END.
    pub(super) lines: Vec<Line>,
    /// What was mended.
    pub(super) remarks: Vec<Remark>,
    /// Whether it is larger than [`MAX_CARD`] or has more than [`MAX_LINES`] lines; it has no source and no lines then.
    pub(super) too_large: bool,
}

impl RawCard {
    fn new(begin: Line) -> Self {
        let mut card =
            Self { line: begin.number, source: Vec::new(), lines: Vec::new(), remarks: Vec::new(), too_large: false };
        card.keep(begin);
        card
    }

    /// How much of the next line can be kept.
    fn room(&self) -> usize {
        match self.too_large {
            // Enough to tell a BEGIN and an END, with white space around.
            true => 1 << 10,
            false => MAX_CARD.saturating_sub(self.source.len()),
        }
    }

    /// Keeps a line and its source; the texts of BEGIN and END are kept by their length only.
    fn keep(&mut self, mut line: Line) {
        self.too_large |= line.cut || line.raw.len() > self.room() || self.lines.len() >= MAX_LINES;
        if self.too_large {
            self.source = Vec::new();
            self.lines = Vec::new();
            return;
        }
        self.source.append(&mut line.raw);
        self.lines.push(line);
    }

    /// Takes the white space off that the whole card is indented by, and the lines of its BEGIN and END.
    fn finish(mut self, ended: bool) -> Self {
        let begin = match self.lines.is_empty() {
            true => Vec::new(),
            false => self.lines.remove(0).text,
        };
        if ended {
            self.lines.pop();
        }
        let indent = begin.get(..begin.len() - begin.trim_ascii_start().len()).unwrap_or_default();
        let indented = |line: &Line| is_blank(&line.text) || line.text.starts_with(indent);
        if !indent.is_empty() && self.lines.iter().all(indented) {
            for line in &mut self.lines {
                line.text.drain(..indent.len().min(line.text.len()));
            }
            self.remarks.push((self.line, "the card is indented; read without the indentation".into()));
        }
        self
    }
}

/// Cuts an input into cards.
pub(super) struct Cards<R> {
    lines: Lines<R>,
    /// A line that was read ahead.
    ahead: Option<Line>,
    /// Whether a card was found.
    found: bool,
}

impl<R: Read> Cards<R> {
    pub(super) fn new(input: R) -> Self {
        Self { lines: Lines::new(input), ahead: None, found: false }
    }

    /// How many bytes are held between two cards.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.lines.chunk.capacity() + self.ahead.as_ref().map_or(0, |line| line.raw.capacity() + line.text.capacity())
    }

    /// Returns the next card, together with the text around it that belongs to none.
    pub(super) fn next(&mut self) -> io::Result<Option<Found>> {
        let mut stray = Stray::default();
        let begin = loop {
            match self.line(MAX_CARD)? {
                None if self.found => return Ok(None),
                None => return Ok(stray.first.map(|(number, _)| Found::NoCard(number))),
                Some(line) if Marker::of(&line.text) == Some(Marker::Begin) => break line,
                Some(line) => stray.add(line.number, &line.text),
            }
        };
        self.found = true;
        let mut card = RawCard::new(begin);
        stray.report("stands before the card", "stand before the card", &mut card.remarks);
        let ended = self.body(&mut card)?;
        self.after(&mut card)?;
        Ok(Some(Found::Card(card.finish(ended))))
    }

    /// Reads up to the END of the card, and tells whether there is one.
    fn body(&mut self, card: &mut RawCard) -> io::Result<bool> {
        let mut depth = 1_u32;
        let mut agent = false;
        loop {
            let Some(line) = self.line(card.room())? else {
                card.remarks.push((self.lines.number, "the card has no END; read up to the end of the file".into()));
                return Ok(false);
            };
            let marker = Marker::of(&line.text);
            if marker == Some(Marker::Begin) && !agent {
                card.remarks.push((line.number, "the card before this line has no END; read up to here".into()));
                self.ahead = Some(line);
                return Ok(false);
            }
            match marker {
                Some(Marker::Begin) => depth += 1,
                Some(Marker::End) => depth -= 1,
                None if agent_value(&line.text).is_some_and(|value| Marker::of(value) == Some(Marker::Begin)) => {
                    depth += 1;
                }
                None => {}
            }
            agent = is_blank(&line.text) && agent || agent_value(&line.text).is_some_and(is_blank);
            card.keep(line);
            if depth == 0 {
                return Ok(true);
            }
        }
    }

    /// Reads on to the next BEGIN, so that the text before it is told of with this card.
    fn after(&mut self, card: &mut RawCard) -> io::Result<()> {
        let mut stray = Stray::default();
        while let Some(line) = self.line(MAX_CARD)? {
            if Marker::of(&line.text) == Some(Marker::Begin) {
                self.ahead = Some(line);
                break;
            }
            stray.add(line.number, &line.text);
        }
        stray.report("stands after the card", "stand after the card", &mut card.remarks);
        Ok(())
    }

    /// Returns the next line; a BEGIN or END that is folded is one line.
    fn line(&mut self, room: usize) -> io::Result<Option<Line>> {
        let next = match self.ahead.take() {
            Some(line) => Some(line),
            None => self.lines.next(room)?,
        };
        let Some(mut line) = next else { return Ok(None) };
        while Marker::begins(&line.text) {
            let Some(mut fold) = self.lines.next(room)? else { break };
            let mut joined = line.text.clone();
            joined.extend_from_slice(fold.text.trim_ascii_start());
            let folded = fold.text.first().is_some_and(u8::is_ascii_whitespace) && !is_blank(&fold.text);
            if !folded || !(Marker::begins(&joined) || Marker::of(&joined).is_some()) {
                self.ahead = Some(fold);
                break;
            }
            line.text = joined;
            line.raw.append(&mut fold.raw);
            line.cut |= fold.cut;
        }
        Ok(Some(line))
    }
}

/// Lines that cannot be used.
#[derive(Default)]
struct Stray {
    first: Option<(u64, String)>,
    count: u64,
}

impl Stray {
    fn add(&mut self, number: u64, text: &[u8]) {
        if is_blank(text) {
            return;
        }
        self.first.get_or_insert_with(|| (number, quote(text)));
        self.count += 1;
    }

    /// Reports the lines in one sentence, with what is wrong with one line or with several.
    fn report(self, one: &str, several: &str, remarks: &mut Vec<Remark>) {
        let Some((number, text)) = self.first else { return };
        remarks.push((
            number,
            match self.count {
                1 => format!("“{text}” {one}; left out"),
                count => format!("{count} lines from “{text}” on {several}; left out"),
            },
        ));
    }
}

/// The lines that frame a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    Begin,
    End,
}

impl Marker {
    const TEXTS: [(Self, &'static [u8]); 2] = [(Self::Begin, b"BEGIN:VCARD"), (Self::End, b"END:VCARD")];

    /// Reads a line as a marker, in any case and with white space anywhere.
    fn of(line: &[u8]) -> Option<Self> {
        let compact = compact(line)?;
        Self::TEXTS.into_iter().find(|(_, text)| compact.eq_ignore_ascii_case(text)).map(|(marker, _)| marker)
    }

    /// Tells whether a line is the first part of a folded marker.
    fn begins(line: &[u8]) -> bool {
        compact(line).is_some_and(|compact| {
            let starts = |text: &[u8]| text.get(..compact.len()).is_some_and(|t| t.eq_ignore_ascii_case(&compact));
            compact.len() >= 3 && Self::TEXTS.into_iter().any(|(_, text)| compact.len() < text.len() && starts(text))
        })
    }
}

/// Returns a line without its white space and byte order mark, if what is left is short enough for a marker.
fn compact(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    let mut compact = Vec::new();
    for byte in line.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != 0) {
        compact.push(*byte);
        if compact.len() > 11 {
            return None;
        }
    }
    Some(compact)
}

/// Tells whether nothing can be read on a line: white space, NUL, the end mark of DOS, a byte order mark.
pub(super) fn is_blank(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    line.iter().all(|byte| byte.is_ascii_whitespace() || matches!(byte, 0 | 0x1A))
}

/// Returns the value of a line that is an AGENT property.
fn agent_value(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().take(200).position(|byte| *byte == b':')?;
    let name = line.get(..colon)?.split(|byte| *byte == b';').next()?.trim_ascii();
    let name = name.rsplit(|byte| *byte == b'.').next()?;
    if name.eq_ignore_ascii_case(b"AGENT") { line.get(colon + 1..) } else { None }
}

/// Returns the beginning of a line for a message.
pub(super) fn quote(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.get(..line.len().min(240)).unwrap_or_default());
    let text = text.trim();
    let shown: String = text.chars().filter(|c| !c.is_control()).take(60).collect();
    if text.chars().count() > 60 { shown + "…" } else { shown }
}

/// A property as it stands on the card: its folded lines joined, its characters not yet decoded.
#[derive(Debug)]
pub(super) struct Logical {
    /// The line on which it begins.
    pub(super) number: u64,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// How its value is written; known from its colon on.
    pub(super) form: Option<Form>,
    /// The lines of the card that is nested in it.
    pub(super) nested: Vec<Line>,
    /// Whether a blank line closed it.
    closed: bool,
    /// How much of it was searched for the end of its head, and whether that part ends within quotation marks.
    scanned: usize,
    quoted: bool,
}

/// How a value is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    QuotedPrintable,
    Base64,
}

impl Form {
    fn of(head: &[u8]) -> Self {
        let head = head.to_ascii_uppercase();
        for param in params(&head) {
            match param.strip_prefix(b"ENCODING=").unwrap_or(param).trim_ascii() {
                b"QUOTED-PRINTABLE" | b"\"QUOTED-PRINTABLE\"" => return Self::QuotedPrintable,
                b"BASE64" | b"\"BASE64\"" | b"B64" => return Self::Base64,
                b"Q" | b"\"Q\"" if param.starts_with(b"ENCODING=") => return Self::QuotedPrintable,
                b"B" | b"\"B\"" if param.starts_with(b"ENCODING=") => return Self::Base64,
                _ => {}
            }
        }
        Self::Plain
    }
}

impl Logical {
    fn new(line: Line) -> Self {
        let mut logical = Self {
            number: line.number,
            bytes: line.text,
            form: None,
            nested: Vec::new(),
            closed: false,
            scanned: 0,
            quoted: false,
        };
        logical.learn_form();
        logical
    }

    /// Learns the form once the head is complete; a colon within quotation marks that are still open does not end it.
    fn learn_form(&mut self) {
        for byte in self.bytes.get(self.scanned..).unwrap_or_default() {
            self.quoted ^= *byte == b'"';
            if *byte == b':' && !self.quoted {
                self.form = Some(Form::of(self.bytes.get(..self.scanned).unwrap_or_default()));
                return;
            }
            self.scanned += 1;
        }
    }

    /// Learns the form of a property of which no more is to come.
    fn learn_form_at_last(&mut self) {
        if self.form.is_none() {
            self.form = find_colon(&self.bytes).map(|colon| Form::of(self.bytes.get(..colon).unwrap_or_default()));
        }
    }

    fn value(&self) -> &[u8] {
        find_colon(&self.bytes).and_then(|colon| self.bytes.get(colon + 1..)).unwrap_or_default()
    }

    /// The name without its group.
    fn name(&self) -> &[u8] {
        let name = self.bytes.split(|byte| matches!(byte, b';' | b':')).next().unwrap_or_default().trim_ascii();
        name.rsplit(|byte| *byte == b'.').next().unwrap_or_default()
    }

    /// Tells whether the value may run on in lines of base64 that are not indented.
    fn takes_base64(&self) -> bool {
        let media = [&b"PHOTO"[..], b"LOGO", b"SOUND", b"KEY"];
        !self.closed
            && (self.form == Some(Form::Base64)
                || self.form == Some(Form::Plain) && media.iter().any(|name| self.name().eq_ignore_ascii_case(name)))
    }

    fn append(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        if self.form.is_none() {
            self.learn_form();
        }
    }
}

/// The parameters in the head of a property; a semicolon within quotation marks parts none, where the marks are in pairs.
pub(super) fn params(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let closed = head.iter().filter(|byte| **byte == b'"').count() % 2 == 0;
    let mut quoted = false;
    let parts = head.split(move |byte| {
        quoted ^= *byte == b'"' && closed;
        *byte == b';' && !quoted
    });
    parts.skip(1).map(<[u8]>::trim_ascii)
}

/// Finds the colon between the head of a property and its value: the first outside quotation marks, or the first.
pub(super) fn find_colon(bytes: &[u8]) -> Option<usize> {
    let mut quoted = false;
    let outside = bytes.iter().position(|byte| {
        quoted ^= *byte == b'"';
        *byte == b':' && !quoted
    });
    outside.or_else(|| bytes.iter().position(|byte| *byte == b':'))
}

/// Joins the folded lines of a card into properties.
pub(super) fn unfold(lines: Vec<Line>, remarks: &mut Vec<Remark>) -> Vec<Logical> {
    let mut unfolding = Unfolding { done: Vec::new(), current: None, stray: Stray::default(), remarks };
    let mut lines = lines.into_iter().peekable();
    while let Some(line) = lines.next() {
        let folded = lines.peek().is_some_and(|next| matches!(next.text.first(), Some(b' ' | b'\t')));
        if agent_value(&line.text).is_some_and(|value| is_blank(value) || Marker::of(value).is_some()) {
            let mut depth = u32::from(agent_value(&line.text).is_some_and(|value| !is_blank(value)));
            let mut agent = Logical::new(line);
            while let Some(next) =
                lines.next_if(|next| depth > 0 || is_blank(&next.text) || Marker::of(&next.text) == Some(Marker::Begin))
            {
                match Marker::of(&next.text) {
                    Some(Marker::Begin) => depth += 1,
                    Some(Marker::End) => depth = depth.saturating_sub(1),
                    None => {}
                }
                let ended = depth == 0 && !is_blank(&next.text);
                agent.nested.push(next);
                if ended {
                    break;
                }
            }
            unfolding.flush();
            unfolding.current = Some(agent);
        } else {
            unfolding.line(line, folded);
        }
    }
    unfolding.flush();
    unfolding.report_stray();
    unfolding.done
}

struct Unfolding<'a> {
    done: Vec<Logical>,
    current: Option<Logical>,
    /// Lines without a colon that were met since the last property.
    stray: Stray,
    remarks: &'a mut Vec<Remark>,
}

impl Unfolding<'_> {
    /// Takes the next line; `folded` tells whether the line after it is indented.
    fn line(&mut self, line: Line, folded: bool) {
        if is_blank(&line.text) && !matches!(line.text.first(), Some(b' ' | b'\t')) {
            if let Some(current) = self.current.as_mut().filter(|current| !current.closed) {
                current.closed = current.form == Some(Form::Base64) && !is_blank(current.value());
            }
            return;
        }
        let line = match self.current.as_mut() {
            Some(current) => match continues(current, line, folded, self.remarks) {
                Some(line) => line,
                None => return,
            },
            None => line,
        };
        if line.text.contains(&b':') || folded {
            self.flush();
            self.current = Some(Logical::new(line));
        } else {
            self.flush();
            self.stray.add(line.number, &line.text);
        }
    }

    fn flush(&mut self) {
        let Some(mut logical) = self.current.take() else { return };
        logical.learn_form_at_last();
        if logical.form.is_none() {
            self.stray.add(logical.number, &logical.bytes);
            return;
        }
        self.report_stray();
        self.done.push(logical);
    }

    fn report_stray(&mut self) {
        mem::take(&mut self.stray).report("has no colon", "have no colon", self.remarks);
    }
}

/// Appends a line to the property before it where it belongs there; gives it back where it does not. `folded` tells
/// whether the line after it is indented.
fn continues(current: &mut Logical, line: Line, folded: bool, remarks: &mut Vec<Remark>) -> Option<Line> {
    let soft = current.form == Some(Form::QuotedPrintable) && current.bytes.ends_with(b"=");
    let indented = matches!(line.text.first(), Some(b' ' | b'\t'));
    if soft && !looks_like_property(&line.text) {
        current.bytes.pop();
        let fold = indented && line.text.get(1) == Some(&b'=');
        current.append(line.text.get(usize::from(fold)..).unwrap_or_default());
        return None;
    }
    if soft {
        remarks.push((
            current.number,
            "the quoted-printable text breaks off in a soft line break; read as complete".into(),
        ));
        current.bytes.pop();
        current.closed = true;
        return Some(line);
    }
    if indented && !current.closed {
        let text = line.text.get(1..).unwrap_or_default();
        current.append(if current.form == Some(Form::Base64) { text.trim_ascii() } else { text });
        return None;
    }
    if current.takes_base64() && is_base64(&line.text) {
        if !mem::replace(&mut current.closed, false) && remarks.last().is_none_or(|(at, _)| *at != current.number) {
            remarks.push((current.number, "the base64 text is not indented; read as if it were".into()));
        }
        current.append(line.text.trim_ascii());
        return None;
    }
    if folded && begins_folded_head(&line.text) {
        return Some(line);
    }
    if line.text.contains(&b':') && (plausible_name(&line.text) || !current.name().eq_ignore_ascii_case(b"NOTE")) {
        return Some(line);
    }
    let escaped = current.bytes.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
    let note = current.name().eq_ignore_ascii_case(b"NOTE") && !is_property_name(line.text.trim_ascii());
    if !(escaped || note && current.form == Some(Form::Plain)) {
        return Some(line);
    }
    remarks.push((line.number, format!("“{}” is a bare line; read as a line of the text above", quote(&line.text))));
    current.append(if escaped { b"n" } else { b"\\n" });
    current.append(&line.text);
    None
}

/// Tells whether a line holds base64 and nothing else.
fn is_base64(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    !line.is_empty() && line.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='))
}

/// Tells whether a line that could be quoted-printable text is the next property all the same.
fn looks_like_property(line: &[u8]) -> bool {
    let Some(end) = line.iter().take(80).position(|byte| matches!(byte, b':' | b';')) else { return false };
    let name = line.get(..end).unwrap_or_default();
    let upper = name.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'-');
    upper && is_property_name(name) && line.contains(&b':')
}

fn is_property_name(name: &[u8]) -> bool {
    const NAMES: [&str; 36] = [
        "FN",
        "N",
        "NICKNAME",
        "PHOTO",
        "BDAY",
        "ADR",
        "LABEL",
        "TEL",
        "EMAIL",
        "MAILER",
        "TZ",
        "GEO",
        "TITLE",
        "ROLE",
        "LOGO",
        "AGENT",
        "ORG",
        "CATEGORIES",
        "NOTE",
        "PRODID",
        "REV",
        "SOUND",
        "URL",
        "UID",
        "KEY",
        "VERSION",
        "IMPP",
        "CLASS",
        "ANNIVERSARY",
        "GENDER",
        "KIND",
        "LANG",
        "RELATED",
        "MEMBER",
        "SOCIALPROFILE",
        "PRONOUNS",
    ];
    let upper = name.to_ascii_uppercase();
    NAMES.iter().any(|known| known.as_bytes() == upper) || upper.starts_with(b"X-")
}

/// Tells whether a line begins a property whose head goes on in the next line.
fn begins_folded_head(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b';').next().unwrap_or_default();
    name.len() < line.len() && is_property_name(name.rsplit(|byte| *byte == b'.').next().unwrap_or_default())
}

/// Tells whether the text before the first colon can be the name of a property.
fn plausible_name(line: &[u8]) -> bool {
    let name = line.split(|byte| matches!(byte, b':' | b';')).next().unwrap_or_default().trim_ascii();
    !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/'))
}
