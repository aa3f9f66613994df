//! The long answers: how somebody leaves, how the journal is kept, what the file promises, and what each format says.
//!
//! | page | for whom |
//! |---|---|
//! | [`leaving`] | whose members and agencies come and go |
//! | `bundle` | who hands a memory over, takes one in, or reads a bundle with other programs (with the feature `bundle`) |
//! | [`access`] | who must tell a person what is held about them |
//! | [`erasure`] | who is asked to erase a person |
//! | `retention` | who decides how long data is kept, must not delete it, or deletes what was handed over (with the feature `bundle`) |
//! | [`journal`](mod@journal) | who follows the changes, or wants to verify a memory without heirloom |
//! | [`file`](mod@file) | who keeps, copies, or looks into the file |
//! | [`threads`] | who shares a memory between threads and processes |
//! | [`json_lines`] | who writes an importer of their own |
//! | `csv` | who imports or exports tables (with the feature `csv`) |
//! | `vcard` | who imports or exports address books (with the feature `vcard`) |
//! | [`faq`] | who asks why it is as it is |

#[doc = include_str!("leaving.md")]
pub mod leaving {}

#[cfg(feature = "bundle")]
#[doc = include_str!("bundle.md")]
pub mod bundle {}

#[doc = include_str!("access.md")]
pub mod access {}

#[doc = include_str!("erasure.md")]
pub mod erasure {}

#[cfg(feature = "bundle")]
#[doc = include_str!("retention.md")]
pub mod retention {}

#[doc = include_str!("journal.md")]
pub mod journal {}

#[doc = include_str!("file.md")]
pub mod file {}

#[doc = include_str!("threads.md")]
pub mod threads {}

#[doc = include_str!("json_lines.md")]
pub mod json_lines {}

#[cfg(feature = "csv")]
#[doc = include_str!("csv.md")]
pub mod csv {}

#[cfg(feature = "vcard")]
#[doc = include_str!("vcard.md")]
pub mod vcard {}

#[doc = include_str!("faq.md")]
pub mod faq {}
