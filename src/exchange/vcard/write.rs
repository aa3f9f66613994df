//! vCard 4.0 (RFC 6350) with the properties of RFC 9554, written so that other address books read what they know, and
//! [`super::VCardReader`] reads back all of it. What has no place in the standard stands in properties and parameters
//! whose names begin with `X-HEIRLOOM-`.

use std::borrow::Cow;
use std::io::{self, Write};

use chrono::{DateTime, Utc};

use crate::channel::Channel;
use crate::contact::{Contact, ContactKind, Link, field};
use crate::exchange::{Unsaid, address_anywhere};
use crate::handle::Handle;
use crate::note::{Note, Sensitivity, Visibility};
use crate::ownership::Assignment;
use crate::time::DayOfYear;

/// The longest line, in octets without its end (RFC 6350, section 3.2).
const LINE: usize = 75;
/// The fields that are parts of `N`, in its order (RFC 6350, section 6.2.2, and RFC 9554, section 2.2).
pub(super) const NAME_PARTS: [&str; 7] = [
    field::FAMILY_NAME,
    field::GIVEN_NAME,
    field::MIDDLE_NAME,
    field::NAME_PREFIX,
    field::NAME_SUFFIX,
    "secondary_surname",
    "generation",
];
/// The fields that have a property of one text each.
const TEXT_FIELDS: [(&str, &str); 5] = [
    (field::NICKNAME, "NICKNAME"),
    (field::JOB_TITLE, "TITLE"),
    ("role", "ROLE"),
    (field::PRONOUNS, "PRONOUNS"),
    ("time_zone", "TZ"),
];
/// The types that RFC 6350, section 6.4.1, has for telephones and that are read back as they are.
const PHONE_TYPES: [&str; 5] = ["work", "home", "cell", "fax", "pager"];
/// The relations of RFC 6350, section 6.6.6.
const RELATIONS: [&str; 20] = [
    "contact",
    "acquaintance",
    "friend",
    "met",
    "co-worker",
    "colleague",
    "co-resident",
    "neighbor",
    "child",
    "parent",
    "sibling",
    "spouse",
    "kin",
    "muse",
    "crush",
    "date",
    "sweetheart",
    "me",
    "agent",
    "emergency",
];

/// Writes cards, one at a time, to an output.
pub(crate) struct CardWriter<W> {
    output: W,
    /// The property at hand, not yet folded.
    line: String,
    /// How many groups the card has.
    groups: u32,
    /// What was changed or left out.
    pub(crate) unsaid: Unsaid,
}

impl<W: Write> CardWriter<W> {
    /// Writes to an output, which should be buffered.
    pub(crate) fn new(output: W) -> Self {
        Self { output, line: String::new(), groups: 0, unsaid: Unsaid::default() }
    }

