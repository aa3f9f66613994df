//! What is told about one person, masked: the data as JSON has it, and the same as a reader is told it.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::Serialize;

use crate::attachment::Attachment;
use crate::channel::Channel;
use crate::contact::{DoNotContact, ExternalId};
use crate::follow_up::FollowUpState;
use crate::handle::Handle;
use crate::id::{ContactId, FollowUpId, MemoryId, NoteId};
use crate::note::{Direction, NoteKind, Sensitivity, Via, Visibility};
use crate::ownership::Role;
use crate::time::{DayOfYear, Precision, When};
use crate::wording::Count;

/// A part of the file with items of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    LookedAfterBy,
    Promises,
    ReceivedBy,
    Notes,
    Changes,
}

impl Part {
    /// Every part, in the order of the file.
    pub(super) const ALL: [Self; 5] =
        [Self::LookedAfterBy, Self::Promises, Self::ReceivedBy, Self::Notes, Self::Changes];

    /// The name in the data.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::LookedAfterBy => "looked_after_by",
            Self::Promises => "promises",
            Self::ReceivedBy => "received_by",
            Self::Notes => "notes",
            Self::Changes => "changes",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::LookedAfterBy => "Looked after by",
            Self::Promises => "Promises",
            Self::ReceivedBy => "Who received it",
            Self::Notes => "Notes",
            Self::Changes => "History of the facts",
        }
    }

    /// What the part says where there is nothing in it.
    pub(super) const fn nothing(self) -> &'static str {
        match self {
            Self::LookedAfterBy => "Nobody looks after them, or did.",
            Self::Promises => "Nothing was promised.",
            Self::ReceivedBy => "No agency, and nobody in a handoff, as far as this memory knows.",
            Self::Notes => "There is no note.",
            Self::Changes => "There is none.",
        }
    }
}

/// Who the person is, as it stands.
#[derive(Debug, Serialize)]
pub(super) struct Person {
    pub(super) id: ContactId,
    pub(super) kind: &'static str,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audience: Option<String>,
    pub(super) known_since: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_spoken_to: Option<DateTime<Utc>>,
    pub(super) handles: Vec<Handle>,
    pub(super) fields: BTreeMap<String, String>,
    pub(super) tags: Vec<String>,
    pub(super) dates: BTreeMap<String, String>,
    pub(super) do_not_contact: Vec<DoNotContact>,
    pub(super) links: Vec<Link>,
    pub(super) external_ids: Vec<ExternalId>,
    pub(super) attachments: Vec<Attachment>,
}

/// A link to somebody else.
#[derive(Debug, Serialize)]
pub(super) struct Link {
    pub(super) relation: String,
    pub(super) other: String,
    /// Whether it was made on the other: the other is what the relation says to them.
    pub(super) reversed: bool,
}

/// One thing of a part.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Item {
    Assignment(Assignment),
    Promise(Promise),
    Recipient(Recipient),
    Note(Box<Note>),
    Change(Change),
}

/// An interval in which a member looks after them, or did.
#[derive(Debug, Serialize)]
pub(super) struct Assignment {
    pub(super) member: String,
    pub(super) role: Role,
    pub(super) since: DateTime<Utc>,
    pub(super) until: Option<DateTime<Utc>>,
    pub(super) opened_by: String,
    pub(super) opened_why: Option<String>,
    pub(super) closed_by: Option<String>,
    pub(super) closed_why: Option<String>,
}

/// Something that was promised to them.
#[derive(Debug, Serialize)]
pub(super) struct Promise {
    pub(super) id: FollowUpId,
    pub(super) what: String,
    pub(super) due: Option<When>,
    pub(super) state: FollowUpState,
    pub(super) promised_by: String,
    pub(super) kept_by: String,
    pub(super) added_at: DateTime<Utc>,
    pub(super) added_by: String,
    pub(super) ended_at: Option<DateTime<Utc>>,
    pub(super) ended_by: Option<String>,
    pub(super) ended_why: Option<String>,
    pub(super) note: Option<NoteId>,
    pub(super) changes: Vec<Change>,
}

/// Somebody who received data about them.
#[derive(Debug, Serialize)]
pub(super) struct Recipient {
    /// `agency`: its people looked after them, wrote about them, or were to. `handoff`: a member was offered them.
    /// `bundle`: another memory took in a bundle that may hold them.
    pub(super) kind: &'static str,
    pub(super) recipient: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
}

/// A note about them, or that they said.
#[derive(Debug, Serialize)]
pub(super) struct Note {
    pub(super) id: NoteId,
    pub(super) kind: NoteKind,
    pub(super) text: String,
    pub(super) happened_at: When,
    pub(super) recorded_at: DateTime<Utc>,
    pub(super) said_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recorded_by: Option<String>,
    /// The memory in which it was written down, where it came with a bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory: Option<MemoryId>,
    pub(super) via: Via,
    pub(super) channel: Option<Channel>,
    pub(super) direction: Option<Direction>,
    pub(super) permalink: Option<String>,
    pub(super) visibility: Visibility,
    /// Who alone reads it, where it is private.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) private_to: Option<String>,
    pub(super) sensitivity: Sensitivity,
    /// Who else it is about.
    pub(super) also_about: Vec<String>,
    /// Whether it is about them at all, and not only said by them.
    pub(super) about_them: bool,
    pub(super) corrected_at: Option<DateTime<Utc>>,
    pub(super) retracted_at: Option<DateTime<Utc>>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) external_id: Option<ExternalId>,
    pub(super) source: Option<Source>,
    pub(super) changes: Vec<Change>,
}

