//! Plans, handoffs and receipts in words, for a terminal and for paper.

use std::fmt;

use chrono::{DateTime, Utc};

use super::plan::{Gap, Plan, PlanChange, PlanItem, Unheeded};
use super::receipt::Receipt;
use super::undo::{LeftAlone, Undone};
use super::{Fate, Handoff, HandoffItem, HandoffQuestion, HandoffState, NamedParty, Takeover};
use crate::follow_up::OpenPromise;
use crate::wording::{Count, Visible, and_more, first_of, more_below, paragraph, word_for};

/// So many names, or lines, of each sort are shown, and how many more there are is said.
const SHOWN: usize = 8;

/// Names, with “and” before the last.
struct And<'a>(Vec<&'a str>);

impl fmt::Display for And<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            let before = match at {
                0 => "",
                _ if at + 1 == self.0.len() => " and ",
                _ => ", ",
            };
            write!(f, "{before}{}", Visible(name))?;
        }
        Ok(())
    }
}

fn leavers(leavers: &[NamedParty]) -> And<'_> {
    And(leavers.iter().map(|leaver| leaver.name.as_str()).collect())
}

/// Who leaves, and why.
fn leaving(who: &[NamedParty], reason: &str) -> String {
    let verb = word_for(who.len() as u64, "leaves", "leave");
    format!("{} {verb} ({reason})", leavers(who))
}

/// The first of some lines, each after two spaces, and how many more there are.
fn lines(f: &mut fmt::Formatter<'_>, all: &[String]) -> fmt::Result {
    all.iter().take(SHOWN).try_for_each(|line| paragraph(f, "  - ", line))?;
    more_below(f, all.len().saturating_sub(SHOWN) as u64)
}

/// Successors in a column of names, each with the number of their contacts.
fn shares(f: &mut fmt::Formatter<'_>, shares: &[Takeover]) -> fmt::Result {
    let width = shares.iter().map(|share| share.name.chars().count()).max().unwrap_or(0);
    shares.iter().try_for_each(|share| {
        write!(f, "  {:width$}  ", Visible(&share.name).to_string())?;
        share.write_share(f)?;
        writeln!(f)
    })
}

impl fmt::Display for NamedParty {
    /// The name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Visible(&self.name))
    }
}

impl fmt::Display for Takeover {
    /// The successor, and what they take over.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", Visible(&self.name))?;
        self.write_share(f)
    }
}

impl Takeover {
    fn write_share(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.contacts, self.besides) {
            (contacts, 0) => write!(f, "{}", Count(contacts, "contact")),
            (0, besides) => write!(f, "what was promised to {}", Count(besides, "contact")),
            (contacts, besides) => {
                write!(f, "{}, and what was promised to {besides} more", Count(contacts, "contact"))
            }
        }
    }
}

impl fmt::Display for HandoffQuestion {
    /// About whom, the question, and whether it was answered.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Visible(&self.contact.name), Visible(&self.question))?;
        match self.answered_at {
            Some(at) => write!(f, " (answered on {})", at.date_naive()),
            None => f.write_str(" (not answered)"),
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuccessor => f.write_str("nobody would take over"),
            Self::TheirsAlready => f.write_str("it would go to who has it already"),
            Self::InAnotherHandoff { reason, offered_at, .. } => {
                write!(f, "in the handoff “{}” of {}", Visible(reason), offered_at.date_naive())
            }
            Self::OwnedLater { member_name, since } => {
                write!(f, "{} is to look after them from {} on", Visible(member_name), since.date_naive())
            }
            Self::NoNotes => f.write_str("no note at all"),
            Self::PrivateOnly => f.write_str("private notes alone"),
            Self::OneVoice => f.write_str("only in the words of those who leave"),
            Self::Quiet { since } => write!(f, "nothing noted since {}", since.date_naive()),
            Self::NoBackup => f.write_str("no backup"),
            Self::CoverEnds { member_name, until } => {
                write!(f, "{} stands in until {}", Visible(member_name), until.date_naive())
            }
        }
    }
}

