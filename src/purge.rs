//! Purge: what was handed over, and was received, is deleted by who handed it over, with a certificate of deletion.

use std::collections::{BTreeSet, HashSet};

use uuid::Uuid;

use crate::actor::Actor;
use crate::bundle::Bag;
use crate::check;
use crate::contact::ContactSummary;
use crate::erasure::{MemoryPurged, ToErase, stands_in};
use crate::error::{Error, Result};
use crate::id::ContactId;
use crate::journal::{Hash, Writer};
use crate::memory::{Memory, View};
use crate::search::fold;
use crate::store::{RowExt, SqlExt};

mod certificate;
mod certify;
mod handed;
mod shown;

pub use self::certificate::{Certificate, Check, Deleted, Figures, Ground, KeptOn, Returned, StoreCovered};
use self::handed::Handed;

/// A deletion of what was handed over, as [`Memory::purge`] begins it.
#[derive(Debug)]
#[must_use = "nothing is looked at before preview is called"]
pub struct Purge<'m> {
    memory: &'m Memory,
    bags: Vec<&'m Bag>,
    terms: Terms,
}

/// What is said of a deletion by who asks for it.
#[derive(Clone, Debug, Default)]
struct Terms {
    instruction: String,
    approver: Option<String>,
    keeping: Vec<(Ground, BTreeSet<ContactId>)>,
    withheld_too: bool,
    unsigned: bool,
    elsewhere: Vec<StoreCovered>,
}

impl Memory {
    /// Begins to delete what a bundle handed over: its contacts, notes and promises, where their receipt is recorded
    /// ([`Memory::record_receipt`]), the bundle held all that is known of them, and nothing was added to them since. The bundle
    /// itself says what was in it; keep it until then.
    ///
    /// What changed since, what was withheld from the bundle, what is under a legal hold and what is kept on a stated ground
    /// stays, and is listed. Members stay: they wrote the journal.
    ///
    /// ```no_run
    /// use heirloom::bundle::{Opening, SigningKey};
    /// use heirloom::{Memory, MemberId};
    ///
    /// # fn delete(ours: &Memory, tom: MemberId, key: &SigningKey) -> heirloom::Result<()> {
    /// let bag = Opening::new().open("handoff.zip")?;
    /// let purge = ours.purge(&bag, "contract of 2024, clause 10: delete after return").approved_by("Ana Costa");
    /// let preview = purge.preview()?;
    /// println!("{preview}");
    ///
    /// let certificate = purge.run(tom, &preview)?;
    /// let signature = certificate.sign(key)?; // for certificate.json.sig
    /// println!("{certificate}");
    /// # let _ = signature;
    /// # Ok(())
    /// # }
    /// ```
    pub fn purge<'m>(&'m self, bag: &'m Bag, instruction: impl Into<String>) -> Purge<'m> {
        let terms = Terms { instruction: instruction.into(), ..Terms::default() };
        Purge { memory: self, bags: vec![bag], terms }
    }
}

impl<'m> Purge<'m> {
    /// Deletes what a further bundle handed over, such as the increment that followed.
    pub fn and(mut self, bag: &'m Bag) -> Self {
        self.bags.push(bag);
        self
    }

    /// Says who approved the deletion.
    pub fn approved_by(mut self, name: impl Into<String>) -> Self {
        self.terms.approver = Some(name.into());
        self
    }

    /// Keeps contacts, with their notes and promises, on a ground that the certificate states.
    pub fn keeping(
        mut self,
        contacts: impl IntoIterator<Item = impl Into<ContactId>>,
        ground: impl Into<Ground>,
    ) -> Self {
        self.terms.keeping.push((ground.into(), contacts.into_iter().map(Into::into).collect()));
        self
    }

    /// Deletes also what had been withheld from the bundles, such as private notes, or the records that an import read, which a
    /// narrowed bundle leaves out: nobody will have it then. A note that is also about somebody who was in no bundle and stays
    /// goes for both.
    pub const fn with_what_was_withheld(mut self) -> Self {
        self.terms.withheld_too = true;
        self
    }

    /// Takes a receipt that nobody signed for enough.
    pub const fn unsigned_receipt_is_enough(mut self) -> Self {
        self.terms.unsigned = true;
        self
    }

    /// States what becomes of the same data elsewhere: in backups, exports, or with others who hold it.
    pub fn elsewhere(mut self, store: StoreCovered) -> Self {
        self.terms.elsewhere.push(store);
        self
    }

    /// Works out on one snapshot what would be deleted and what would stay, and changes nothing.
    ///
    /// # Errors
    /// [`Error::Refused`] where no receipt of a bundle is recorded, or nobody signed it, and for a bundle of another memory;
    /// [`Error::Bundle`] for one that cannot be read; [`Error::Invalid`] for an empty instruction, ground or name, or one in
    /// which the name or an address of somebody stands who is deleted; [`Error::Unknown`] for an unknown contact that is to
    /// be kept.
    pub fn preview(&self) -> Result<PurgePreview> {
        self.terms.check()?;
        self.memory.all_seeing().read(|view| self.look(view))
    }

    fn look(&self, view: &View<'_>) -> Result<PurgePreview> {
        let returned = self.bags.iter().map(|bag| self.returned(view, bag)).collect::<Result<Vec<_>>>()?;
        let handed = Handed::read(view, self.memory.id(), &self.bags)?;
        let preview = handed.sort_out(view, &self.terms, returned)?;
        self.terms.name_none_of(view, &preview.contacts)?;
        Ok(preview)
    }