    /// Writes what is held back by the output.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.output.flush()
    }

    /// Begins the card of a contact with everything but its notes; `links` are those that are written.
    pub(crate) fn begin(&mut self, contact: &Contact, links: &[&Link], owners: &[Assignment]) -> io::Result<()> {
        self.groups = 0;
        for line in ["BEGIN:VCARD", "VERSION:4.0", "PRODID:-//heirloom//contacts 1//EN"] {
            self.line.push_str(line);
            self.end()?;
        }
        self.property("UID", &[], &format!("urn:uuid:{}", contact.id))?;
        let kind = match contact.kind {
            ContactKind::Person => "individual",
            ContactKind::Organisation => "org",
        };
        self.property("KIND", &[], kind)?;
        self.property("FN", &[], &contact.name)?;
        self.fields(contact)?;
        self.property("CREATED", &[], &timestamp(contact.added_at))?;
        self.dates(contact)?;
        self.tags(&contact.tags)?;
        for handle in &contact.handles {
            self.handle(handle)?;
        }
        for link in links {
            self.link(link)?;
        }
        self.property("X-HEIRLOOM-AUDIENCE", &[], &contact.audience)?;
        for wish in &contact.do_not_contact {
            let channel = wish.channel.map_or("*", Channel::word);
            self.property("X-HEIRLOOM-DO-NOT-CONTACT", &[("X-HEIRLOOM-CHANNEL", channel)], &wish.why)?;
        }
        for id in &contact.external_ids {
            self.property("X-HEIRLOOM-EXTERNAL-ID", &[("X-HEIRLOOM-SYSTEM", &id.system)], &id.id)?;
        }
        owners.iter().try_for_each(|owner| self.owner(owner))
    }

    /// Ends the card.
    pub(crate) fn end_card(&mut self) -> io::Result<()> {
        self.line.push_str("END:VCARD");
        self.end()
    }

    /// Writes a note; `about` counts the contacts of the export that it is about, and `said_by` is left out where the one
    /// who said it is not to be named.
    pub(crate) fn note(&mut self, note: &Note, about: u32, names_speaker: bool) -> io::Result<()> {
        let id = note.id.to_string();
        let (created, happened) = (timestamp(note.recorded_at), note.happened_at.to_string());
        let author = note.recorded_by.member().map(|member| format!("urn:uuid:{member}"));
        let about = (about > 1).then(|| about.to_string());
        let speaker = note.said_by.as_ref().filter(|_| names_speaker);
        let speaker_id = speaker.and_then(|s| s.contact).map(|id| id.to_string());
        let mut params: Vec<(&str, &str)> = Vec::with_capacity(16);
        params.push(("AUTHOR-NAME", &note.recorded_by_name));
        params.extend(author.as_deref().map(|author| ("AUTHOR", author)));
        params.push(("CREATED", &created));
        params.push(("X-HEIRLOOM-ID", &id));
        params.push(("X-HEIRLOOM-KIND", note.kind.word()));
        params.push(("X-HEIRLOOM-HAPPENED", &happened));
        params.extend(speaker.map(|speaker| ("X-HEIRLOOM-SAID-BY", speaker.name.as_str())));
        params.extend(speaker_id.as_deref().map(|id| ("X-HEIRLOOM-SAID-BY-ID", id)));
        params.push(("X-HEIRLOOM-VIA", note.via.word()));
        params.extend(note.channel.map(|channel| ("X-HEIRLOOM-CHANNEL", channel.word())));
        params.extend(note.direction.map(|direction| ("X-HEIRLOOM-DIRECTION", direction.word())));
        params.extend(note.permalink.as_deref().map(|link| ("X-HEIRLOOM-PERMALINK", link)));
        if note.visibility != Visibility::Organisation {
            params.push(("X-HEIRLOOM-VISIBILITY", note.visibility.word()));
        }
        if note.sensitivity != Sensitivity::Ordinary {
            params.push(("X-HEIRLOOM-SENSITIVITY", note.sensitivity.word()));
        }
        params.extend(about.as_deref().map(|about| ("X-HEIRLOOM-ABOUT", about)));
        self.property("NOTE", &params, &note.text)
    }

    fn fields(&mut self, contact: &Contact) -> io::Result<()> {
        let known = |name: &str| contact.fields.get(name).map(String::as_str).filter(|value| is_plain(value));
        let parts = NAME_PARTS.map(|name| known(name).unwrap_or_default());
        let used = parts.iter().rposition(|part| !part.is_empty()).map(|last| (last + 1).max(5));
        if let Some(used) = used {
            self.compound("N", parts.get(..used).unwrap_or_default())?;
        }
        match (known(field::COMPANY), known(field::DEPARTMENT)) {
            (None, None) => {}
            (company, None) => self.compound("ORG", &[company.unwrap_or_default()])?,
            (company, Some(department)) => self.compound("ORG", &[company.unwrap_or_default(), department])?,
        }
        for (name, property) in TEXT_FIELDS {
            if let Some(value) = known(name) {
                self.property(property, &[], value)?;
            }
        }
        if let Some(language) = known(field::LANGUAGE).filter(|tag| is_language_tag(tag)) {
            self.property("LANG", &[], language)?;
        }
        for (name, value) in contact.fields.iter().filter(|(name, value)| !has_property(name, value)) {
            match RELATIONS.contains(&name.as_str()) && is_plain(value) {
                true => self.property("RELATED", &[("TYPE", name), ("VALUE", "text")], value)?,
                false => self.property("X-HEIRLOOM-FIELD", &[("X-HEIRLOOM-NAME", name)], value)?,
            }
        }
        Ok(())
    }

    fn dates(&mut self, contact: &Contact) -> io::Result<()> {
        for (label, day) in &contact.dates {
            let value = day_value(*day);
            match label.as_str() {
                "birthday" => self.property("BDAY", &[], &value)?,
                "anniversary" => self.property("ANNIVERSARY", &[], &value)?,
                _ => self.labelled("X-ABDATE", &[("VALUE", "date-and-or-time")], &value, label)?,
            }
        }
        Ok(())
    }

    fn tags(&mut self, tags: &[String]) -> io::Result<()> {
        if tags.is_empty() {
            return Ok(());
        }
        self.line.push_str("CATEGORIES:");
        for (at, tag) in tags.iter().enumerate() {
            if at > 0 {
                self.line.push(',');
            }
            self.text(tag);
        }
        self.end()
    }

    fn handle(&mut self, handle: &Handle) -> io::Result<()> {
        let written = address_anywhere(handle, &mut self.unsaid);
        let (property, value) = place(handle, written);
        let (since, until) = (handle.since.map(timestamp), handle.until.map(timestamp));
        let mut params: Vec<(&str, &str)> = Vec::with_capacity(8);
        // What is theirs no more must not be dialled by whoever reads the card.
        let (property, value) =
            if until.is_some() { ("X-HEIRLOOM-FORMER", written.to_owned()) } else { (property, value) };
        let is_told = match property {
            "EMAIL" | "TEL" | "ADR" => true,
            "SOCIALPROFILE" => {
                params.push(("SERVICE-TYPE", handle.channel.name()));
                true
            }
            "URL" => Channel::of_link(&value).is_none(),
            _ => false,
        };
        if !is_told {
            params.push(("X-HEIRLOOM-CHANNEL", handle.channel.word()));
        }
        if property == "SOCIALPROFILE" && !value.starts_with("https://") {
            params.push(("VALUE", "text"));
        }
        if value != written {
            params.push(("X-HEIRLOOM-ADDRESS", written));
        }
        params.extend(handle.network_id.as_deref().map(|id| ("X-USERID", id)));
        params.extend(since.as_deref().map(|at| ("X-HEIRLOOM-SINCE", at)));
        params.extend(until.as_deref().map(|at| ("X-HEIRLOOM-UNTIL", at)));
        let types: &[&str] = match property {
            "EMAIL" | "ADR" => &["work", "home"],
            "TEL" => &PHONE_TYPES,
            _ => &[],
        };
        match handle.label.as_deref() {
            Some(label) if types.contains(&label) => params.push(("TYPE", label)),
            Some(label) => return self.labelled(property, &params, &value, label),
            None => {}
        }
        self.property(property, &params, &value)
    }

    /// Writes a link by the id of the other card, with the other's name for those who cannot look it up.
    fn link(&mut self, link: &Link) -> io::Result<()> {
        let usual = RELATIONS.contains(&link.relation.as_str());
        let params = [
            ("TYPE", if usual { link.relation.as_str() } else { "contact" }),
            ("VALUE", "uri"),
            ("X-HEIRLOOM-RELATION", &link.relation),
            ("X-HEIRLOOM-NAME", &link.other.name),
        ];
        self.property("RELATED", &params, &format!("urn:uuid:{}", link.other.id))
    }

    fn owner(&mut self, owner: &Assignment) -> io::Result<()> {
        let member = owner.member.to_string();
        let (since, until) = (timestamp(owner.since), owner.until.map(timestamp));
        let mut params = vec![
            ("X-HEIRLOOM-ROLE", owner.role.word()),
            ("X-HEIRLOOM-SINCE", since.as_str()),
            ("X-HEIRLOOM-MEMBER", member.as_str()),
        ];
        params.extend(until.as_deref().map(|at| ("X-HEIRLOOM-UNTIL", at)));
        params.extend(owner.opened_why.as_deref().map(|why| ("X-HEIRLOOM-WHY", why)));
        params.extend(owner.closed_why.as_deref().map(|why| ("X-HEIRLOOM-WHY-ENDED", why)));
        self.property("X-HEIRLOOM-OWNER", &params, &owner.member_name)
    }

    /// Writes a property with a label of the person's own, in the manner that Apple began and others read.
    fn labelled(&mut self, property: &str, params: &[(&str, &str)], value: &str, label: &str) -> io::Result<()> {
        self.groups += 1;
        let group = format!("item{}", self.groups);
        self.property(&format!("{group}.{property}"), params, value)?;
        self.property(&format!("{group}.X-ABLabel"), &[], label)
    }

    fn property(&mut self, name: &str, params: &[(&str, &str)], value: &str) -> io::Result<()> {
        self.line.push_str(name);
        for (name, value) in params {
            self.param(name, value);
        }
        self.line.push(':');
        match name.rsplit('.').next().unwrap_or_default() {
            "ADR" => {
                self.line.push_str(";;");
                self.text(value);
                self.line.push_str(";;;;");
            }
            // A URI holds no character that would have to be escaped, and must not be.
            "UID" | "URL" | "RELATED" | "SOCIALPROFILE" | "IMPP"
                if is_uri(value) && !params.contains(&("VALUE", "text")) =>
            {
                self.line.push_str(value)
            }
            _ => self.text(value),
        }
        self.end()
    }

    fn compound(&mut self, name: &str, parts: &[&str]) -> io::Result<()> {
        self.line.push_str(name);
        for (at, part) in parts.iter().enumerate() {
            self.line.push(if at == 0 { ':' } else { ';' });
            self.text(part);
        }
        self.end()
    }

    /// Appends a parameter: quoted where it must be (RFC 6350, section 5), escaped as RFC 6868 has it.
    fn param(&mut self, name: &str, value: &str) {
        let value = sayable(value, &mut self.unsaid);
        let bare = !value.is_empty() && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        self.line.extend([";", name, "="]);
        if bare {
            return self.line.push_str(&value);
        }
        self.line.push('"');
        for c in value.chars() {
            match c {
                '\n' => self.line.push_str("^n"),
                '^' => self.line.push_str("^^"),
                '"' => self.line.push_str("^'"),
                c => self.line.push(c),
            }
        }
        self.line.push('"');
    }

    /// Appends a text, escaped (RFC 6350, section 3.4).
    fn text(&mut self, value: &str) {
        for c in sayable(value, &mut self.unsaid).chars() {
            match c {
                '\n' => self.line.push_str("\\n"),
                '\\' | ',' | ';' => self.line.extend(['\\', c]),
                c => self.line.push(c),
            }
        }
    }

    /// Writes the property at hand, folded.
    fn end(&mut self) -> io::Result<()> {
        let mut rest = self.line.as_str();
        let mut first = true;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(cut(rest, first));
            if !first {
                self.output.write_all(b" ")?;
            }
            self.output.write_all(piece.as_bytes())?;
            self.output.write_all(b"\r\n")?;
            (rest, first) = (after, false);
        }
        self.line.clear();
        Ok(())
    }
}

