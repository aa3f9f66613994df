//! The text files of a bag (RFC 8493): its declaration, its manifests, its information, its list of what to fetch.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::digest::DynDigest;

use super::error::{BundleError, BundleFault, Result};
use super::limits::Limits;
use super::name;

/// A hash by which a bag may list its files, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 6] = [Self::Md5, Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Returns the name that stands in the name of a manifest.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    pub(super) fn hasher(self) -> Box<dyn DynDigest + Send> {
        match self {
            Self::Md5 => Box::new(md5::Md5::default()),
            Self::Sha1 => Box::new(sha1::Sha1::default()),
            Self::Sha224 => Box::new(sha2::Sha224::default()),
            Self::Sha256 => Box::new(sha2::Sha256::default()),
            Self::Sha384 => Box::new(sha2::Sha384::default()),
            Self::Sha512 => Box::new(sha2::Sha512::default()),
        }
    }

    /// Whether nobody can make another file with the same hash, as far as is known.
    pub(super) fn proves(self) -> bool {
        self >= Self::Sha224
    }
}

/// What a file of a bag is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Below `data/`.
    Payload,
    /// Lists the payload.
    Manifest(Algorithm),
    /// Lists the tag files.
    TagManifest(Algorithm),
    /// Any other file beside `data/`.
    Tag,
}

impl Part {
    /// Tells what the file of this name is; a manifest by a hash that is not known is an error.
    pub(super) fn of(name: &str) -> Result<Self> {
        if name.starts_with("data/") {
            return Ok(Self::Payload);
        }
        let Some(stem) = name.strip_suffix(".txt") else { return Ok(Self::Tag) };
        match (stem.strip_prefix("manifest-"), stem.strip_prefix("tagmanifest-")) {
            (Some(hash), _) => Ok(Self::Manifest(known(name, hash)?)),
            (_, Some(hash)) => Ok(Self::TagManifest(known(name, hash)?)),
            _ => Ok(Self::Tag),
        }
    }
}

fn known(name: &str, hash: &str) -> Result<Algorithm> {
    let found = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == hash);
    found.ok_or_else(|| {
        let why = format!("it lists files by “{hash}”, a hash that is not known here; ask for SHA-256");
        BundleError::new(BundleFault::NotABundle, why).in_file(name)
    })
}

/// Gathers what is valid by the letter but not as it should be; where that is not tolerated, it is an error.
pub(super) struct Remarks {
    pub(super) strict: bool,
    pub(super) made: Vec<String>,
}

impl Remarks {
    pub(super) fn make(&mut self, remark: BundleError) -> Result<()> {
        if self.strict {
            return Err(remark);
        }
        self.made.push(remark.to_string());
        Ok(())
    }
}

/// What `bagit.txt` says.
pub(super) struct Declaration {
    pub(super) version: (u32, u32),
    pub(super) encoding: &'static encoding_rs::Encoding,
}

impl Declaration {
    /// Reads `bagit.txt`: two lines, to the letter (RFC 8493, 2.1.1).
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let wrong = |why: &str| BundleError::new(BundleFault::NotABundle, why).in_file("bagit.txt");
        if bytes.starts_with(b"\xef\xbb\xbf") {
            return Err(wrong(
                "it begins with a byte order mark, which BagIt forbids; ask for the bag to be made again",
            ));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
        let mut lines = lines(text).map(|(_, line)| line);
        let version = lines.next().and_then(|line| line.strip_prefix("BagIt-Version: ")).and_then(version);
        let version =
            version.ok_or_else(|| wrong("its first line is not “BagIt-Version: ”, a number, a dot and a number"))?;
        let label = lines.next().and_then(|line| line.strip_prefix("Tag-File-Character-Encoding: "));
        let label = label.ok_or_else(|| wrong("its second line is not “Tag-File-Character-Encoding: ” and a name"))?;
        if lines.any(|line| !line.is_empty()) {
            return Err(wrong("it has more than two lines"));
        }
        if !matches!(version, (1, 0) | (0, 93..=97)) {
            let (major, minor) = version;
            let why = format!("the bag is of BagIt {major}.{minor}; 0.93 to 0.97 and 1.0 are read");
            return Err(wrong(&why));
        }
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes());
        let encoding =
            encoding.ok_or_else(|| wrong(&format!("“{label}” is no character encoding that is known here")))?;
        Ok(Self { version, encoding })
    }

    /// Whether the rules of 1.0 hold, which are stricter than those before.
    pub(super) fn is_final(&self) -> bool {
        self.version >= (1, 0)
    }

    /// Returns a tag file as text.
    pub(super) fn text(&self, name: &str, bytes: &[u8]) -> Result<String> {
        let utf8 = self.encoding == encoding_rs::UTF_8;
        let text = match std::str::from_utf8(bytes) {
            Ok(text) if utf8 => Some(text.to_owned()), // with no look at marks that would tell of another encoding
            _ if utf8 => None,
            _ => Some(self.encoding.decode(bytes)).filter(|(.., broken)| !broken).map(|(text, ..)| text.into_owned()),
        };
        text.ok_or_else(|| {
            let why = format!(
                "it is not {}, which bagit.txt says that it is; ask for the bundle again",
                self.encoding.name()
            );
            BundleError::damaged(why).in_file(name)
        })
    }
}

fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    Some((number(major)?, number(minor)?))
}

