//! Erasure: the one thing that truly deletes.
//!
//! Bodies of entries go with their salts, rows and words go from every table and index, and headers stay, so that the chain
//! still verifies. The entry that says so travels like any other, and erases the same wherever it comes.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::actor::Actor;
#[cfg(feature = "bundle")]
use crate::change::Change;
use crate::check;
use crate::contact::ContactSummary;
use crate::error::{Error, Result};
use crate::id::{ContactId, FollowUpId, MemberId, NoteId};
use crate::journal::{Absence, Applied, Hash, Subject, Writer, gone};
use crate::member::Member;
use crate::memory::{Memory, View};
use crate::search::fold;
use crate::store::{RowExt, Sql, SqlExt, Value};
use crate::time;
use crate::verify::Table;
use crate::wording::{Count, Visible};

mod going;
mod held;
#[cfg(feature = "bundle")]
mod kept_out;
mod many;
mod masked;
mod preview;

pub(crate) use self::going::Besides;
use self::going::Going;
pub(crate) use self::held::linked_to_held;
#[cfg(feature = "bundle")]
pub(crate) use self::kept_out::KeptOut;
pub(crate) use self::many::ToErase;
#[cfg(feature = "bundle")]
pub(crate) use self::masked::{masked, may_be_masked};
pub use self::preview::{ErasurePreview, Shared};

/// `contact.erased`: everything about a contact is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ContactErased {
    /// Why, without anything personal.
    pub why: String,
    /// The key under which the addresses are hashed.
    pub hash_key: Hash,
    /// The addresses that no other contact had, each as a hash under that key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Hash>,
    /// The notes that were erased with the contact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteId>,
    /// The promises that were erased with the contact.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow_ups: Vec<FollowUpId>,
}

/// `note.erased`: a note is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoteErased {
    /// Why, without anything personal.
    pub why: String,
}

/// `follow_up.erased`: a promise is erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FollowUpErased {
    /// Why, without anything personal.
    pub why: String,
}

/// `member.erased`: who a member was is erased; what they wrote stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemberErased {
    /// Why, without anything personal.
    pub why: String,
}

/// `memory.purged`: what had been handed over was deleted here. It is written with the deletion, and again with each
/// certification of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MemoryPurged {
    /// The certificate of deletion, word for word; it holds nothing personal.
    pub certificate: String,
}

/// What an erasure took away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use = "it says whether something could not be scrubbed from the file yet"]
pub struct Erased {
    /// Contacts.
    pub contacts: u64,
    /// Notes.
    pub notes: u64,
    /// Promises.
    pub follow_ups: u64,
    /// Attachments whose bytes nobody else named.
    pub attachments: u64,
    /// Members, of whom who they were went.
    pub members: u64,
    /// Bodies of entries, those of all the above included.
    pub bodies: u64,
    /// Bodies of entries in which the name of a member was masked.
    pub masked: u64,
    /// Contacts who were erased elsewhere and stay here for as long as a legal hold lies on them, or on another whom a note of
    /// theirs is about too, or who said it, or to whom they are linked. They go when it is lifted.
    pub held_back: Vec<ContactSummary>,
    /// Members who were erased elsewhere and of whom who they were stays for as long as a legal hold lies on somebody whom they
    /// looked after, or of whom they wrote anything.
    pub members_held_back: Vec<Member>,
    /// The numbers of the entries whose bodies went, until the write is done.
    #[serde(skip)]
    numbers: BTreeSet<i64>,
    /// Why the file could not be scrubbed yet of what stood in its freed pages and in its log, such as somebody who reads;
    /// `None` when nothing remains. Call [`Memory::scrub`] later.
    pub remains: Option<String>,
}

impl Erased {
    /// Whether anything was erased, so that the file is to be scrubbed.
    pub const fn is_any(&self) -> bool {
        self.bodies > 0 || self.masked > 0 || self.attachments > 0
    }

    fn take(&mut self, seq: i64, had_body: bool) {
        self.bodies += u64::from(had_body);
        self.numbers.insert(seq);
    }
}