/// Chooses the property for an address, and its value there.
fn place(handle: &Handle, written: &str) -> (&'static str, String) {
    let Handle { channel, address, key, .. } = handle;
    let link = |of: &str| channel.link(of).filter(|link| is_uri(link));
    match channel {
        Channel::Email => ("EMAIL", key.clone()),
        Channel::Phone => ("TEL", written.to_owned()),
        Channel::Post => ("ADR", written.to_owned()),
        // The page itself is where it was said to be; its key leaves out what does not tell pages apart.
        Channel::Web => match link(address) {
            Some(link) => ("URL", link),
            None => ("X-HEIRLOOM-HANDLE", written.to_owned()),
        },
        Channel::Other if is_uri(written) => ("IMPP", written.to_owned()),
        Channel::Other => ("X-HEIRLOOM-HANDLE", written.to_owned()),
        _ => ("SOCIALPROFILE", link(key).unwrap_or_else(|| key.clone())),
    }
}

/// How many bytes of what is left of a property go on a line. The end of a line never parts a character, and what comes
/// on the next line does not look like the frame of a card or like a card within the card: lenient readers look for
/// those in every line.
fn cut(rest: &str, first: bool) -> usize {
    let room = if first { LINE } else { LINE - 1 };
    let colon = rest.bytes().take(room).position(|byte| byte == b':').filter(|colon| !first && *colon > 0);
    if let Some(colon) = colon {
        let name = rest.get(..colon).unwrap_or_default();
        let name = name.split(';').next().unwrap_or_default().trim();
        if name.rsplit('.').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("AGENT")) {
            return colon;
        }
    }
    if rest.len() <= room {
        return rest.len();
    }
    let fits = |at: &usize| rest.is_char_boundary(*at) && !is_like_a_frame(rest.get(*at..).unwrap_or_default());
    let back = (1..=room).rev().find(fits);
    back.or_else(|| (room + 1..rest.len()).find(fits)).unwrap_or(rest.len())
}