/// One change: who made it, when, and from what to what.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub(super) at: DateTime<Utc>,
    pub(super) by: String,
    /// The memory in which it was made, where it came with a bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory: Option<MemoryId>,
    pub(super) what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<Source>,
}

/// What an import read, with others masked.
#[derive(Debug, Serialize)]
pub(super) struct Source {
    pub(super) format: String,
    pub(super) text: String,
}

/// A thing as a reader is told it: when or what, what is said of it, from where, and more that is known of it.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) label: String,
    pub(super) text: String,
    pub(super) aside: String,
    pub(super) more: Vec<(String, String)>,
    pub(super) source: Option<String>,
}

impl Told {
    fn new(label: impl Into<String>, text: impl Into<String>) -> Self {
        Self { label: label.into(), text: text.into(), ..Self::default() }
    }
}

/// An instant as a reader is told it, to the minute.
pub(super) fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

fn day(at: DateTime<Utc>) -> String {
    at.date_naive().to_string()
}

/// A time to the precision that is known, to the minute at most.
fn when(when: When) -> String {
    match when.precision() {
        Precision::Instant => minute(when.start()),
        _ => when.to_string(),
    }
}

/// A day that returns, as a reader is told it.
fn day_in_words(day: &str) -> String {
    let Ok(known) = day.parse::<DayOfYear>() else { return day.to_owned() };
    // 2000 has every day.
    let named = NaiveDate::from_ymd_opt(2000, known.month(), known.day()).map(|day| day.format("%-d %B").to_string());
    match (named, known.year()) {
        (Some(named), Some(year)) => format!("{named} {year}"),
        (Some(named), None) => named,
        (None, _) => day.to_owned(),
    }
}

/// From when to when.
fn span(since: DateTime<Utc>, until: Option<DateTime<Utc>>) -> String {
    match until {
        Some(until) => format!("{} to {}", day(since), day(until)),
        None => format!("since {}", day(since)),
    }
}

impl Person {
    /// The person in sections: a title, and what stands below it.
    pub(super) fn sections(&self) -> Vec<(&'static str, Vec<Told>)> {
        let wish = |wish: &DoNotContact| {
            let channel = wish.channel.map_or_else(|| "at all".to_owned(), |channel| format!("by {channel}"));
            Told::new(format!("not to be contacted {channel}"), wish.why.as_str())
        };
        let mut sections = vec![
            ("Who they are", self.facts()),
            ("How to reach them", self.handles.iter().map(handle).collect()),
            ("What they do not wish", self.do_not_contact.iter().map(wish).collect()),
            ("Linked to", self.links.iter().map(link).collect()),
            ("What other systems call them", self.external_ids.iter().map(external_id).collect()),
            ("Attachments", self.attachments.iter().map(attachment).collect()),
        ];
        sections.retain(|(_, told)| !told.is_empty());
        sections
    }

    fn facts(&self) -> Vec<Told> {
        let mut facts = vec![Told::new("name", self.name.as_str()), Told::new("kind", self.kind)];
        facts.extend(self.audience.as_deref().map(|audience| Told::new("audience", audience)));
        facts.push(Told::new("known since", minute(self.known_since)));
        facts.extend(self.last_spoken_to.map(|at| Told::new("last spoken to", minute(at))));
        facts.extend(self.fields.iter().map(|(name, value)| Told::new(name.replace('_', " "), value.as_str())));
        facts.extend(self.dates.iter().map(|(label, day)| Told::new(label.as_str(), day_in_words(day))));
        facts.extend(self.tags.iter().map(|tag| Told::new("tag", tag.as_str())));
        facts
    }
}

fn handle(handle: &Handle) -> Told {
    let label = handle.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
    let since = handle.since.map(|at| format!(", since {}", day(at))).unwrap_or_default();
    let until = handle.until.map(|at| format!(", until {}", day(at))).unwrap_or_default();
    let id = handle.network_id.as_ref().map(|id| format!(", id {id} there")).unwrap_or_default();
    let aside = format!("{label}{since}{until}{id}");
    Told { aside, ..Told::new(handle.channel.to_string(), handle.address.as_str()) }
}

fn link(link: &Link) -> Told {
    let relation = link.relation.replace('_', " ");
    match link.reversed {
        false => Told::new(relation, link.other.as_str()),
        true => Told::new(format!("{relation}, from the other side"), link.other.as_str()),
    }
}

fn external_id(id: &ExternalId) -> Told {
    Told::new(id.system.as_str(), id.id.as_str())
}

