//! Makes bags and ZIPs of every kind, above all such as no honest tool makes.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use sha2::{Digest, Sha256};

/// One entry of a ZIP, with whatever its headers are to claim.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    /// What the local header calls it.
    pub(crate) local_name: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) local_flags: u16,
    pub(crate) method: u16,
    pub(crate) local_method: u16,
    pub(crate) crc: u32,
    pub(crate) local_crc: u32,
    pub(crate) size: u32,
    pub(crate) local_size: u32,
    pub(crate) packed: u32,
    pub(crate) local_packed: u32,
    pub(crate) made_by: u16,
    pub(crate) mode: u32,
    pub(crate) disk: u16,
    pub(crate) extra: Vec<u8>,
    pub(crate) comment: Vec<u8>,
    pub(crate) data: Vec<u8>,
    /// Bytes after the data that belong to nothing.
    pub(crate) gap: Vec<u8>,
    /// The offset that the directory claims, if not the true one.
    pub(crate) at: Option<u32>,
}

impl Entry {
    pub(crate) fn stored(name: &str, bytes: &[u8]) -> Self {
        Self::new(name, 0, bytes.to_vec(), bytes)
    }

    pub(crate) fn deflated(name: &str, bytes: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(9));
        encoder.write_all(bytes).unwrap();
        Self::new(name, 8, encoder.finish().unwrap(), bytes)
    }

    fn new(name: &str, method: u16, data: Vec<u8>, bytes: &[u8]) -> Self {
        let mut crc = Crc::new();
        crc.update(bytes);
        let (name, crc, size, packed) = (name.as_bytes().to_vec(), crc.sum(), bytes.len() as u32, data.len() as u32);
        let flags = if name.is_ascii() { 0 } else { 1 << 11 };
        Self {
            local_name: name.clone(),
            name,
            flags,
            local_flags: flags,
            method,
            local_method: method,
            crc,
            local_crc: crc,
            size,
            local_size: size,
            packed,
            local_packed: packed,
            made_by: 3 << 8,
            mode: 0o100_644,
            disk: 0,
            extra: Vec::new(),
            comment: Vec::new(),
            data,
            gap: Vec::new(),
            at: None,
        }
    }
}

/// Sets a field in both headers.
// Used by the other modules through the crate root.
#[macro_export]
macro_rules! both {
    ($entry:expr, $field:ident, $local:ident, $value:expr) => {{
        let value = $value;
        $entry.$local = value.clone();
        $entry.$field = value;
    }};
}

/// A ZIP of these entries.
pub(crate) fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let at = entry.at.unwrap_or(out.len() as u32);
        put(&mut out, &[Four(0x0403_4b50), Two(20), Two(entry.local_flags), Two(entry.local_method), Four(0x21 << 16)]);
        put(&mut out, &[Four(entry.local_crc), Four(entry.local_packed), Four(entry.local_size)]);
        put(&mut out, &[Two(entry.local_name.len() as u16), Two(0)]);
        out.extend([&entry.local_name[..], &entry.data, &entry.gap].concat());
        put(
            &mut directory,
            &[Four(0x0201_4b50), Two(entry.made_by | 20), Two(20), Two(entry.flags), Two(entry.method)],
        );
        put(&mut directory, &[Four(0x21 << 16), Four(entry.crc), Four(entry.packed), Four(entry.size)]);
        put(&mut directory, &[Two(entry.name.len() as u16), Two(entry.extra.len() as u16)]);
        put(
            &mut directory,
            &[Two(entry.comment.len() as u16), Two(entry.disk), Two(0), Four(entry.mode << 16), Four(at)],
        );
        directory.extend([&entry.name[..], &entry.extra, &entry.comment].concat());
    }
    let (at, length, count) = (out.len() as u32, directory.len() as u32, entries.len() as u16);
    out.extend(directory);
    put(&mut out, &[Four(0x0605_4b50), Two(0), Two(0), Two(count), Two(count), Four(length), Four(at), Two(0)]);
    out
}

enum Field {
    Two(u16),
    Four(u32),
}

use Field::{Four, Two};

fn put(out: &mut Vec<u8>, fields: &[Field]) {
    for field in fields {
        match field {
            Two(number) => out.extend(number.to_le_bytes()),
            Four(number) => out.extend(number.to_le_bytes()),
        }
    }
}

/// The files of a bag by their names below the top folder.
#[derive(Clone)]
pub(crate) struct Kit(pub(crate) BTreeMap<String, Vec<u8>>);

impl Kit {
    /// No file at all.
    pub(crate) fn empty() -> Self {
        Self(BTreeMap::new())
    }

    /// A whole bag with two files of payload.
    pub(crate) fn whole() -> Self {
        let mut kit = Self::empty();
        kit.put("bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n");
        kit.put("bag-info.txt", "Bagging-Date: 2025-03-12\n");
        kit.put("data/journal.jsonl", "{}\n").put("data/notes.csv", "when,what\n");
        kit.list();
        kit
    }

    /// Puts a file into the bag, without listing it.
    pub(crate) fn put(&mut self, name: &str, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.0.insert(name.to_owned(), bytes.as_ref().to_vec());
        self
    }

    pub(crate) fn take(&mut self, name: &str) -> &mut Self {
        self.0.remove(name).unwrap();
        self
    }

    /// Writes both manifests for what is there.
    pub(crate) fn list(&mut self) -> &mut Self {
        self.0.retain(|name, _| !name.contains("manifest-"));
        let payload = self.listing(|name| name.starts_with("data/"));
        self.put("manifest-sha256.txt", payload);
        self.list_tags()
    }

    /// Writes the tag manifest for what is there.
    pub(crate) fn list_tags(&mut self) -> &mut Self {
        self.0.remove("tagmanifest-sha256.txt");
        let tags = self.listing(|name| !name.starts_with("data/") && !name.ends_with(".sig"));
        self.put("tagmanifest-sha256.txt", tags)
    }

    fn listing(&self, takes: impl Fn(&str) -> bool) -> String {
        let files = self.0.iter().filter(|(name, _)| takes(name));
        files.map(|(name, bytes)| format!("{}  {name}\n", hash(bytes))).collect()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.iter().map(|(name, bytes)| Entry::stored(&format!("handoff/{name}"), bytes)).collect()
    }

    pub(crate) fn zip(&self) -> Vec<u8> {
        zip(&self.entries())
    }
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
