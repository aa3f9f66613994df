//! The certificate of deletion: what was deleted, on whose instruction, how, and what was kept; nothing personal.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{PurgeKept, PurgePreview, Terms};
use crate::bundle::{BundleReceipt, CERTIFICATE_NAMESPACE, Signature, SignatureCheck, Signer, TrustedKeys};
use crate::check;
use crate::error::{Error, Result};
use crate::id::{ContactId, MemoryId};
use crate::journal::{Hash, Head, Writer};
use crate::store::{RowExt, Sql, SqlExt};
use crate::time;

/// The newest form of a certificate that this build reads and writes.
const VERSION: u32 = 1;
/// What a certificate is called as a file.
const FILE: &str = "certificate.json";

/// A certificate of deletion (GDPR, Art. 28(3)(g); clause 10 of the standard clauses (EU) 2021/915): as JSON by
/// [`Certificate::to_json`], as text for people by `Display`. It holds no personal data of those who were deleted: counts, and
/// hashes under a salt of its own. Its fields are frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Certificate {
    /// The version of the form: 1.
    pub version: u32,
    /// The id.
    pub id: Uuid,
    /// The program that deleted, with its version.
    pub tool: String,
    /// The memory in which was deleted.
    pub memory: MemoryId,
    /// On whose instruction, or by which agreement.
    pub instruction: String,
    /// The returns that the deletion follows, by their receipts.
    pub returned: Vec<Returned>,
    /// Who deleted.
    pub operator: String,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<String>,
    /// When the deletion began.
    pub began: DateTime<Utc>,
    /// When the last check ended; `None` before any was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<DateTime<Utc>>,
    /// The stores, and how each was cleared, or that it was not.
    pub stores: Vec<StoreCovered>,
    /// What was deleted.
    pub deleted: Deleted,
    /// What the memory held before.
    pub before: Figures,
    /// What it held behind the deletion; `None` before it was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Figures>,
    /// What of the bundles was kept, and on what ground.
    pub kept: Vec<KeptOn>,
    /// What was checked, and with what result.
    pub checks: Vec<Check>,
    /// The newest entry of the journal behind the deletion, and the hash over all entries; `None` before the checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
}

/// A return of data that a deletion follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Returned {
    /// The SHA-256 of the tag manifest of the bundle.
    pub bundle: Hash,
    /// The head of the memory when the bundle was packed.
    pub head: Head,
    /// The receipt.
    pub receipt: Uuid,
    /// The memory that took the bundle in.
    pub receiver: MemoryId,
    /// When it was taken in.
    pub received: DateTime<Utc>,
    /// The fingerprint of the key that signed the receipt; `None` where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
}

/// A place where the data stood, and what became of it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StoreCovered {
    /// What it is, such as `backups`.
    pub store: String,
    /// Whether the data is deleted there, or will be by a day.
    pub covered: bool,
    /// How, or why not.
    pub method: String,
    /// By whom it is said: `heirloom` of what it did itself, `operator` of what it was told.
    pub said_by: String,
    /// The day by which the last of it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_by: Option<NaiveDate>,
}

/// How much was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Deleted {
    /// Contacts.
    pub contacts: u64,
    /// Notes.
    pub notes: u64,
    /// Promises.
    pub follow_ups: u64,
    /// How many of all these had been withheld from the bundles, whole or in part.
    pub withheld: u64,
    /// The salt of all hashes of the certificate, in hexadecimal digits.
    pub salt: Hash,
    /// A hash over the contacts; see [`Certificate::accounts_for`].
    pub hash: Hash,
}

/// How much a memory holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Figures {
    /// Contacts.
    pub contacts: u64,
    /// Notes.
    pub notes: u64,
    /// Promises.
    pub follow_ups: u64,
    /// Attachments whose bytes are here.
    pub attachments: u64,
    /// Entries of the journal.
    pub entries: u64,
    /// Entries whose bodies are here.
    pub bodies: u64,
}

/// The ground on which something is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ground {
    /// The ground, such as a law; without anything personal.
    pub words: String,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it is looked at again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<NaiveDate>,
}

/// What was kept on one ground.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct KeptOn {
    /// The ground.
    pub ground: Ground,
    /// How many contacts.
    pub contacts: u64,
    /// How many notes, those of the contacts included where the bundle held them.
    pub notes: u64,
    /// How many promises, likewise.
    pub follow_ups: u64,
    /// The contacts, each as a hash.
    pub hashes: Vec<Hash>,
}

