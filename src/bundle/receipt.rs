//! The receipt of a bundle: who took it in says so, in a file that can be signed; who sent it records that.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::BundleError;
use super::import::arrival::{Arrival, Tally};
use super::signature::{RECEIPT_NAMESPACE, Signature, SignatureCheck, Signer, TrustedKeys};
use crate::actor::Actor;
use crate::check;
use crate::error::{Error, Result};
use crate::id::MemoryId;
use crate::journal::{self, Hash, Head, Writer};
use crate::memory::{Memory, MemoryReceipted, View};
use crate::store::{Row, RowExt, SqlExt};
use crate::time;
use crate::wording::{Count, Visible};

/// The newest form of a receipt that this build reads and writes.
const VERSION: u32 = 1;

/// The largest receipt that is read, in bytes.
const RECEIPT_MAX: usize = check::FIELD_MAX;

/// Says that a bundle was taken in: by which memory, when, by whom, and how much of it came. It goes back to who sent the
/// bundle, as JSON, and names nobody but who imported it. Its fields are frozen.
///
/// ```
/// use heirloom::bundle::{BundleReceipt, SigningKey};
///
/// # fn send_back(receipt: &BundleReceipt, key: &SigningKey) -> heirloom::Result<()> {
/// let json = receipt.to_json();
/// let signature = receipt.sign(key)?; // `ssh-keygen -Y sign -n heirloom-receipt@v1 receipt.json` makes the same
/// # let write = |name: &str, text: &str| std::fs::write(name, text);
/// write("receipt.json", &json).and_then(|()| write("receipt.json.sig", &signature.to_string()))
/// #   .map_err(|error| heirloom::bundle::BundleError::from(error).into())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BundleReceipt {
    /// The version of the form: 1.
    pub version: u32,
    /// The id: one import of one bundle has one.
    pub id: Uuid,
    /// The SHA-256 of the bundle's tag manifest.
    pub bundle: Hash,
    /// The memory that was packed.
    pub sender: MemoryId,
    /// The head of that memory when it was packed: what a bundle that goes on names as its beginning.
    pub head: Head,
    /// The memory that took the bundle in.
    pub receiver: MemoryId,
    /// The head of that memory behind the import.
    pub received: Head,
    /// When it was taken in.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: String,
    /// The fingerprint of the expected key by which the bundle was signed; `None` where no signature was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Entries of the journal that came.
    pub entries: Tally,
    /// Contacts that came.
    pub contacts: Tally,
    /// Notes that came.
    pub notes: Tally,
    /// Promises that came.
    pub follow_ups: Tally,
    /// How many things await a decision.
    pub to_decide: u64,
    /// What it came to, as words for people.
    pub result: String,
}

impl Arrival {
    /// Returns the receipt to be sent back.
    ///
    /// # Errors
    /// [`Error::Refused`] for a preview, which took nothing in.
    pub fn receipt(&self) -> Result<BundleReceipt> {
        let received = self.received.ok_or_else(|| {
            Error::refused("a preview takes nothing in, so there is no receipt; run the import, then ask again")
        })?;
        let result = match self.brought_anything() {
            true => "verified and taken in whole",
            false => "verified; all of it was here already",
        };
        Ok(BundleReceipt {
            version: VERSION,
            id: self.id(),
            bundle: self.bundle,
            sender: self.from,
            head: self.head,
            receiver: self.into,
            received,
            at: self.at,
            by: self.by.clone(),
            signed_by: self.signed_by.clone(),
            entries: self.entries,
            contacts: self.contacts,
            notes: self.notes,
            follow_ups: self.follow_ups,
            to_decide: self.to_decide.len() as u64,
            result: result.to_owned(),
        })
    }

    /// An id that follows from the import, so that the same receipt can be written twice.
    fn id(&self) -> Uuid {
        let parts =
            [self.bundle.as_bytes(), self.into.0.as_bytes().as_slice(), &self.at.timestamp_micros().to_be_bytes()];
        let hash = Hash::of(&parts);
        let bytes = *hash.as_bytes();
        let half = bytes.first_chunk::<16>().copied().unwrap_or_default();
        uuid::Builder::from_custom_bytes(half).into_uuid()
    }
}

