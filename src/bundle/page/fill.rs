//! The reader page of a memory, or of some of its contacts, filled from one snapshot.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;

use super::{Front, PageWriter, Person, Withheld};
use crate::brief::Brief;
use crate::brief::book::Entry;
use crate::bundle::Statement;
use crate::check;
use crate::error::{Error, Result};
use crate::handoff::Receipt;
use crate::id::{ContactId, HandoffId};
use crate::memory::{Memory, View};
use crate::time;

/// So many contacts, or notes, are read at once.
const AT_ONCE: usize = 500;

/// A page for a browser with all that is known of people, as [`Memory::reader_page`] hands it out: one HTML file that
/// loads nothing, searches as one types, and tells everything without its script too.
///
/// Whatever others wrote stands in it as text: it cannot become markup, a script or a link.
#[derive(Clone, Debug)]
#[must_use = "nothing is read until it is written"]
pub struct ReaderPage {
    memory: Memory,
    contacts: Option<Vec<ContactId>>,
    title: Option<String>,
    handoffs: Vec<HandoffId>,
}

impl Memory {
    /// The page that shows everybody to a reader in a browser: people, their briefs and timelines, who looked after them
    /// and when, what was withheld, and the figures.
    ///
    /// It is read by this handle: take one from [`Memory::seen_by`], so that it holds what the reader may read. All of it
    /// is read on one snapshot when it is written; one brief and a page of its timeline are held at a time.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember};
    ///
    /// let memory = Memory::in_memory()?;
    /// let mia = memory.write(Actor::system("setup"), |w| w.add_member(NewMember::new("Mia Lindqvist")))?;
    /// memory.write(&mia, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Whitcomb"))?;
    ///     w.note(sally, "Stops by when she reaches her weekly weight goal").insight().save()
    /// })?;
    ///
    /// let mut page = Vec::new(); // or std::fs::File::create("index.html")
    /// memory.reader_page().title("Our guests").write(&mut page)?;
    /// assert!(String::from_utf8(page)?.contains("weekly weight goal"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reader_page(&self) -> ReaderPage {
        ReaderPage { memory: self.clone(), contacts: None, title: None, handoffs: Vec::new() }
    }
}

impl ReaderPage {
    /// Of these contacts alone. Links of theirs to others are withheld.
    pub fn of(mut self, contacts: impl IntoIterator<Item = impl Into<ContactId>>) -> Self {
        let mut met = HashSet::new();
        self.contacts = Some(contacts.into_iter().map(Into::into).filter(|id| met.insert(*id)).collect());
        self
    }

    /// The title of the page; `The people we know` unless said.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// With the receipt of a handoff that was completed.
    pub fn handoff(mut self, handoff: HandoffId) -> Self {
        self.handoffs.push(handoff);
        self
    }

    /// Writes the page. Two pages of one state, written at one instant of the clock, are equal.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for an empty title, or one above its limit; [`crate::Error::Unknown`] for a contact or a handoff that is
    /// not in this memory; [`crate::Error::Refused`] for a handoff that is not completed; [`crate::Error::Io`] when `out` fails.
    pub fn write(&self, out: impl io::Write) -> Result<()> {
        let title = self.title.as_deref().unwrap_or("The people we know");
        check::text("title of the reader page", title, check::NAME_MAX)?;
        self.memory.read(|view| {
            let contacts = match &self.contacts {
                Some(contacts) => contacts.clone(),
                None => view.everybody()?,
            };
            let receipts = self.handoffs.iter().map(|id| view.receipt(*id)).collect::<Result<Vec<_>>>()?;
            view.write_page(out, title, &contacts, &receipts)
        })
    }
}

/// What the page says of itself; what was withheld is found by reading unless it is said.
struct Said<'a> {
    title: &'a str,
    about: &'a [String],
    withheld: Option<&'a [Withheld]>,
    receipts: &'a [Receipt],
}