impl fmt::Display for Erased {
    /// What went, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.contacts, "contact"),
            (self.notes, "note"),
            (self.follow_ups, "promise"),
            (self.members, "member"),
            (self.attachments, "attachment"),
        ];
        let told: Vec<String> =
            counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| Count(*n, what).to_string()).collect();
        match told.is_empty() {
            true => f.write_str("nothing more")?,
            false => f.write_str(&told.join(", "))?,
        }
        let contacts = self.held_back.iter().map(|contact| contact.name.as_str());
        let names: Vec<&str> =
            contacts.chain(self.members_held_back.iter().map(|member| member.name.as_str())).collect();
        if !names.is_empty() {
            write!(f, "; a legal hold keeps {}", Visible(&names.join(", ")))?;
        }
        match &self.remains {
            Some(why) => write!(f, "; call scrub later: {why}"),
            None => Ok(()),
        }
    }
}

/// The tables of this noun.
pub(crate) const TABLES: &[Table] = &[
    Table {
        name: "tombstone",
        clear: "DELETE FROM tombstone",
        scan: "SELECT * FROM tombstone ORDER BY id",
        of: &[],
        forget: "",
    },
    Table {
        name: "tombstone_address",
        clear: "DELETE FROM tombstone_address",
        scan: "SELECT * FROM tombstone_address ORDER BY hash_key, hash, id",
        of: &[],
        forget: "",
    },
];

pub(crate) fn apply_contact_erased(sql: &dyn Sql, entry: &Applied<'_>, change: &ContactErased) -> Result<()> {
    apply_erased(sql, entry, "contact")?;
    for hash in &change.addresses {
        sql.execute(
            "INSERT INTO tombstone_address (hash_key, hash, id, at)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (hash_key, hash, id) DO UPDATE SET at = excluded.at WHERE excluded.at < tombstone_address.at",
            &[Value::Blob(&change.hash_key.0), Value::Blob(&hash.0), (&entry.about).into(), Value::Int(entry.at)],
        )?;
    }
    let notes = change.notes.iter().map(|id| (id.0, "note"));
    let follow_ups = change.follow_ups.iter().map(|id| (id.0, "follow_up"));
    notes.chain(follow_ups).try_for_each(|(id, noun)| bury(sql, &id, noun, entry.at))
}

/// Remembers that the subject of an entry was erased by it.
pub(crate) fn apply_erased(sql: &dyn Sql, entry: &Applied<'_>, noun: &str) -> Result<()> {
    bury(sql, &entry.about, noun, entry.at)
}

/// Remembers that something was erased: of several times the first, so that their order does not matter.
fn bury(sql: &dyn Sql, id: &Uuid, noun: &str, at: i64) -> Result<()> {
    sql.execute(
        "INSERT INTO tombstone (id, noun, at) VALUES ($1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET at = excluded.at WHERE excluded.at < tombstone.at",
        &[id.into(), Value::Text(noun), Value::Int(at)],
    )?;
    Ok(())
}