impl BundleReceipt {
    /// Returns the text of `receipt.json`, which a signature covers byte for byte.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Signs the text of [`to_json`](Self::to_json), for the file `receipt.json.sig`.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Signature> {
        let json = self.to_json();
        let signature = signer.sign_for(RECEIPT_NAMESPACE, json.as_bytes())?;
        signature.covers_for(RECEIPT_NAMESPACE, json.as_bytes(), "receipt.json")?;
        Ok(signature)
    }

    /// Reads a receipt.
    fn parse(json: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        if json.len() > RECEIPT_MAX {
            return Err(Error::invalid("receipt", format!("it has {} bytes, the limit is {RECEIPT_MAX}", json.len())));
        }
        let wrong = |e: serde_json::Error| {
            Error::invalid("receipt", format!("it cannot be read ({e}); hand over receipt.json as it came"))
        };
        let Versioned { version } = serde_json::from_str(json).map_err(wrong)?;
        match version > VERSION {
            true => Err(Error::invalid(
                "receipt",
                format!(
                    "it is written in the form {version}, and this heirloom reads up to {VERSION}; upgrade heirloom"
                ),
            )),
            false => serde_json::from_str(json).map_err(wrong),
        }
    }
}

impl fmt::Display for BundleReceipt {
    /// Which bundle was taken in, by whom and when, and how much came.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.format("%Y-%m-%d %H:%M");
        let came = Count(self.entries.new + self.entries.changed, "new part");
        write!(f, "{at}  memory {} took in the bundle {}", self.receiver, self.bundle)?;
        write!(f, ", by {}: {}, {came}", Visible(&self.by), Visible(&self.result))
    }
}

/// A receipt that was recorded: another memory has what this one had told up to a head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Receipted {
    /// The receipt.
    pub receipt: BundleReceipt,
    /// The fingerprint of the key that signed it; `None` where nobody did.
    pub signed_by: Option<String>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// By whom.
    pub recorded_by: Actor,
}

impl Receipted {
    /// Returns the head after which the next bundle for that memory goes on.
    pub const fn head(&self) -> Head {
        self.receipt.head
    }
}

impl fmt::Display for Receipted {
    /// The receipt, and who signed it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; ", self.receipt)?;
        match &self.signed_by {
            Some(fingerprint) => write!(f, "signed by {}", Visible(fingerprint)),
            None => f.write_str("not signed"),
        }
    }
}

impl Memory {
    /// Records the receipt of a bundle of this memory, as it came back: the text of `receipt.json`, and of its signature where
    /// there is one. A receipt that is recorded already changes nothing. Returns the receipt.
    ///
    /// ```
    /// use heirloom::bundle::{Opening, TrustedKeys};
    /// use heirloom::{Actor, Memory, NewContact};
    ///
    /// let (agency, client, office) = (Memory::in_memory()?, Memory::in_memory()?, Actor::system("office"));
    /// agency.write(office.clone(), |w| w.add_contact(NewContact::person("Sally Marsh")))?;
    /// let mut zip = Vec::new();
    /// let _report = agency.bundle().write(&mut zip)?;
    /// let bag = Opening::new().open_reader("handoff.zip", std::io::Cursor::new(zip))?;
    /// let json = client.import_bundle(&bag).run(office.clone())?.receipt()?.to_json();
    ///
    /// agency.record_receipt(office, &json, None, &TrustedKeys::default())?;
    /// let next = agency.bundle().since(agency.receipts()?[0].head()); // what the client does not have yet
    /// assert_eq!(next.preview()?.counts.contacts, 0);
    /// # Ok::<(), heirloom::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Refused`] for the receipt of another memory's bundle, or of one that this memory cannot have packed, as it
    /// never had that head; [`Error::Invalid`] for what is no receipt; [`Error::Bundle`] for a signature that does not fit it,
    /// or is not by one of the keys.
    pub fn record_receipt(
        &self,
        actor: impl Into<Actor>,
        json: &str,
        signature: Option<&str>,
        keys: &TrustedKeys,
    ) -> Result<BundleReceipt> {
        let receipt = BundleReceipt::parse(json)?;
        if receipt.sender != self.id() {
            return Err(Error::refused(format!(
                "the receipt is for a bundle of memory {}, and this is memory {}; record it there",
                receipt.sender,
                self.id()
            )));
        }
        let signed_by = signature.map(|signature| signer(json, signature, keys, self.inner.now())).transpose()?;
        self.write(actor, |w| {
            w.must_have_had(receipt.head)?;
            // One that came unsigned, or was made up, does not stand in the way of the signed one.
            let says_the_same =
                |known: &Receipted| known.receipt == receipt && (signed_by.is_none() || known.signed_by == signed_by);
            if recorded(&w.view())?.iter().any(says_the_same) {
                return Ok(());
            }
            let (bundle, by, head) = (receipt.bundle, receipt.receiver, receipt.head);
            let memory = w.memory_id();
            w.append(memory, MemoryReceipted { bundle, by, head, signed_by, receipt: json.to_owned() })
        })?;
        Ok(receipt)
    }