fn attachment(attachment: &Attachment) -> Told {
    let Attachment { name, media_type, size, sha256, .. } = attachment;
    Told::new("file", format!("{name}, {media_type}, {}, SHA-256 {sha256}", Count(*size, "byte")))
}

impl Item {
    pub(super) fn told(&self) -> Told {
        match self {
            Self::Assignment(assignment) => assignment.told(),
            Self::Promise(promise) => promise.told(),
            Self::Recipient(recipient) => recipient.told(),
            Self::Note(note) => note.told(),
            Self::Change(change) => change.told(),
        }
    }
}

/// What more is known of a thing, where it is known.
fn more<const N: usize>(rows: [(&str, Option<String>); N]) -> Vec<(String, String)> {
    rows.into_iter().filter_map(|(label, value)| Some((label.to_owned(), value?))).collect()
}

impl Assignment {
    fn told(&self) -> Told {
        let text = format!("{}, {}", self.member, span(self.since, self.until));
        let more = more([
            ("begun by", Some(self.opened_by.clone())),
            ("because", self.opened_why.clone()),
            ("ended by", self.closed_by.clone()),
            ("ended because", self.closed_why.clone()),
        ]);
        Told { more, ..Told::new(self.role.to_string(), text) }
    }
}

impl Promise {
    fn told(&self) -> Told {
        let due = self.due.map(|due| format!(", until {}", when(due))).unwrap_or_default();
        let mut more = more([
            ("to be kept by", Some(self.kept_by.clone())),
            ("promised by", (self.promised_by != self.kept_by).then(|| self.promised_by.clone())),
            ("written down", Some(format!("{} by {}", minute(self.added_at), self.added_by))),
            ("ended", self.ended_at.map(minute)),
            ("ended by", self.ended_by.clone()),
            ("outcome", self.ended_why.clone()),
        ]);
        more.extend(self.changes.iter().map(Change::row));
        Told { aside: due, more, ..Told::new(self.state.to_string(), self.what.as_str()) }
    }
}

impl Recipient {
    fn told(&self) -> Told {
        let more = more([
            ("from", self.from.clone()),
            ("since", self.since.map(day)),
            ("until", self.until.map(day)),
            ("state", self.state.clone()),
            ("because", self.why.clone()),
        ]);
        Told { more, ..Told::new(self.kind, self.recipient.as_str()) }
    }
}

impl Note {
    fn told(&self) -> Told {
        let marks = [
            Some(self.kind.to_string()).filter(|_| self.kind != NoteKind::Other),
            self.retracted_at.map(|_| "retracted".to_owned()),
            (self.visibility != Visibility::Organisation).then(|| self.visibility.to_string()),
            (self.sensitivity != Sensitivity::Ordinary).then(|| self.sensitivity.to_string()),
            (!self.about_them).then(|| "said by them about others".to_owned()),
        ];
        let aside = format!(" [{}]", marks.into_iter().flatten().collect::<Vec<_>>().join(", "));
        let recorded = match &self.recorded_by {
            Some(by) => format!("{} by {by} (via {})", minute(self.recorded_at), self.via),
            None => minute(self.recorded_at),
        };
        let way = self.direction.map(|direction| match direction {
            Direction::In => "from them".to_owned(),
            Direction::Out => "to them".to_owned(),
        });
        let mut more = more([
            ("said by", self.said_by.clone()),
            ("written down", Some(recorded)),
            ("in the memory", self.memory.map(|memory| memory.to_string())),
            ("channel", self.channel.map(|channel| channel.to_string())),
            ("went", way),
            ("link", self.permalink.clone()),
            ("also about", (!self.also_about.is_empty()).then(|| self.also_about.join(", "))),
            ("private to", self.private_to.clone()),
            ("retracted", self.retracted_at.map(minute)),
            ("id elsewhere", self.external_id.as_ref().map(|id| format!("{} in {}", id.id, id.system))),
        ]);
        more.extend(self.attachments.iter().map(attachment).map(|told| (told.label, told.text)));
        more.extend(self.changes.iter().map(Change::row));
        let source = self.source.as_ref().map(|source| source.text.clone());
        Told { aside, more, source, ..Told::new(when(self.happened_at), self.text.as_str()) }
    }
}

impl Change {
    fn told(&self) -> Told {
        let (label, text) = self.row();
        let source = self.source.as_ref().map(|source| source.text.clone());
        Told { source, ..Told::new(label, text) }
    }

    /// The change on one row: when, then by whom and what.
    fn row(&self) -> (String, String) {
        let from = self.from.as_ref().map(|from| format!(" from “{from}”")).unwrap_or_default();
        let to = self.to.as_ref().map(|to| format!(" to “{to}”")).unwrap_or_default();
        let why = self.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let memory = self.memory.map(|memory| format!(", in the memory {memory}")).unwrap_or_default();
        (minute(self.at), format!("{} {}{from}{to}{why}{memory}", self.by, self.what))
    }
}

/// An instant in the data.
pub(super) fn exact(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