    /// The return that a bundle was, by its receipt.
    fn returned(&self, view: &View<'_>, bag: &Bag) -> Result<Returned> {
        let manifest = bag.tag_manifest().ok_or_else(|| Error::refused("the bundle has no tag manifest"))?;
        let bundle = Hash::of(&[manifest]);
        let receipts = view.receipts()?.into_iter().filter(|known| known.receipt.bundle == bundle).collect::<Vec<_>>();
        let receipt = receipts.iter().find(|known| known.signed_by.is_some()).or(receipts.first()).ok_or_else(|| {
            Error::refused(format!(
                "no receipt of the bundle {} is recorded; who received it sends one back, and record_receipt keeps it. \
                 Nothing is deleted before",
                bag.name()
            ))
        })?;
        if receipt.signed_by.is_none() && !self.terms.unsigned {
            return Err(Error::refused(format!(
                "nobody signed the receipt of the bundle {}; ask for a signed one, or say unsigned_receipt_is_enough",
                bag.name()
            )));
        }
        Ok(Returned::of(&receipt.receipt, receipt.signed_by.clone()))
    }

    /// Deletes what a preview showed, in one write, scrubs the file, checks what can be checked, and returns the certificate,
    /// which the journal keeps.
    ///
    /// Where the process ends before the checks, or the file could not be scrubbed because somebody reads it,
    /// [`Memory::certify`] goes on from there.
    ///
    /// # Errors
    /// [`Error::Refused`] where anything else would be deleted now than the preview shows, and for an agent or an import, who
    /// cannot decide it; others as [`Purge::preview`]. Nothing was deleted then.
    pub fn run(&self, actor: impl Into<Actor>, preview: &PurgePreview) -> Result<Certificate> {
        self.terms.check()?;
        let actor = actor.into();
        let id = self.memory.write(actor.clone(), |w| self.delete(w, preview))?;
        self.memory.certify(actor, id)
    }

    fn delete(&self, w: &mut Writer<'_>, preview: &PurgePreview) -> Result<Uuid> {
        let today = self.look(&w.all_seeing_view())?;
        if today.digest != preview.digest {
            return Err(Error::refused(
                "the memory changed since the preview, and something else would be deleted than it shows; nothing was \
                 deleted, look at a new preview first",
            ));
        }
        let certificate = certificate::begun(w, &self.terms, &today)?;
        let memory = w.memory_id();
        w.append(memory, MemoryPurged { certificate: certificate.to_json() })?;
        let _ = w.purge_many(&today.to_erase, &certificate.instruction)?;
        Ok(certificate.id)
    }
}

impl Terms {
    fn check(&self) -> Result<()> {
        check::text("instruction of a deletion", &self.instruction, check::NAME_MAX)?;
        if let Some(approver) = &self.approver {
            check::name("name of who approved", approver)?;
        }
        self.keeping.iter().try_for_each(|(ground, _)| ground.check())?;
        self.elsewhere.iter().try_for_each(StoreCovered::check)
    }

    /// The certificate stays when everything else goes.
    fn name_none_of(&self, view: &View<'_>, contacts: &[ContactSummary]) -> Result<()> {
        let grounds = self.keeping.iter().flat_map(|(ground, _)| ground.words());
        let stores = self.elsewhere.iter().flat_map(StoreCovered::words);
        let words: Vec<String> =
            [self.instruction.as_str()].into_iter().chain(grounds).chain(stores).map(fold).collect();
        let named = |name: &str| words.iter().any(|words| stands_in(name, words));
        // A single word may be any word; a name of several is hardly anything else.
        let by_name = contacts.iter().any(|contact| contact.name.contains(char::is_whitespace) && named(&contact.name));
        match by_name || has_address_of(view, contacts, named)? {
            false => Ok(()),
            true => Err(Error::invalid(
                "words of the certificate",
                "they have the name or an address of somebody who is deleted, and they stay; write a number of the case \
                 instead",
            )),
        }
    }
}

/// Whether an address of one of these contacts, today's or a former one, is named.
fn has_address_of(view: &View<'_>, contacts: &[ContactSummary], named: impl Fn(&str) -> bool) -> Result<bool> {
    let contacts: HashSet<ContactId> = contacts.iter().map(|contact| contact.id).collect();
    let mut found = false;
    view.sql().each("SELECT h.address_key, c.id FROM handle h JOIN contact c ON c.key = h.contact", &[], |row| {
        found |= contacts.contains(&ContactId(row.uuid(1)?)) && named(row.text(0)?);
        Ok(())
    })?;
    Ok(found)
}

/// What a purge would delete, and what would stay. As text by `Display`.
#[derive(Debug)]
#[non_exhaustive]
pub struct PurgePreview {
    /// The returns that the bundles were, by their receipts.
    pub returned: Vec<Returned>,
    /// The contacts that would be deleted, by name.
    pub contacts: Vec<ContactSummary>,
    /// How many notes.
    pub notes: u64,
    /// How many promises.
    pub follow_ups: u64,
    /// How many of all these had been withheld from the bundles, whole or in part.
    pub withheld: u64,
    /// What of the bundles stays, by name, and why.
    pub kept: Vec<PurgeKept>,
    /// A SHA-256 over all that would be deleted.
    pub digest: Hash,
    to_erase: ToErase,
}

/// What stays of a contact for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PurgeKept {
    /// The contact; of a note about several, the first that was added.
    pub contact: ContactSummary,
    /// Whether the contact stays, or only notes or promises.
    pub contact_stays: bool,
    /// How many notes stay.
    pub notes: u64,
    /// How many promises stay.
    pub follow_ups: u64,
    /// Why, as words for the operator.
    pub why: String,
    /// The ground that the certificate states.
    pub ground: Ground,
}
