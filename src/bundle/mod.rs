//! Bundles: a memory, or part of one, packed to travel, which stock tools check without heirloom.
//!
//! A bundle is a BagIt 1.0 bag (RFC 8493) in a ZIP with one top folder. [`BagWriter`] and [`Opening`] are the package alone:
//! they know files, hashes, signatures and seals, and nothing of what is packed.
//!
//! | to | go to |
//! |---|---|
//! | pack a memory, or part of one | [`Memory::bundle`](crate::Memory::bundle), [`BundleExport`], [`BundleReport`] |
//! | pack files of another kind | [`BagWriter`], [`BagInfo`], [`Packing`] |
//! | sign | [`SigningKey`], [`Signer`]; afterwards, [`Signature`] and [`Bag::write_signed`] |
//! | open and verify | [`Opening`], [`Limits`], [`Bag`] |
//! | know who packed it | [`TrustedKeys`], [`Bag::signature`] |
//! | take one in | [`Memory::import_bundle`](crate::Memory::import_bundle), [`BundleImport`], [`Arrival`] |
//! | say that it was taken in, and record that it was | [`Arrival::receipt`], [`Memory::record_receipt`](crate::Memory::record_receipt) |
#![cfg_attr(feature = "age", doc = "| seal it to its receiver, and open a sealed one | [`Sealer`], [`Unsealer`] |")]
//!
//! # Checking without heirloom
//!
//! ```sh
//! unzip handoff.zip && cd handoff
//! sha256sum -c tagmanifest-sha256.txt manifest-sha256.txt
//! ssh-keygen -Y verify -f allowed_signers -I tom@agency.example -n heirloom-handoff@v1 \
//!     -s tagmanifest-sha256.txt.sig < tagmanifest-sha256.txt
//! ```
//!
//! # Signing with a key that heirloom must not see
//!
//! ```no_run
//! use heirloom::bundle::{Opening, Signature};
//!
//! let bag = Opening::new().open("unsigned.zip")?;
//! std::fs::write("tagmanifest-sha256.txt", bag.tag_manifest().unwrap_or_default())?;
//! // ssh-keygen -Y sign -f ~/.ssh/id_ed25519_sk -n heirloom-handoff@v1 tagmanifest-sha256.txt
//! let signature = Signature::parse(&std::fs::read_to_string("tagmanifest-sha256.txt.sig")?)?;
//! bag.write_signed(&signature, std::fs::File::create("handoff.zip")?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bag;
mod error;
mod export;
mod folder;
pub(crate) mod import;
mod limits;
mod manifest;
mod name;
mod pack;
pub(crate) mod page;
mod receipt;
mod scope;
#[cfg(feature = "age")]
mod sealing;
mod signature;
pub(crate) mod slice;
mod statement;
mod write;
mod zip;

pub use bag::{Bag, BagFile, FileInBag, Opening};
pub use error::{BundleError, BundleFault, Result};
pub use export::{BundleExport, BundlePreview, PrivateNotes};
pub use import::arrival::{Arrival, OutsideMember, PossibleDuplicate, Tally, ToDecide};
pub use import::{BundleImport, BundleProgress};
pub use limits::Limits;
pub use pack::{BagInfo, BagWriter, FileWriter, Packing};
pub use receipt::{BundleReceipt, Receipted};
pub use scope::Scope;
#[cfg(feature = "age")]
pub use sealing::{Sealed, Sealer, Unsealed, Unsealer};
pub use signature::{
    CERTIFICATE_NAMESPACE, NAMESPACE, RECEIPT_NAMESPACE, Signature, SignatureCheck, Signer, SigningKey, TrustedKeys,
};
pub use statement::{Counts, Statement, Withheld};
pub use write::{BundleReport, PAGE_NOTES_MAX, PackingProgress};
