//! ZIP, as far as bundles need it (PKWARE APPNOTE 6.3.10): files stored or deflated, with ZIP64 where sizes ask for it.
//!
//! Readers of ZIP go by the local headers, by the central directory, or by both, and a file in which the two disagree is
//! one bundle to one tool and another to the next. So the reader here takes only files in which every byte has one
//! meaning: headers that agree, one after the other from the first byte to the last, without gaps or overlaps.

mod deflate;
mod read;
mod write;

pub(super) use read::Zip;
pub(super) use write::{ZipWriter, write_directory};

/// Signature of a local header (4.3.7).
const LOCAL: u32 = 0x0403_4b50;
/// Signature of a data descriptor (4.3.9).
const DESCRIPTOR: u32 = 0x0807_4b50;
/// Signature of a record of the central directory (4.3.12).
const CENTRAL: u32 = 0x0201_4b50;
/// Signature of the end of the central directory (4.3.16).
const END: u32 = 0x0605_4b50;
/// Signature of the ZIP64 end of the central directory (4.3.14).
const END64: u32 = 0x0606_4b50;
/// Signature of the locator of the latter (4.3.15).
const LOCATOR64: u32 = 0x0706_4b50;

/// Length of a local header without its name and extra fields.
const LOCAL_LEN: u64 = 30;
/// Length of a central record without its name, extra fields and comment.
const CENTRAL_LEN: usize = 46;
/// Length of the end of the central directory without its comment.
const END_LEN: u64 = 22;
/// Length of the ZIP64 end of the central directory.
const END64_LEN: u64 = 56;
/// Length of its locator.
const LOCATOR64_LEN: u64 = 20;

/// Flag: sizes and checksum follow the data.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// Flag: the name is UTF-8.
const FLAG_UTF8: u16 = 1 << 11;

/// Method: as it is.
const STORED: u16 = 0;
/// Method: deflate.
const DEFLATED: u16 = 8;

/// Id of the extra field that holds sizes of 64 bits.
const EXTRA_ZIP64: u16 = 1;
/// Id of the extra field in which Info-ZIP keeps a second name.
const EXTRA_OTHER_NAME: u16 = 0x7075;

/// What a field of 32 bits says when the number stands in the ZIP64 extra field.
const IN_ZIP64: u32 = u32::MAX;