impl fmt::Display for Unheeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "the tag “{}”", Visible(tag)),
            Self::Contact(contact) => write!(f, "{}", Visible(&contact.name)),
        }
    }
}

impl fmt::Display for PlanItem {
    /// The contact, and what stands in the way of its offer or should be looked at.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Visible(&self.contact.name))?;
        let blocked = self.gaps.iter().any(Gap::blocks);
        let told: Vec<String> = self.gaps.iter().filter(|g| g.blocks() || !blocked).map(Gap::to_string).collect();
        if told.is_empty() { Ok(()) } else { write!(f, " ({})", told.join("; ")) }
    }
}

/// A sort of gaps: its title, and what belongs to it.
type Sort = (&'static str, fn(&Gap) -> bool);

/// The sorts of gaps that a plan lists together, with their titles; the first four stand in the way of an offer.
const SORTS: [Sort; 10] = [
    ("nobody would take over", |gap| matches!(gap, Gap::NoSuccessor)),
    ("would go to who has them already", |gap| matches!(gap, Gap::TheirsAlready)),
    ("in another handoff", |gap| matches!(gap, Gap::InAnotherHandoff { .. })),
    ("to be owned by somebody else later", |gap| matches!(gap, Gap::OwnedLater { .. })),
    ("no note at all", |gap| matches!(gap, Gap::NoNotes)),
    ("private notes alone", |gap| matches!(gap, Gap::PrivateOnly)),
    ("only in the words of those who leave", |gap| matches!(gap, Gap::OneVoice)),
    ("gone quiet", |gap| matches!(gap, Gap::Quiet { .. })),
    ("no backup", |gap| matches!(gap, Gap::NoBackup)),
    ("cover that ends", |gap| matches!(gap, Gap::CoverEnds { .. })),
];

impl fmt::Display for Plan {
    /// The plan for a terminal: who takes over how much, what must be decided, what should be looked at, which promises
    /// move, and what becomes of private notes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leaving = leaving(&self.leavers, &self.reason);
        paragraph(f, "", &format!("Plan of {}: {leaving}", self.at.date_naive()))?;
        writeln!(f, "Nothing has changed hands.")?;
        writeln!(f, "\nWould go to")?;
        match self.items.is_empty() {
            true => writeln!(f, "  nobody: there is nothing to hand over")?,
            false => shares(f, &self.successors)?,
        }
        for (stage, until) in &self.stages {
            writeln!(f, "  {stage} until {}", until.date_naive())?;
        }
        let (blocking, others) = SORTS.split_at(4);
        self.write_sorts(f, "To decide before it can be offered", blocking)?;
        self.write_sorts(f, "To look at", others)?;
        if !self.unheeded.is_empty() {
            let words: Vec<String> = self.unheeded.iter().map(Unheeded::to_string).collect();
            writeln!(f, "\nSaid of what is not handed over")?;
            lines(f, &words)?;
        }
        self.write_promises(f)?;
        self.write_private_notes(f)
    }
}

impl Plan {
    fn write_sorts(&self, f: &mut fmt::Formatter<'_>, title: &str, sorts: &[Sort]) -> fmt::Result {
        let found: Vec<(&str, Vec<String>)> = sorts
            .iter()
            .map(|(title, is)| (*title, self.items.iter().flat_map(|item| with_gap(item, is)).collect::<Vec<_>>()))
            .filter(|(_, items)| !items.is_empty())
            .collect();
        if found.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{title}")?;
        for (sort, items) in found {
            paragraph(f, &format!("  {sort}: {} ", items.len()), &format!("({})", first_of(&items, SHOWN)))?;
        }
        Ok(())
    }