    /// Lists the receipts that came back for bundles of this memory. See [`View::receipts`].
    pub fn receipts(&self) -> Result<Vec<Receipted>> {
        self.read(|view| view.receipts())
    }
}

impl View<'_> {
    /// Lists the receipts that came back for bundles of this memory, newest first. [`Receipted::head`] is what the next bundle
    /// for the same memory goes on after.
    pub fn receipts(&self) -> Result<Vec<Receipted>> {
        recorded(self)
    }
}

/// The fingerprint of the key that signed a receipt, which must be one of these.
fn signer(json: &str, signature: &str, keys: &TrustedKeys, at: DateTime<Utc>) -> Result<String> {
    let check = SignatureCheck::for_purpose((RECEIPT_NAMESPACE, "receipt.json"), signature, json.as_bytes(), keys, at);
    if let SignatureCheck::Trusted { fingerprint, .. } = check {
        return Ok(fingerprint);
    }
    Err(BundleError::signature(format!(
        "{check}; ask who received the bundle for the key that they sign with, by another way than the receipt came"
    ))
    .in_file("receipt.json")
    .into())
}

fn recorded(view: &View<'_>) -> Result<Vec<Receipted>> {
    view.sql().all(
        "SELECT b.body, e.at, a.kind, a.member, a.name FROM entry e
         JOIN entry_body b ON b.seq = e.seq
         JOIN actor a ON a.key = e.actor
         WHERE e.subject = (SELECT s.seq FROM entry s JOIN origin o ON o.id = s.id WHERE o.key = 1)
             AND e.kind = 'memory.receipted'
         ORDER BY e.seq DESC",
        &[],
        read_receipted,
    )
}

fn read_receipted(row: &dyn Row) -> Result<Receipted> {
    let wrong = |e: serde_json::Error| Error::fault("a recorded receipt", e);
    let entry: MemoryReceipted = serde_json::from_str(row.text(0)?).map_err(wrong)?;
    Ok(Receipted {
        receipt: serde_json::from_str(&entry.receipt).map_err(wrong)?,
        signed_by: entry.signed_by,
        recorded_at: time::from_micros(row.int(1)?)?,
        recorded_by: Actor::read(row, 2)?
            .ok_or_else(|| Error::fault("a recorded receipt", "its actor is of no known kind"))?,
    })
}

impl Writer<'_> {
    /// Refuses a head that this memory never had.
    fn must_have_had(&self, head: Head) -> Result<()> {
        match journal::head_at(self.sql(), head.seq)? == Some(head.hash) {
            true => Ok(()),
            false => Err(Error::refused(format!(
                "this memory never had the head {head} that the receipt names; it is for a bundle of another copy of this \
                 memory, or was changed"
            ))),
        }
    }
}