/// The lines of a text with their numbers, ended by LF, CR or both.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    let mut number = 0;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let (line, after) = rest.split_at_checked(end)?;
        rest = after.strip_prefix("\r\n").or_else(|| after.strip_prefix(['\r', '\n'])).unwrap_or(after);
        number += 1;
        Some((number, line))
    })
}

/// The files that one manifest lists, each with its hash.
pub(super) type Listed = BTreeMap<String, Vec<u8>>;

/// Reads a manifest.
pub(super) fn manifest(
    declared: &Declaration,
    (name, text): (&str, &str),
    algorithm: Algorithm,
    limits: &Limits,
    remarks: &mut Remarks,
) -> Result<Listed> {
    let mut listed = Listed::new();
    for (number, line) in lines(text).filter(|(_, line)| !line.is_empty()) {
        let at = |error: BundleError| error.in_file(&format!("{name}, line {number}"));
        let (hash, path) = listing(line, algorithm).map_err(at)?;
        let path = bare(path, remarks).map_err(at)?;
        let path = decoded(path, declared);
        name::check(&path, limits).map_err(|error| in_list(error, name, number))?;
        match listed.insert(path, hash.clone()) {
            None => {}
            Some(before) if before == hash && !declared.is_final() => {
                remarks.make(at(BundleError::altered("the file is listed twice")))?;
            }
            Some(_) => {
                return Err(at(BundleError::altered("the file is listed twice; ask for the bag to be made again")));
            }
        }
    }
    Ok(listed)
}

/// Says of a name that stands in a list where it stands.
fn in_list(error: BundleError, list: &str, line: usize) -> BundleError {
    let path = error.file().unwrap_or_default().to_owned();
    let why = format!("{path} is listed: {}", error.why());
    BundleError::new(error.fault(), why).in_file(&format!("{list}, line {line}"))
}

/// Parts a line of a manifest into hash and path.
fn listing(line: &str, algorithm: Algorithm) -> Result<(Vec<u8>, &str)> {
    let wrong = || {
        let why = format!("it is not a {} hash, blanks and a path; ask for the bag to be made again", algorithm.name());
        BundleError::damaged(why)
    };
    let (hash, path) = line.split_once([' ', '\t']).ok_or_else(wrong)?;
    let hash = unhex(hash).filter(|hash| hash.len() == algorithm.hasher().output_size()).ok_or_else(wrong)?;
    match path.trim_start_matches([' ', '\t']) {
        "" => Err(wrong()),
        path => Ok((hash, path)),
    }
}

/// Takes off what other tools put before a path.
fn bare<'a>(path: &'a str, remarks: &mut Remarks) -> Result<&'a str> {
    let bare = path.strip_prefix('*').unwrap_or(path);
    let bare = bare.strip_prefix("./").unwrap_or(bare);
    if bare != path {
        let why = format!("“{path}” is not how BagIt writes a path; it is read as {bare}");
        remarks.make(BundleError::altered(why))?;
    }
    Ok(bare)
}

/// Undoes the escapes of a path: line ends, and from 1.0 on the percent sign (RFC 8493, 2.1.3).
fn decoded(path: &str, declared: &Declaration) -> String {
    if !path.contains('%') {
        return path.to_owned();
    }
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let escape = after.get(..2).unwrap_or_default();
        let plain = match escape {
            "0A" | "0a" => Some('\n'),
            "0D" | "0d" => Some('\r'),
            "25" if declared.is_final() => Some('%'),
            _ => None,
        };
        out.push(plain.unwrap_or('%'));
        rest = if plain.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    out + rest
}

/// Reads the information about a bag: labels and values, in order.
pub(super) fn info(text: &str) -> Result<Vec<(String, String)>> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for (number, line) in lines(text).filter(|(_, line)| !line.trim().is_empty()) {
        match (line.starts_with([' ', '\t']), fields.last_mut(), line.split_once(':')) {
            (true, Some((_, value)), _) => {
                value.push(' ');
                value.push_str(line.trim());
            }
            (false, _, Some((label, value))) if !label.trim().is_empty() => {
                fields.push((label.trim().to_owned(), value.trim().to_owned()));
            }
            _ => {
                let why = "it is neither a label, a colon and a value, nor the rest of such a line";
                return Err(BundleError::damaged(why).in_file(&format!("bag-info.txt, line {number}")));
            }
        }
    }
    Ok(fields)
}

/// Reads the paths of `fetch.txt`, each of which must lie in the bag already.
pub(super) fn fetched(declared: &Declaration, text: &str, limits: &Limits) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for (number, line) in lines(text).filter(|(_, line)| !line.is_empty()) {
        let mut parts = line.splitn(3, [' ', '\t']);
        let (_url, _length, path) = (parts.next(), parts.next(), parts.next());
        let path =
            path.map(|path| decoded(path.trim_start_matches([' ', '\t']), declared)).filter(|path| !path.is_empty());
        let Some(path) = path else {
            let why = "it is not an address, a length and a path";
            return Err(BundleError::damaged(why).in_file(&format!("fetch.txt, line {number}")));
        };
        name::check(&path, limits).map_err(|error| in_list(error, "fetch.txt", number))?;
        paths.push(path);
    }
    Ok(paths)
}

/// Bytes as hexadecimal digits, in lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        let _ = write!(out, "{byte:02x}"); // a String takes everything
        out
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| u8::try_from(digit(high)? << 4 | digit(low)?).ok()).collect()
}