/// A check that was made behind a deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Check {
    /// What was checked.
    pub what: String,
    /// Whether it is as it should be.
    pub passed: bool,
    /// What was found.
    pub result: String,
}

impl Returned {
    pub(super) fn of(receipt: &BundleReceipt, signed_by: Option<String>) -> Self {
        Self {
            bundle: receipt.bundle,
            head: receipt.head,
            receipt: receipt.id,
            receiver: receipt.receiver,
            received: receipt.at,
            signed_by,
        }
    }
}

impl Ground {
    /// A ground in words.
    pub fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), ..Self::default() }
    }

    /// Says who answers for it.
    pub fn owned_by(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Says when it is looked at again.
    pub const fn reviewed_on(mut self, day: NaiveDate) -> Self {
        self.review = Some(day);
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        check::text("ground for keeping", &self.words, check::NAME_MAX)?;
        self.owner.iter().try_for_each(|owner| check::name("owner of a ground", owner).map(drop))
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        [self.words.as_str()].into_iter().chain(self.owner.as_deref())
    }
}

impl From<&str> for Ground {
    fn from(words: &str) -> Self {
        Self::new(words)
    }
}

impl From<String> for Ground {
    fn from(words: String) -> Self {
        Self::new(words)
    }
}

impl StoreCovered {
    /// States that the data is deleted in a store that heirloom does not see, such as `backups` or `sub-processors`, and how.
    pub fn new(store: impl Into<String>, method: impl Into<String>) -> Self {
        let said_by = "operator".to_owned();
        Self { store: store.into(), covered: true, method: method.into(), said_by, gone_by: None }
    }

    /// States by which day the last of it is gone.
    pub const fn gone_by(mut self, day: NaiveDate) -> Self {
        self.gone_by = Some(day);
        self
    }

    pub(super) fn own(store: &str, covered: bool, method: &str) -> Self {
        let said_by = "heirloom".to_owned();
        Self { store: store.to_owned(), covered, method: method.to_owned(), said_by, gone_by: None }
    }

    pub(super) fn check(&self) -> Result<()> {
        check::name("name of a store", &self.store)?;
        check::text("what becomes of the data in a store", &self.method, check::NAME_MAX)
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        [self.store.as_str(), self.method.as_str()].into_iter()
    }
}

/// Stores that heirloom does not see, of which something must be said.
const UNSEEN: [&str; 3] = ["backups", "exports and bundles", "sub-processors"];

/// Begins the certificate of a deletion that is about to be made.
pub(super) fn begun(w: &mut Writer<'_>, terms: &Terms, preview: &PurgePreview) -> Result<Certificate> {
    let (id, salt) = (uuid::Builder::from_random_bytes(w.random()?).into_uuid(), Hash(w.random()?));
    let undeclared = UNSEEN.iter().filter(|store| !terms.elsewhere.iter().any(|said| said.store == **store));
    let undeclared = undeclared
        .map(|store| StoreCovered::own(store, false, "heirloom does not see it, and nothing was said of it"))
        .collect::<Vec<_>>();
    Ok(Certificate {
        version: VERSION,
        id,
        tool: concat!("heirloom ", env!("CARGO_PKG_VERSION")).to_owned(),
        memory: w.memory_id(),
        instruction: terms.instruction.clone(),
        returned: preview.returned.clone(),
        operator: w.actor_name().to_owned(),
        approver: terms.approver.clone(),
        began: time::from_micros(w.at_micros())?,
        ended: None,
        stores: terms.elsewhere.iter().cloned().chain(undeclared).collect(),
        deleted: Deleted {
            contacts: preview.contacts.len() as u64,
            notes: preview.notes,
            follow_ups: preview.follow_ups,
            withheld: preview.withheld,
            salt,
            hash: hash_over(preview.contacts.iter().map(|contact| hashed(&salt, contact.id))),
        },
        before: figures(w.sql())?,
        after: None,
        kept: kept(&preview.kept, &salt),
        checks: Vec::new(),
        head: None,
    })
}

/// A contact as a certificate names it.
fn hashed(salt: &Hash, contact: ContactId) -> Hash {
    Hash::of(&[b"heirloom certificate 1\n", salt.as_bytes(), contact.0.as_bytes()])
}

/// A hash over hashes, whatever their order.
fn hash_over(hashes: impl Iterator<Item = Hash>) -> Hash {
    let mut hashes: Vec<Hash> = hashes.collect();
    hashes.sort_unstable();
    hashes.dedup();
    Hash::of(&hashes.iter().map(|hash| &hash.as_bytes()[..]).collect::<Vec<_>>())
}