impl View<'_> {
    pub(crate) fn everybody(&self) -> Result<Vec<ContactId>> {
        let (mut everybody, mut after) = (Vec::new(), None);
        loop {
            let page = self.contacts(after, AT_ONCE)?;
            everybody.extend(page.contacts.iter().map(ContactId::from));
            after = page.next;
            if after.is_none() {
                return Ok(everybody);
            }
        }
    }

    fn write_page(&self, out: impl io::Write, title: &str, contacts: &[ContactId], receipts: &[Receipt]) -> Result<()> {
        let at = time::from_micros(self.now_micros())?;
        let about = [format!("As of {} UTC.", at.format("%-d %B %Y, %H:%M")), self.seen_how(self.reader_name()?)];
        self.write_people(out, contacts, &Said { title, about: &about, withheld: None, receipts })
    }

    /// Writes the page of a bundle: of these contacts, with what the bundle says of itself, and how many private notes its
    /// journal has, which the page has not.
    pub(crate) fn write_bundle_page(
        &self,
        out: impl io::Write,
        statement: &Statement,
        contacts: &[ContactId],
        private: u64,
    ) -> Result<()> {
        let mut about = vec![format!("As of {} UTC.", statement.as_of.format("%-d %B %Y, %H:%M"))];
        let said =
            [("From", &statement.sender), ("For", &statement.receiver), ("On instruction of", &statement.instruction)];
        for (what, who) in said {
            about.extend(who.as_ref().map(|who| format!("{what} {who}.")));
        }
        let mut withheld: Vec<Withheld> = statement.withheld.iter().map(Withheld::from).collect();
        withheld.push(Withheld {
            count: private,
            what: ["private note", "private notes"],
            why: "not on this page, but in the journal beside it, for whoever opens that".to_owned(),
        });
        let mut receipts = Vec::new();
        for handoff in self.handoffs()? {
            match self.receipt(handoff.id) {
                Ok(receipt) => receipts.push(receipt),
                // It was not completed, or its receipt stayed behind, as the bundle says of entries of handoffs.
                Err(Error::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let title = &statement.title;
        self.write_people(out, contacts, &Said { title, about: &about, withheld: Some(&withheld), receipts: &receipts })
    }

    fn write_people(&self, out: impl io::Write, contacts: &[ContactId], said: &Said<'_>) -> Result<()> {
        let mut people = self.contents(contacts)?;
        let pressing: Vec<ContactId> = people.iter().filter(|entry| entry.urgent).map(|entry| entry.id).collect();
        people.sort_by(|a, b| (&a.name_key, a.id).cmp(&(&b.name_key, b.id)));
        let places: HashMap<ContactId, usize> = (0..).zip(&people).map(|(place, entry)| (entry.id, place)).collect();
        let pressing: Vec<usize> = pressing.iter().filter_map(|id| places.get(id).copied()).collect();
        let found = match said.withheld {
            Some(_) => Vec::new(),
            None => self.withheld_of_all(&people, &places)?,
        };
        let front = Front {
            title: said.title,
            about: said.about,
            people: &people,
            pressing: &pressing,
            withheld: said.withheld.unwrap_or(&found),
            receipts: said.receipts,
        };
        let mut page = PageWriter::begin(out, &front)?;
        people.iter().try_for_each(|entry| self.write_one(&mut page, entry, &places))?;
        page.end().map(drop)
    }

    fn write_one(
        &self,
        page: &mut PageWriter<'_, impl io::Write>,
        entry: &Entry,
        places: &HashMap<ContactId, usize>,
    ) -> Result<()> {
        let mut brief = self.brief(entry.id)?;
        let links = withhold_links(&mut brief, places);
        let past_promises: Vec<_> =
            self.follow_ups(entry.id)?.into_iter().filter(|promise| !promise.is_open()).collect();
        // About whom a private note is, is not told.
        let withheld = in_words(&BTreeSet::new(), links);
        page.person(&Person { brief: &brief, past_promises: &past_promises, withheld: &withheld })?;
        let mut after = None;
        loop {
            let timeline = self.timeline(entry.id, after, AT_ONCE)?;
            page.notes(&timeline.notes)?;
            after = timeline.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn withheld_of_all(&self, people: &[Entry], places: &HashMap<ContactId, usize>) -> Result<Vec<Withheld>> {
        let (mut notes, mut links) = (BTreeSet::new(), 0);
        for entry in people {
            let (key, contact) = self.contact_with_key(entry.id)?;
            notes.extend(self.withheld_notes(key)?);
            links += contact.links.iter().filter(|link| !places.contains_key(&link.other.id)).count() as u64;
        }
        Ok(in_words(&notes, links))
    }
}

/// Takes the links to those who have no place in the page out of a brief, and says how many those were.
fn withhold_links(brief: &mut Brief, places: &HashMap<ContactId, usize>) -> u64 {
    let links = &mut brief.contact.links;
    let all = links.len();
    links.retain(|link| places.contains_key(&link.other.id));
    (all - links.len()) as u64
}

/// Says what was withheld: notes by their keys and whether they are sealed, and links.
fn in_words(notes: &BTreeSet<(i64, bool)>, links: u64) -> Vec<Withheld> {
    let sealed = notes.iter().filter(|(_, sealed)| *sealed).count() as u64;
    vec![
        Withheld {
            count: notes.len() as u64 - sealed,
            what: ["private note", "private notes"],
            why: "Private to a member, who alone may read them.".to_owned(),
        },
        Withheld {
            count: sealed,
            what: ["sealed note", "sealed notes"],
            why: "Nobody reads them until they are opened for a stated reason.".to_owned(),
        },
        Withheld {
            count: links,
            what: ["link to another contact", "links to other contacts"],
            why: "The others are not among the people of this page.".to_owned(),
        },
    ]
}