/// What an erasure of a contact lists that stands here and is not about them.
#[cfg(feature = "bundle")]
pub(crate) fn stranger(sql: &dyn Sql, contact: ContactId, erased: &ContactErased) -> Result<Option<Uuid>> {
    let listed = erased.notes.iter().map(|id| (id.0, "note.added"));
    for (id, begins) in listed.chain(erased.follow_ups.iter().map(|id| (id.0, "follow_up.added"))) {
        let is_theirs = sql.first(
            "SELECT e.kind, e.version, b.body FROM entry e LEFT JOIN entry_body b ON b.seq = e.seq WHERE e.id = $1",
            &[(&id).into()],
            |row| {
                let (kind, version) = (row.text(0)?, row.int(1)?);
                let change = row.opt_text(2)?.map(|body| Change::read(kind, version, body)).transpose()?;
                let names = |change: &Change| Ok::<_, Error>(going::named_in(change)?.contains(&contact));
                Ok(kind == begins && change.as_ref().map(names).transpose()?.unwrap_or(true))
            },
        )?;
        if is_theirs == Some(false) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Whether an entry of a kind says that something was erased; such an entry stays.
pub(crate) fn erases(kind: &str) -> bool {
    matches!(kind, "contact.erased" | "note.erased" | "follow_up.erased" | "member.erased")
}

/// What is to be said of an id that names nothing: that it was erased, or that there never was such a thing.
pub(crate) fn missing(sql: &dyn Sql, noun: &'static str, id: Uuid) -> Error {
    let at = sql.first("SELECT at FROM tombstone WHERE id = $1", &[(&id).into()], |row| row.int(0));
    let kept_out = || matches!(gone::why(sql, id.as_bytes()), Ok(Some(Absence::Erased | Absence::Purged)));
    match at {
        Ok(Some(at)) => Error::Erased { noun, which: id.to_string(), at: time::from_micros(at).ok() },
        Ok(None) if kept_out() => Error::Erased { noun, which: id.to_string(), at: None },
        Ok(None) => Error::unknown(noun, id),
        Err(error) => error,
    }
}

impl Memory {
    /// Looks at what an erasure of a contact would take with it, before it is done.
    pub fn erasure(&self, contact: impl Into<ContactId>) -> Result<ErasurePreview> {
        let contact = contact.into();
        self.read(|view| preview::of(view, contact))
    }

    /// Finds in whose entries a text stands, upper and lower case and marks aside, such as the name of somebody who is to be
    /// erased: in texts of notes about others, in promises, in what an import read. It looks through everything, whoever may
    /// read it, and names no more than the subjects, in the order of their entries.
    ///
    /// What an erasure does not reach by itself is decided by hand: [`Memory::erase_note`], or a note without the name first.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty text.
    pub fn mentions(&self, text: &str) -> Result<Vec<Subject>> {
        check::name("text to be found", text)?;
        self.read(|view| preview::mentions(view.sql(), text))
    }

    /// Erases a contact: their facts, handles and history, the notes about them and said by them, the promises to them, the
    /// links of others to them. No word of it remains in the file, its search index, or its log; that it was erased, when, by
    /// whom and why does, and old bundles do not bring it back.
    ///
    /// A note about several contacts goes for all of them: look at [`Memory::erasure`] first, and write what is to be
    /// kept of the others down as a note of its own. Backups and bundles that were made before are not reached: delete them, or
    /// erase again after restoring one.
    ///
    /// ```
    /// use heirloom::{Actor, Channel, Error, Memory, NewContact};
    ///
    /// let memory = Memory::in_memory()?;
    /// let desk = Actor::system("front desk");
    /// let sally = memory.write(&desk, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh").handle(Channel::Email, "sally@mail.example"))?;
    ///     w.note(sally, "Stops by when she reaches her weekly weight goal").save()?;
    ///     Ok(sally)
    /// })?;
    /// let preview = memory.erasure(sally)?;
    /// assert_eq!((preview.notes, preview.shared.len()), (1, 0));
    ///
    /// let erased = memory.erase(&desk, sally, "the person asked for it (case 17)")?;
    /// assert!(erased.notes == 1 && erased.remains.is_none());
    /// assert!(matches!(memory.contact(sally), Err(Error::Erased { .. })));
    /// assert!(memory.search("weight goal").run()?.is_empty());
    /// assert!(memory.verify()?.is_sound());
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] while a legal hold lies on the contact, on another whom one of the notes is about or who said it, or
    /// on one to whom they are linked, and for an agent or an import, who cannot decide it; [`Error::Invalid`] for a reason that
    /// is empty or names the contact;
    /// [`Error::Unknown`] and [`Error::Erased`] for a contact that is not here.
    pub fn erase(&self, actor: impl Into<Actor>, contact: impl Into<ContactId>, why: &str) -> Result<Erased> {
        self.erase_all(actor, [contact.into()], why)
    }

    /// Erases several contacts in one write, as [`Memory::erase`] does one, at the cost of one.
    pub fn erase_all(
        &self,
        actor: impl Into<Actor>,
        contacts: impl IntoIterator<Item = impl Into<ContactId>>,
        why: &str,
    ) -> Result<Erased> {
        let contacts = contacts.into_iter().map(Into::into).collect();
        let erased = self.write(actor, |w| w.erase_contacts(&contacts, why))?;
        Ok(self.scrubbed(erased))
    }

    /// Erases a note, for all contacts that it is about, as [`Memory::erase`] erases a contact.
    ///
    /// # Errors
    /// As [`Memory::erase`]; [`Error::Unknown`] for a note that the actor may not read.
    pub fn erase_note(&self, actor: impl Into<Actor>, note: NoteId, why: &str) -> Result<Erased> {
        let erased = self.write(actor, |w| w.erase_note(note, why))?;
        Ok(self.scrubbed(erased))
    }

    /// Erases a promise, as [`Memory::erase`] erases a contact.
    ///
    /// # Errors
    /// As [`Memory::erase`].
    pub fn erase_follow_up(&self, actor: impl Into<Actor>, id: impl Into<FollowUpId>, why: &str) -> Result<Erased> {
        let id = id.into();
        let erased = self.write(actor, |w| w.erase_follow_up(id, why))?;
        Ok(self.scrubbed(erased))
    }

    /// Erases who a member was: their name and address, also where it stands beside what they wrote, said, owned or handed
    /// over. What they did stays, as that of “a former member”; texts are not changed, [`Memory::mentions`] finds those in
    /// which the name stands.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact, NewMember};
    ///
    /// let memory = Memory::in_memory()?;
    /// let desk = Actor::system("front desk");
    /// let tom = memory.write(&desk, |w| w.add_member(NewMember::new("Tom Okoro")))?;
    /// let note = memory.write(&tom, |w| {
    ///     let sally = w.add_contact(NewContact::person("Sally Marsh"))?;
    ///     w.note(sally, "Likes the quiet table").save()
    /// })?;
    /// memory.write(&desk, |w| w.depart(&tom, None))?;
    ///
    /// let erased = memory.erase_member(&desk, &tom, "asked for it (case 18)")?;
    /// assert_eq!(erased.masked, 1);
    /// assert_eq!(memory.note(note)?.recorded_by_name, "a former member");
    /// assert!(memory.verify()?.is_sound());
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] for a member who is still here, while a legal hold lies on somebody whom they looked after or of whom
    /// they wrote anything, and for an agent or an import, who cannot decide it;
    /// [`Error::Invalid`] for a reason that is empty or names the member; [`Error::Unknown`] for an unknown member.
    pub fn erase_member(&self, actor: impl Into<Actor>, member: impl Into<MemberId>, why: &str) -> Result<Erased> {
        let member = member.into();
        let erased = self.write(actor, |w| w.erase_member(member, why))?;
        Ok(self.scrubbed(erased))
    }

    /// Writes the file anew without what was deleted, and empties its log, so that neither holds an older version of
    /// anything. Every erasure ends with it; call it again where [`Erased::remains`] says why it could not be done. It takes
    /// about as long as copying the file, and for that time twice its room beside it.
    ///
    /// # Errors
    /// [`Error::Busy`] while others read or write; [`Error::DiskFull`] where there is no room for it; [`Error::ReadOnly`] for a
    /// memory that was opened for reading only; [`Error::NestedWrite`] inside a write.
    pub fn scrub(&self) -> Result<()> {
        self.inner.store.scrub()
    }

    /// What was erased is erased; what cannot be scrubbed yet is said, not an error.
    pub(crate) fn scrubbed(&self, erased: Erased) -> Erased {
        Erased { remains: self.scrub().err().map(|error| error.to_string()), ..erased }
    }
}