/// Whether a line that begins with a text begins as the frame of a card does, blanks aside.
fn is_like_a_frame(text: &str) -> bool {
    let line = text.bytes().take(LINE);
    let mut letters = line.filter(|byte| !byte.is_ascii_whitespace()).map(|byte| byte.to_ascii_uppercase());
    matches!(
        (letters.next(), letters.next(), letters.next()),
        (Some(b'B'), Some(b'E'), Some(b'G')) | (Some(b'E'), Some(b'N'), Some(b'D'))
    )
}

/// Whether a field is written in a property of its own.
fn has_property(name: &str, value: &str) -> bool {
    let known = NAME_PARTS.contains(&name)
        || [field::COMPANY, field::DEPARTMENT].contains(&name)
        || TEXT_FIELDS.iter().any(|(known, _)| *known == name)
        || name == field::LANGUAGE && is_language_tag(value);
    known && is_plain(value)
}

/// A text without what vCard has no way to say: a control character is replaced, the end of a line is LF.
fn sayable<'t>(text: &'t str, unsaid: &mut Unsaid) -> Cow<'t, str> {
    let is_control = |c: char| c.is_ascii_control() && !matches!(c, '\n' | '\t');
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let lines = text.replace("\r\n", "\n").replace('\r', "\n");
    if lines.len() < text.len() || text.contains('\r') {
        unsaid.add("texts whose line ends CR LF or CR became LF");
    }
    if lines.contains(is_control) {
        unsaid.add("texts whose control characters became �");
        return Cow::Owned(lines.replace(is_control, "\u{FFFD}"));
    }
    Cow::Owned(lines)
}

/// Whether a value is read back as it is by every reader: with something in it, and without blanks around it.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.trim() == value
}

/// Whether a text has the form of a language tag (RFC 5646, section 2.1).
fn is_language_tag(text: &str) -> bool {
    text.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Whether a text is a URI as it stands: a scheme, and no character that a URI cannot have (RFC 3986, section 2).
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    scheme.len() >= 2
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
        && !rest.is_empty()
        && rest.bytes().all(|b| {
            b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
        })
}

/// An instant as a timestamp (RFC 6350, section 4.3.5); to the second, which is as fine as it goes.
fn timestamp(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// A day as a date (RFC 6350, section 4.3.1).
fn day_value(day: DayOfYear) -> String {
    match day.year() {
        Some(year) => format!("{year:04}{:02}{:02}", day.month(), day.day()),
        None => format!("--{:02}{:02}", day.month(), day.day()),
    }
}