    fn write_promises(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut promises: Vec<(&OpenPromise, &PlanItem)> =
            self.items.iter().flat_map(|item| item.promises.iter().map(move |promise| (promise, item))).collect();
        if promises.is_empty() {
            return Ok(());
        }
        promises.sort_by_key(|(promise, _)| (promise.due.is_none(), promise.due));
        writeln!(f, "\nOpen promises, which keep their dates ({})", promises.len())?;
        promises.iter().take(SHOWN).try_for_each(|(promise, item)| {
            let due = promise.due.map_or_else(|| "no date".to_owned(), |due| due.to_string());
            let overdue = if promise.due.is_some_and(|due| due.end() <= self.at) { " (overdue)" } else { "" };
            let to = item.successor_name.as_deref().unwrap_or("nobody");
            let (whom, what, from) = (&item.contact.name, &promise.what, &item.leaver_name);
            paragraph(f, &format!("  {due:10}  "), &format!("{whom}: {what}{overdue} — {from} → {to}"))
        })?;
        more_below(f, promises.len().saturating_sub(SHOWN) as u64)
    }

    fn write_private_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |fate| self.items.iter().filter(|item| item.fate == fate).map(|item| item.private_notes).sum();
        let told = [
            (count(Fate::Release), "released to the successor"),
            (count(Fate::Seal), "sealed until a stated reason opens them"),
            (count(Fate::Withhold), "withheld: private to the author, as before"),
            (self.private_notes_elsewhere, "about contacts that are not handed over: private to the author, as before"),
        ];
        if told.iter().all(|(count, _)| *count == 0) {
            return writeln!(f, "\nPrivate notes\n  none");
        }
        writeln!(f, "\nPrivate notes")?;
        let mut told = told.iter().filter(|(count, _)| *count > 0);
        told.try_for_each(|(count, fate)| writeln!(f, "  {count} {fate}"))
    }
}

/// The name of an item that has a gap, with what is particular to it.
fn with_gap(item: &PlanItem, is: &fn(&Gap) -> bool) -> Option<String> {
    let gap = item.gaps.iter().find(|gap| is(gap))?;
    let name = Visible(&item.contact.name).to_string();
    Some(match gap {
        Gap::InAnotherHandoff { .. } | Gap::OwnedLater { .. } | Gap::CoverEnds { .. } => format!("{name}: {gap}"),
        Gap::Quiet { since } => format!("{name} since {}", since.date_naive()),
        _ => name,
    })
}

impl fmt::Display for PlanChange {
    /// The change as a clause.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nobody = |name: &Option<String>| name.clone().unwrap_or_else(|| "nobody".to_owned());
        match self {
            Self::Added { contact, leaver_name } => {
                write!(f, "{} came to {}", Visible(&contact.name), Visible(leaver_name))
            }
            Self::Gone { contact, leaver_name, owners } if owners.is_empty() => {
                write!(f, "{} no longer has {}", Visible(leaver_name), Visible(&contact.name))
            }
            Self::Gone { contact, owners, .. } => {
                let owners = And(owners.iter().map(String::as_str).collect());
                write!(f, "{} is looked after by {owners}", Visible(&contact.name))
            }
            Self::SuccessorDeparted { member_name } => write!(f, "{} has departed", Visible(member_name)),
            Self::Successor { contact, from, to } => {
                let (from, to) = (nobody(from), nobody(to));
                write!(f, "{} would go to {} instead of {}", Visible(&contact.name), Visible(&to), Visible(&from))
            }
            Self::Blocked { contact, gap } => write!(f, "{}: {gap}", Visible(&contact.name)),
            Self::Shown { what } => write!(f, "{} is shown otherwise than it would be carried out", Visible(what)),
            Self::Promises { contact, from, to } => changed(f, &contact.name, "open promises", *from, *to),
            Self::Notes { contact, from, to } => changed(f, &contact.name, "notes", *from, *to),
            Self::PrivateNotes { contact, from, to, .. } => changed(f, &contact.name, "private notes", *from, *to),
        }
    }
}