impl Writer<'_> {
    /// Erases a contact as [`Memory::erase`] does, as part of a write, but does not scrub the file: what stood in its freed pages
    /// and in its log stays until [`Memory::scrub`] is called. For hosts with a large memory, who scrub it once a night.
    ///
    /// ```
    /// use heirloom::{Actor, Memory, NewContact};
    ///
    /// let memory = Memory::in_memory()?;
    /// let erased = memory.write(Actor::system("front desk"), |w| {
    ///     let (sally, ben) = (w.add_contact(NewContact::person("Sally"))?, w.add_contact(NewContact::person("Ben"))?);
    ///     w.note_about(&[sally, ben], "Ben brought Sally along; he pays for the bottles")?.save()?;
    ///     w.note(ben, "Pays for the bottles").save()?; // what is to be kept of him
    ///     w.erase(sally, "asked for it (case 17)")
    /// })?;
    /// assert!(erased.remains.is_some());
    /// memory.scrub()?;
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Memory::erase`].
    pub fn erase(&mut self, contact: impl Into<ContactId>, why: &str) -> Result<Erased> {
        let erased = self.erase_contacts(&BTreeSet::from([contact.into()]), why)?;
        Ok(Erased { remains: Some("the file is still to be scrubbed".to_owned()), ..erased })
    }

    /// Erases contacts; the file is still to be scrubbed.
    pub(crate) fn erase_contacts(&mut self, contacts: &BTreeSet<ContactId>, why: &str) -> Result<Erased> {
        self.may_erase(why)?;
        for id in contacts {
            let contact = self.view().contact_summary(*id)?;
            self.names_nobody(why, &contact)?;
        }
        let going = Going::with(self.sql(), contacts)?;
        self.not_held(&going)?;
        self.say_erased(contacts, why, &going)?;
        self.let_go(&going, Absence::Erased)
    }

    fn erase_note(&mut self, note: NoteId, why: &str) -> Result<Erased> {
        self.may_erase(why)?;
        let key = self.view().readable_note_key(note)?;
        for contact in self.view().note_contacts_by_key(key)? {
            self.names_nobody(why, &contact)?;
        }
        let going = Going::note(key, note);
        self.not_held(&going)?;
        self.append(note, NoteErased { why: why.to_owned() })?;
        self.let_go(&going, Absence::Erased)
    }

    fn erase_follow_up(&mut self, id: FollowUpId, why: &str) -> Result<Erased> {
        self.may_erase(why)?;
        let contact = self.view().follow_up(id)?.contact;
        self.names_nobody(why, &contact)?;
        let going = Going::follow_up(self.sql(), id)?;
        self.not_held(&going)?;
        self.append(id, FollowUpErased { why: why.to_owned() })?;
        self.let_go(&going, Absence::Erased)
    }

    fn erase_member(&mut self, id: MemberId, why: &str) -> Result<Erased> {
        self.may_erase(why)?;
        let member = self.view().member(id)?;
        if !member.has_departed() && !member.outside {
            return Err(Error::refused(format!(
                "{} is still here; who they are can be erased once they have departed",
                member.name
            )));
        }
        let names = [Some(&member.name), member.email.as_ref()];
        if names.into_iter().flatten().any(|name| stands_in(name, &fold(why))) {
            return Err(named());
        }
        let going = Going::member(id);
        self.not_held(&going)?;
        self.append(id, MemberErased { why: why.to_owned() })?;
        self.let_go(&going, Absence::Erased)
    }

    /// Erasure cannot be undone, so it is decided by a person or by the host, for a reason that stays.
    fn may_erase(&self, why: &str) -> Result<()> {
        check::text("reason", why, check::FIELD_MAX)?;
        match self.actor() {
            Actor::Member(_) | Actor::System(_) => Ok(()),
            Actor::Import(_) | Actor::Agent { .. } => Err(Error::refused(
                "erasure cannot be undone: a member decides it in person, or the host; an agent or an import cannot",
            )),
        }
    }

    /// The reason stays when everything else goes.
    fn names_nobody(&self, why: &str, contact: &ContactSummary) -> Result<()> {
        let key = self.contact_key(contact.id)?;
        let folded = fold(why);
        let mut is_named = stands_in(&contact.name, &folded);
        self.sql().each("SELECT address_key FROM handle WHERE contact = $1", &[Value::Int(key)], |row| {
            is_named |= stands_in(row.text(0)?, &folded);
            Ok(())
        })?;
        match is_named {
            false => Ok(()),
            true => Err(named()),
        }
    }

    fn not_held(&self, going: &Going) -> Result<()> {
        match going.held(self.sql())? {
            None => Ok(()),
            Some(hold) => Err(Error::refused(format!(
                "{} is under a legal hold for {} since {}, placed by {}; nothing of it can be erased before the hold is \
                 lifted{}",
                hold.contact.name,
                hold.matter,
                hold.since.date_naive(),
                hold.by_name,
                if going.is_of_members() { ", nor who wrote of them" } else { "" }
            ))),
        }
    }

    /// Appends the entries that say of contacts that they are erased, and what goes with each.
    fn say_erased(&mut self, contacts: &BTreeSet<ContactId>, why: &str, going: &Going) -> Result<()> {
        let (hash_key, mut along) = (hash_key(self.sql())?, going.on_account());
        for id in contacts {
            let (notes, follow_ups) = along.remove(id).unwrap_or_default();
            let addresses = hashed_addresses(self.sql(), self.contact_key(*id)?, going, &hash_key)?;
            self.append(*id, ContactErased { why: why.to_owned(), hash_key, addresses, notes, follow_ups })?;
        }
        Ok(())
    }

    /// Erases what was erased elsewhere, or is erased and could not go yet because a legal hold lay on it.
    pub(crate) fn carry_out_erasures(&mut self, besides: &Besides) -> Result<Erased> {
        let (going, stay) = Going::buried(self.sql(), besides)?.without_held(self.sql())?;
        let mut erased = match going.is_empty() {
            true => Erased::default(),
            false => self.let_go(&going, Absence::Erased)?,
        };
        for contact in stay.contacts {
            erased.held_back.push(self.view().contact_summary(contact)?);
        }
        for member in stay.members {
            erased.members_held_back.push(self.view().member(member)?);
        }
        Ok(erased)
    }
}

/// Whether a name or an address stands in a folded text, and not only as a part of a longer word.
pub(crate) fn stands_in(name: &str, folded: &str) -> bool {
    let name = fold(name);
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    folded.match_indices(&name).any(|(at, found)| {
        let (before, after) = (folded.get(..at), folded.get(at + found.len()..));
        !is_word(before.and_then(|text| text.chars().next_back()))
            && !is_word(after.and_then(|text| text.chars().next()))
    })
}

/// Refuses a reason that holds what is to be erased.
fn named() -> Error {
    Error::invalid(
        "reason of the erasure",
        "it has the name or an address of who is erased, and it stays; write the number of the case instead",
    )
}

/// The key under which this memory hashes the addresses of those who are erased. It comes from a salt that stays here.
pub(crate) fn hash_key(sql: &dyn Sql) -> Result<Hash> {
    let salt = sql.first("SELECT salt FROM entry_body WHERE seq = 1", &[], |row| Ok(row.blob(0)?.to_vec()))?;
    let salt = salt.ok_or_else(|| Error::fault("the journal", "its first entry has no body"))?;
    Ok(Hash::of(&[b"heirloom erasure 1\n", &salt]))
}

/// The hash of an address of a contact, who is a person or an organisation.
fn address_hash(hash_key: &Hash, kind: &str, channel: &str, address: &str) -> Hash {
    let parts = [kind, channel, address].map(|part| (part, (part.len() as u64).to_be_bytes()));
    let parts = parts.each_ref().map(|(part, length)| [&length[..], part.as_bytes()]);
    let mut all = vec![&hash_key.0[..]];
    all.extend(parts.as_flattened());
    Hash::of(&all)
}

/// The addresses that a contact has or had and nobody else has who stays: those by which they are known again.
fn hashed_addresses(sql: &dyn Sql, contact: i64, going: &Going, hash_key: &Hash) -> Result<Vec<Hash>> {
    let mut hashes = Vec::new();
    sql.each(
        "SELECT c.kind, h.channel, h.address_key FROM handle h JOIN contact c ON c.key = h.contact WHERE h.contact = $1",
        &[Value::Int(contact)],
        |row| {
            let (kind, channel, address) = (row.text(0)?, row.text(1)?, row.text(2)?);
            let mut stays = false;
            sql.each(
                "SELECT contact FROM handle WHERE address_key = $1 AND channel = $2",
                &[Value::Text(address), Value::Text(channel)],
                |other| {
                    stays |= !going.contacts.contains_key(&other.int(0)?);
                    Ok(())
                },
            )?;
            if !stays {
                hashes.push(address_hash(hash_key, kind, channel, address));
            }
            Ok(())
        },
    )?;
    hashes.sort_unstable();
    Ok(hashes)
}

/// The names and kinds of contacts by their keys.
fn summaries(view: &View<'_>, keys: impl IntoIterator<Item = i64>) -> Result<Vec<ContactSummary>> {
    let summary = |key| {
        let query = "SELECT id, kind, name FROM contact WHERE key = $1";
        view.sql().first(query, &[Value::Int(key)], crate::contact::read_summary)
    };
    keys.into_iter().filter_map(|key| summary(key).transpose()).collect()
}