/// What was kept, by ground.
fn kept(all: &[PurgeKept], salt: &Hash) -> Vec<KeptOn> {
    let mut grounds: BTreeMap<&Ground, KeptOn> = BTreeMap::new();
    for kept in all {
        let ground =
            || KeptOn { ground: kept.ground.clone(), contacts: 0, notes: 0, follow_ups: 0, hashes: Vec::new() };
        let on = grounds.entry(&kept.ground).or_insert_with(ground);
        on.contacts += u64::from(kept.contact_stays);
        on.notes += kept.notes;
        on.follow_ups += kept.follow_ups;
        on.hashes.extend(kept.contact_stays.then(|| hashed(salt, kept.contact.id)));
    }
    let sorted = |mut on: KeptOn| {
        on.hashes.sort_unstable();
        on
    };
    grounds.into_values().map(sorted).collect()
}

pub(super) fn figures(sql: &dyn Sql) -> Result<Figures> {
    sql.one(
        "SELECT (SELECT count(*) FROM contact), (SELECT count(*) FROM note), (SELECT count(*) FROM follow_up),
             (SELECT count(*) FROM attachment_bytes), (SELECT count(*) FROM entry), (SELECT count(*) FROM entry_body)",
        &[],
        |row| {
            let count = |column| row.int(column).map(i64::unsigned_abs);
            Ok(Figures {
                contacts: count(0)?,
                notes: count(1)?,
                follow_ups: count(2)?,
                attachments: count(3)?,
                entries: count(4)?,
                bodies: count(5)?,
            })
        },
    )
}

impl Certificate {
    /// Whether all checks were made and found everything as it should be, and the data is deleted in every store, or will be.
    pub fn is_complete(&self) -> bool {
        let checked = self.ended.is_some() && self.checks.iter().all(|check| check.passed);
        checked && self.stores.iter().all(|store| store.covered)
    }

    /// Whether these contacts, as a receiver finds them in the bundles, are those that were deleted or kept: none is missing,
    /// none was deleted beside them. A contact of the bundles who was gone before, by an earlier purge or an erasure, is in
    /// neither: leave them out.
    pub fn accounts_for(&self, contacts: impl IntoIterator<Item = impl Into<ContactId>>) -> bool {
        let kept: std::collections::BTreeSet<&Hash> = self.kept.iter().flat_map(|on| &on.hashes).collect();
        let all = contacts.into_iter().map(|contact| hashed(&self.deleted.salt, contact.into()));
        hash_over(all.filter(|hash| !kept.contains(hash))) == self.deleted.hash
    }

    /// The text of `certificate.json`, which a signature covers byte for byte.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads the text of `certificate.json`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no certificate, or one of a form that this build does not know.
    pub fn parse(json: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let wrong = |e: serde_json::Error| Error::invalid("certificate", format!("it cannot be read ({e})"));
        let Versioned { version } = serde_json::from_str(json).map_err(wrong)?;
        match version > VERSION {
            true => Err(Error::invalid(
                "certificate",
                format!(
                    "it is written in the form {version}, and this heirloom reads up to {VERSION}; upgrade heirloom"
                ),
            )),
            false => serde_json::from_str(json).map_err(wrong),
        }
    }

    /// Signs the text of [`to_json`](Self::to_json), for the file `certificate.json.sig`; `ssh-keygen -Y sign -n
    /// heirloom-certificate@v1 certificate.json` makes the same.
    ///
    /// # Errors
    /// [`Error::Refused`] before the checks were made; [`Error::Bundle`] where the key cannot sign.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Signature> {
        if self.ended.is_none() {
            return Err(Error::refused("nothing was checked behind the deletion yet; certify it, then sign"));
        }
        let json = self.to_json();
        let signature = signer.sign_for(CERTIFICATE_NAMESPACE, json.as_bytes())?;
        signature.covers_for(CERTIFICATE_NAMESPACE, json.as_bytes(), FILE)?;
        Ok(signature)
    }

    /// Says by whom a certificate is signed, given the texts of `certificate.json` and of its signature, judging the keys as of
    /// an instant.
    pub fn signature(json: &str, signature: &str, keys: &TrustedKeys, at: DateTime<Utc>) -> SignatureCheck {
        SignatureCheck::for_purpose((CERTIFICATE_NAMESPACE, FILE), signature, json.as_bytes(), keys, at)
    }
}