fn changed(f: &mut fmt::Formatter<'_>, contact: &str, what: &str, from: u64, to: u64) -> fmt::Result {
    write!(f, "{what} about {}: {to} instead of {from}", Visible(contact))
}

impl fmt::Display for Handoff {
    /// The handoff in a few lines: who leaves, why, where it stands, what is still to learn.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = leaving(&self.leavers, &self.reason);
        line += &format!(": offered on {}", self.offered_at.date_naive());
        line += &match (self.state, self.closed_at) {
            (HandoffState::Withdrawn, Some(at)) => ended("withdrawn", at, self.closed_why.as_deref()),
            (_, Some(at)) => ended("completed", at, None),
            (_, None) => String::new(),
        };
        line += &self.undone_at.map_or_else(String::new, |at| ended("undone", at, self.undone_why.as_deref()));
        paragraph(f, "", &line)?;
        let counts = [
            (self.accepted, "accepted"),
            (self.offered, "awaiting an answer"),
            (self.declined, "declined"),
            (self.kept, "taken out"),
        ];
        let told: Vec<String> =
            counts.iter().filter(|c| c.0 > 0).map(|(count, what)| format!("{count} {what}")).collect();
        writeln!(f, "  contacts: {}", told.join(", "))?;
        if let (Some(stage), HandoffState::Offered) = (self.stage, self.state) {
            write!(f, "  stage: {stage}")?;
            self.stage_since.map_or(Ok(()), |since| write!(f, " since {}", since.date_naive()))?;
            self.stage_until.map_or(Ok(()), |until| write!(f, ", until {}", until.date_naive()))?;
            writeln!(f)?;
        }
        match &self.still_to_learn {
            Some(text) => paragraph(f, "  still to learn: ", text),
            None => Ok(()),
        }
    }
}

/// What became of a handoff, when, and why.
fn ended(what: &str, at: DateTime<Utc>, why: Option<&str>) -> String {
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    format!(", {what} on {}{why}", at.date_naive())
}

impl fmt::Display for HandoffItem {
    /// The contact on one line: from whom, to whom, where it stands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [contact, leaver, successor] =
            [&self.contact.name, &self.leaver_name, &self.successor_name].map(|n| Visible(n));
        write!(f, "{contact}: {leaver} → {successor}, {}", self.state)?;
        self.why.as_ref().map_or(Ok(()), |why| write!(f, " ({})", Visible(why)))
    }
}

/// What entries of a kind are called on a receipt: one of them, and several.
fn called(kind: &str, outcome: HandoffState) -> Option<(&'static str, &'static str)> {
    Some(match (kind, outcome) {
        ("ownership.transferred", _) => ("contact changed hands", "contacts changed hands"),
        ("ownership.assigned", _) => ("role opened", "roles opened"),
        ("ownership.ended", _) => ("role closed", "roles closed"),
        ("follow_up.handed", _) => ("promise moved, with its date", "promises moved, with their dates"),
        ("note.released", HandoffState::Undone) => {
            ("private note given back to its author", "private notes given back to their authors")
        }
        ("note.released", _) => ("private note released", "private notes released"),
        ("note.sealed", _) => ("private note sealed", "private notes sealed"),
        _ => return None,
    })
}

impl fmt::Display for Receipt {
    /// The receipt as a page for print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let undone = self.outcome == HandoffState::Undone;
        let title = if undone { "Handoff undone" } else { "Handoff completed" };
        writeln!(f, "{title} on {} UTC by {}\n", self.at.format("%Y-%m-%d %H:%M"), Visible(&self.by_name))?;
        paragraph(f, "  From    ", &leavers(&self.leavers).to_string())?;
        paragraph(f, "  Reason  ", &self.reason)?;
        self.undone_why.as_ref().map_or(Ok(()), |why| paragraph(f, "  Undone  ", why))?;
        writeln!(f, "\n{}", if undone { "It had gone to" } else { "Taken over by" })?;
        shares(f, &self.successors)?;
        writeln!(f, "\nWritten")?;
        let mut counts: Vec<(&String, &u64)> = self.counts.iter().collect();
        counts.sort_by_key(|(kind, _)| !kind.starts_with("ownership.")); // who looks after whom comes first
        for (kind, count) in counts {
            let (one, several) = called(kind, self.outcome).unwrap_or((kind, kind));
            writeln!(f, "  {count:>6}  {}", word_for(*count, one, several))?;
        }
        self.write_what_stayed(f)?;
        writeln!(f, "\n  Handoff  {}\n  Memory   {}\n  Head     {}", self.handoff, self.memory, self.head)
    }
}

impl Receipt {
    fn write_what_stayed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stayed = [
            (
                self.withheld,
                "private note of those who leave, private to its author",
                "private notes of those who leave, private to their authors",
            ),
            (self.unanswered, "question without an answer", "questions without an answer"),
            (self.left_alone, "thing that changed or came since", "things that changed or came since"),
        ];
        if stayed.iter().all(|(count, ..)| *count == 0) {
            return Ok(());
        }
        writeln!(f, "\nLeft as it is")?;
        stayed
            .iter()
            .filter(|(count, ..)| *count > 0)
            .try_for_each(|(count, one, several)| writeln!(f, "  {count:>6}  {}", word_for(*count, one, several)))
    }
}

impl fmt::Display for LeftAlone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MovedOn { contact, owners } if owners.is_empty() => {
                write!(f, "{} has no owner any more", Visible(&contact.name))
            }
            Self::MovedOn { contact, owners } => {
                let owners = And(owners.iter().map(String::as_str).collect());
                write!(f, "{} went on to {owners}", Visible(&contact.name))
            }
            Self::Promise(promise) => write!(f, "the promise to {promise}"),
            Self::PrivateNote { note } => {
                write!(f, "the private note {note} was corrected, released, opened or retracted since")
            }
            Self::Notes { contact, notes } => {
                write!(f, "{} about {} came since", Count(*notes, "note"), Visible(&contact.name))
            }
            Self::Promises { contact, promises } => {
                write!(f, "{} to {} came since", Count(*promises, "promise"), Visible(&contact.name))
            }
        }
    }
}

impl fmt::Display for Undone {
    /// The receipt, and what was left as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.receipt)?;
        if self.left_alone.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nLeft as it is, in detail")?;
        let came_since = |left: &&LeftAlone| matches!(left, LeftAlone::Notes { .. } | LeftAlone::Promises { .. });
        let changed = self.left_alone.iter().filter(|left| !came_since(left));
        lines(f, &changed.map(LeftAlone::to_string).collect::<Vec<_>>())?;
        self.write_what_came(f, "notes that came since", |left| match left {
            LeftAlone::Notes { contact, notes } => Some((&contact.name, *notes)),
            _ => None,
        })?;
        self.write_what_came(f, "promises that came since", |left| match left {
            LeftAlone::Promises { contact, promises } => Some((&contact.name, *promises)),
            _ => None,
        })
    }
}

impl Undone {
    /// How much of a sort came since, and about whom.
    fn write_what_came(
        &self,
        f: &mut fmt::Formatter<'_>,
        title: &str,
        count: impl Fn(&LeftAlone) -> Option<(&String, u64)>,
    ) -> fmt::Result {
        let came: Vec<(&String, u64)> = self.left_alone.iter().filter_map(count).collect();
        if came.is_empty() {
            return Ok(());
        }
        let total: u64 = came.iter().map(|(_, count)| count).sum();
        let shown: Vec<String> = came.iter().take(SHOWN).map(|(name, count)| format!("{name} {count}")).collect();
        paragraph(f, &format!("  - {title}: {total} "), &format!("({})", and_more(&shown, came.len())))
    }
}
