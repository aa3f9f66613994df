//! Who packed a bundle: SSH signatures (SSHSIG) over the tag manifest, as `ssh-keygen -Y` makes and checks them.

use std::fmt;

use chrono::{DateTime, Local, NaiveDateTime, TimeZone, Utc};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

use super::error::{BundleError, Result};

/// What a signature of a bundle is for; one made for something else is refused.
pub const NAMESPACE: &str = "heirloom-handoff@v1";
/// What a signature of the receipt of a bundle is for.
pub const RECEIPT_NAMESPACE: &str = "heirloom-receipt@v1";
/// What a signature of a certificate of deletion is for.
pub const CERTIFICATE_NAMESPACE: &str = "heirloom-certificate@v1";
/// The file of a bag that a signature covers.
pub(super) const TAG_MANIFEST: &str = "tagmanifest-sha256.txt";
/// The file of a bag that holds the signature.
pub(super) const SIGNATURE_FILE: &str = "tagmanifest-sha256.txt.sig";
/// The most bytes of a signature that are read.
pub(super) const SIGNATURE_MAX: usize = 16 << 10;

/// What is said of a signature that cannot be checked here.
const OTHER_KIND: &str = "this is not a signature by an ssh-ed25519 or sk-ssh-ed25519 key as `ssh-keygen -Y sign` writes \
                          it; if it is by a key of another type, check it with `ssh-keygen -Y verify`, else ask for it \
                          to be signed again";
/// The types of keys whose signatures are checked here.
const CHECKED: [&str; 2] = ["ssh-ed25519", "sk-ssh-ed25519@openssh.com"];

/// Signs bundles as they are written.
///
/// [`SigningKey`] is one, with a key file. Implement it to ask a key that stays elsewhere, such as in an agent, or sign
/// afterwards with [`Bag::write_signed`](super::Bag::write_signed).
pub trait Signer {
    /// Signs the bytes of a tag manifest for [`NAMESPACE`].
    fn sign(&self, tag_manifest: &[u8]) -> Result<Signature>;

    /// Signs bytes for what the namespace says, such as [`RECEIPT_NAMESPACE`].
    ///
    /// # Errors
    /// Unless it is implemented: a signer signs bundles alone.
    fn sign_for(&self, namespace: &str, bytes: &[u8]) -> Result<Signature> {
        match namespace {
            NAMESPACE => self.sign(bytes),
            _ => Err(BundleError::signature(format!("this signer signs for {NAMESPACE} alone, not for {namespace}"))),
        }
    }
}

/// An Ed25519 private key in the format of OpenSSH, without a passphrase.
///
/// ```
/// use heirloom::bundle::SigningKey;
///
/// let refused = SigningKey::from_openssh("ssh-ed25519 AAAA… the public half").unwrap_err();
/// assert!(refused.to_string().contains("the private half, which signs, has no .pub"));
/// ```
pub struct SigningKey(PrivateKey);

impl SigningKey {
    /// Reads a private key, such as the text of `~/.ssh/id_ed25519`.
    ///
    /// # Errors
    /// Where it is no such key, or is locked by a passphrase: those stay with `ssh-keygen` and its agent, which sign
    /// without showing the key to other programs.
    pub fn from_openssh(text: impl AsRef<[u8]>) -> Result<Self> {
        let key = PrivateKey::from_openssh(&text).map_err(|_| {
            BundleError::signature(match text.as_ref().starts_with(b"ssh-") {
                true => {
                    "this is the public half of a key, for who verifies; the private half, which signs, has no .pub"
                }
                false => {
                    "this is not a private key of the type Ed25519 in the format of OpenSSH; `ssh-keygen -t ed25519` \
                     makes one"
                }
            })
        })?;
        if key.is_encrypted() {
            return Err(BundleError::signature(format!(
                "the key is locked by a passphrase; pack without it, unpack, then sign with it or with an agent that holds it: \
                 ssh-keygen -Y sign -f KEY -n {NAMESPACE} {TAG_MANIFEST}"
            )));
        }
        match key.algorithm() {
            Algorithm::Ed25519 => Ok(Self(key)),
            other => Err(BundleError::signature(format!(
                "the key is of the type {}; bundles are signed with ssh-ed25519 keys, `ssh-keygen -t ed25519` makes one",
                other.as_str()
            ))),
        }
    }

    /// Returns the fingerprint of its public half, such as `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.fingerprint()).finish()
    }
}

impl Signer for SigningKey {
    fn sign(&self, tag_manifest: &[u8]) -> Result<Signature> {
        self.sign_for(NAMESPACE, tag_manifest)
    }

    fn sign_for(&self, namespace: &str, bytes: &[u8]) -> Result<Signature> {
        let signed = self.0.sign(namespace, HashAlg::Sha512, bytes);
        signed.map(Signature).map_err(|error| BundleError::signature(format!("the key could not sign: {error}")))
    }
}

/// A signature as `ssh-keygen -Y sign` writes it. [`Display`](fmt::Display) gives the same text back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature(SshSig);

impl Signature {
    /// Reads the text of a signature file.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > SIGNATURE_MAX {
            let why = format!("the signature has {} bytes, the limit is {SIGNATURE_MAX}", text.len());
            return Err(BundleError::signature(why));
        }
        SshSig::from_pem(text.trim_ascii()).map(Self).map_err(|_| BundleError::signature(OTHER_KIND))
    }

    /// Returns the fingerprint of the key that signed, such as `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.0.public_key().fingerprint(HashAlg::Sha256).to_string()
    }

    /// Checks that it was made over these bytes, for this purpose, by the key that it names.
    pub(super) fn covers(&self, tag_manifest: &[u8]) -> Result<()> {
        self.covers_for(NAMESPACE, tag_manifest, TAG_MANIFEST)
    }

    /// Checks that it was made over the bytes of a file, for what the namespace says, by the key that it names.
    pub(crate) fn covers_for(&self, namespace: &str, bytes: &[u8], file: &str) -> Result<()> {
        let key = PublicKey::from(self.0.public_key().clone());
        if self.0.namespace() != namespace {
            let why = format!(
                "the signature was made for “{}”, not for {namespace}; sign with `ssh-keygen -Y sign -n {namespace}`",
                self.0.namespace()
            );
            return Err(BundleError::signature(why));
        }
        if !matches!(key.algorithm(), Algorithm::Ed25519 | Algorithm::SkEd25519) {
            return Err(BundleError::signature(OTHER_KIND));
        }
        key.verify(namespace, bytes, &self.0).map_err(|_| {
            let why =
                format!("the signature does not fit {file}: one of the two was changed after signing; do not trust it");
            BundleError::signature(why)
        })
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_pem(LineEnding::LF).map_err(|_| fmt::Error)?)
    }
}

/// The keys by which a bundle may be signed, each with what its file says about it.
///
/// Read from lines of `authorized_keys`, of a `.pub` file, or of an `allowed_signers` file (see `man ssh-keygen`), whose
/// `valid-after`, `valid-before` and `namespaces` are kept to.
///
/// ```
/// use heirloom::bundle::TrustedKeys;
///
/// let keys = TrustedKeys::parse(
///     "tom@agency.example valid-before=\"20260101Z\" ssh-ed25519 \
///      AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti",
/// )?;
/// assert_eq!(keys.len(), 1);
/// # Ok::<(), heirloom::bundle::BundleError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys(Vec<TrustedKey>);

#[derive(Clone, Debug)]
struct TrustedKey {
    key: PublicKey,
    name: String,
    namespaces: Option<String>,
    valid_after: Option<DateTime<Utc>>,
    valid_before: Option<DateTime<Utc>>,
}

impl TrustedKeys {
    /// Reads keys, one a line. Blank lines, comments, and keys of types other than `ssh-ed25519` and `sk-ssh-ed25519` are
    /// passed over: a signature by such a key is refused for its type.
    ///
    /// # Errors
    /// Where a line cannot be read, which it names.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
        let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let read =
            |(number, line)| TrustedKey::parse(line).map_err(|error| error.in_file(&format!("keys, line {number}")));
        keys.filter_map(|line| read(line).transpose()).collect::<Result<_>>().map(Self)
    }

    /// Returns how many keys there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Says whose a signature is that was checked already, at this instant.
    fn whose(&self, signature: &Signature, namespace: &str, at: DateTime<Utc>) -> SignatureCheck {
        let fingerprint = signature.fingerprint();
        let mut refused = None;
        for known in self.0.iter().filter(|known| known.key.key_data() == signature.0.public_key()) {
            let name = known.name.clone();
            match known.refuses(namespace, at) {
                None => return SignatureCheck::Trusted { name, fingerprint },
                Some(why) => refused = Some(SignatureCheck::NotValid { name, fingerprint: fingerprint.clone(), why }),
            }
        }
        refused.unwrap_or(SignatureCheck::Unknown { fingerprint })
    }
}

impl TrustedKey {
    /// Reads a line; nothing if its key is of a type whose signatures are not checked here.
    fn parse(line: &str) -> Result<Option<Self>> {
        let fields = split(line, |c| matches!(c, ' ' | '\t'))?;
        let at = fields.iter().position(|field| is_type(field)).ok_or_else(|| {
            let why =
                "it has no key of a type that is known here; it must be a line of authorized_keys or allowed_signers";
            BundleError::signature(why)
        })?;
        let (before, key) = fields.split_at_checked(at).unwrap_or_default();
        let (kind, blob) = (key.first().copied().unwrap_or_default(), key.get(1).copied().unwrap_or_default());
        if !CHECKED.contains(&kind) {
            return Ok(None);
        }
        let comment = key.get(2..).unwrap_or_default().join(" ");
        let key = PublicKey::from_openssh(&format!("{kind} {blob}"))
            .map_err(|_| BundleError::signature("the key cannot be read; copy the line again, whole"))?;
        let (principals, options) = match before {
            [] => (None, None),
            [one] if is_options(one) => (None, Some(*one)),
            [one] => (Some(*one), None),
            [principals, options] => (Some(*principals), Some(*options)),
            _ => return Err(BundleError::signature("it has more than names and options before the key")),
        };
        let name = principals.map_or(comment, |names| names.trim_matches('"').to_owned());
        let mut known = Self { key, name, namespaces: None, valid_after: None, valid_before: None };
        for option in split(options.unwrap_or_default(), |c| c == ',')? {
            known.option(option)?;
        }
        Ok(Some(known))
    }

    /// Takes one option of a key. Those that speak of logging in say nothing about signatures.
    fn option(&mut self, option: &str) -> Result<()> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = value.trim_matches('"');
        match name.to_ascii_lowercase().as_str() {
            "cert-authority" => {
                let why = "it is a certificate authority; name the keys themselves, certificates are not checked here";
                return Err(BundleError::signature(why));
            }
            "namespaces" => self.namespaces = Some(value.to_owned()),
            "valid-after" => self.valid_after = Some(instant(name, value)?),
            "valid-before" | "expiry-time" => self.valid_before = Some(instant(name, value)?),
            _ => {}
        }
        Ok(())
    }

    /// Says why the key is not to be trusted at this instant, if it is not.
    fn refuses(&self, namespace: &str, at: DateTime<Utc>) -> Option<String> {
        let shown = |instant: DateTime<Utc>| instant.format("%Y-%m-%d %H:%M:%S UTC");
        if let Some(before) = self.valid_before.filter(|before| at > *before) {
            return Some(format!("it expired on {}", shown(before)));
        }
        if let Some(after) = self.valid_after.filter(|after| at < *after) {
            return Some(format!("it is not valid before {}", shown(after)));
        }
        let namespaces = self.namespaces.as_ref().filter(|patterns| !matches_list(patterns, namespace));
        namespaces.map(|patterns| format!("it is trusted for {patterns} only, not for {namespace}"))
    }
}

/// Whether a field names the type of a key.
fn is_type(field: &str) -> bool {
    ["ssh-", "sk-ssh-", "ecdsa-sha2-", "sk-ecdsa-sha2-"].iter().any(|prefix| field.starts_with(prefix))
}

/// Parts a text at those characters outside quotes.
fn split(text: &str, at: impl Fn(char) -> bool) -> Result<Vec<&str>> {
    let mut quoted = false;
    let mut escaped = false;
    let parts = text.split(|c| {
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        at(c) && !quoted
    });
    let parts = parts.filter(|part| !part.is_empty()).collect();
    match quoted {
        true => Err(BundleError::signature("a quotation mark has no partner")),
        false => Ok(parts),
    }
}

/// Whether the only field before a key is made of options, as in `authorized_keys`; else it names the signer.
fn is_options(field: &str) -> bool {
    const NAMES: [&str; 24] = [
        "agent-forwarding",
        "cert-authority",
        "command",
        "environment",
        "expiry-time",
        "from",
        "namespaces",
        "no-agent-forwarding",
        "no-port-forwarding",
        "no-pty",
        "no-touch-required",
        "no-user-rc",
        "no-x11-forwarding",
        "permitlisten",
        "permitopen",
        "port-forwarding",
        "principals",
        "pty",
        "restrict",
        "tunnel",
        "user-rc",
        "valid-after",
        "valid-before",
        "verify-required",
    ];
    let first = field.split([',', '=']).next().unwrap_or_default().to_ascii_lowercase();
    NAMES.contains(&first.as_str()) || first == "x11-forwarding"
}

/// Reads an instant as `ssh-keygen` does: a day or a minute or a second, of the local zone unless a `Z` follows.
fn instant(name: &str, text: &str) -> Result<DateTime<Utc>> {
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let padded = match digits.len() {
        8 => format!("{digits}000000"),
        12 => format!("{digits}00"),
        _ => digits.to_owned(),
    };
    let zone_less = Some(&padded).filter(|padded| padded.len() == 14 && padded.bytes().all(|b| b.is_ascii_digit()));
    let zone_less = zone_less.and_then(|padded| NaiveDateTime::parse_from_str(padded, "%Y%m%d%H%M%S").ok());
    let instant = zone_less.and_then(|zone_less| match digits == text {
        true => Local.from_local_datetime(&zone_less).earliest().map(|instant| instant.to_utc()),
        false => Some(zone_less.and_utc()),
    });
    instant.ok_or_else(|| {
        let why = format!(
            "{name} is “{text}”; it must be written YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with a Z for UTC"
        );
        BundleError::signature(why)
    })
}

/// Whether a text matches one of the patterns and none of those that begin with `!`.
fn matches_list(patterns: &str, text: &str) -> bool {
    let mut found = false;
    for pattern in patterns.split(',').map(str::trim) {
        match pattern.strip_prefix('!') {
            Some(pattern) if matches(pattern.as_bytes(), text.as_bytes()) => return false,
            Some(_) => {}
            None => found |= matches(pattern.as_bytes(), text.as_bytes()),
        }
    }
    found
}

/// Whether a text matches a pattern with `*` and `?`, in time of their product.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // reached[i]: the pattern so far matches the first i bytes of the text.
    let mut reached: Vec<bool> = (0..=text.len()).map(|at| at == 0).collect();
    for symbol in pattern {
        let mut before = false;
        let mut any = false;
        for (at, slot) in reached.iter_mut().enumerate() {
            let here = *slot;
            any |= here;
            let fits = at > 0 && (*symbol == b'?' || text.get(at - 1) == Some(symbol));
            *slot = if *symbol == b'*' { any } else { before && fits };
            before = here;
        }
    }
    reached.last().copied().unwrap_or_default()
}

/// Who signed a bundle, as far as can be said. [`Display`](fmt::Display) says it as a sentence.
///
/// A signature says who packed a bundle. It says neither that nothing was left out, nor when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub enum SignatureCheck {
    /// By a key that was expected.
    Trusted {
        /// What the line of the key calls its owner; empty where it says nothing.
        name: String,
        /// The fingerprint of the key.
        fingerprint: String,
    },
    /// By a key that was expected, but not now, or not for this.
    NotValid {
        /// What the line of the key calls its owner; empty where it says nothing.
        name: String,
        /// The fingerprint of the key.
        fingerprint: String,
        /// Why not, as the rest of a sentence that begins with the key.
        why: String,
    },
    /// By some key that was not expected.
    Unknown {
        /// The fingerprint of the key.
        fingerprint: String,
    },
    /// There is no signature.
    Unsigned,
    /// There is one, and it proves nothing.
    Broken {
        /// What is wrong with it.
        why: String,
    },
}

impl SignatureCheck {
    /// Takes the text of the signature file of a bag, its tag manifest and the keys that are expected.
    pub(super) fn of(file: Option<&str>, tag_manifest: Option<&[u8]>, keys: &TrustedKeys, at: DateTime<Utc>) -> Self {
        let (Some(file), Some(tag_manifest)) = (file, tag_manifest) else { return Self::Unsigned };
        Self::for_purpose((NAMESPACE, TAG_MANIFEST), file, tag_manifest, keys, at)
    }

    /// Takes what the signature is for and which file it covers, its text, the bytes of that file, and the keys that are
    /// expected.
    pub(crate) fn for_purpose(
        (namespace, covered): (&str, &str),
        signature: &str,
        bytes: &[u8],
        keys: &TrustedKeys,
        at: DateTime<Utc>,
    ) -> Self {
        let checked = Signature::parse(signature).and_then(|signature| {
            signature.covers_for(namespace, bytes, covered)?;
            Ok(signature)
        });
        match checked {
            Ok(signature) => keys.whose(&signature, namespace, at),
            Err(error) => Self::Broken { why: error.to_string() },
        }
    }

    /// Returns the name of the signer if the key was expected; every other outcome is an error that says it.
    pub fn require(self) -> Result<String> {
        match self {
            Self::Trusted { name, .. } => Ok(name),
            Self::Unsigned => Err(BundleError::signature(format!("{self}; ask the sender to sign it"))),
            Self::Broken { .. } => Err(BundleError::signature(format!("{self}; ask the sender for it again"))),
            Self::NotValid { .. } | Self::Unknown { .. } => Err(BundleError::signature(format!(
                "{self}; ask the sender for the key that they sign with, by another way than the bundle came"
            ))),
        }
    }
}

impl fmt::Display for SignatureCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::wording::Visible;
        match self {
            Self::Trusted { name, fingerprint } if name.is_empty() => {
                write!(f, "signed by the expected key {fingerprint}")
            }
            Self::Trusted { name, fingerprint } => {
                write!(f, "signed by {} with the expected key {fingerprint}", Visible(name))
            }
            Self::NotValid { name, fingerprint, why } => {
                let of = if name.is_empty() { "" } else { " of " };
                write!(f, "signed by the key {fingerprint}{of}{}, but {}", Visible(name), Visible(why))
            }
            Self::Unknown { fingerprint } => write!(f, "signed by an unknown key {fingerprint}"),
            Self::Unsigned => f.write_str("not signed"),
            Self::Broken { why } => write!(f, "the signature is broken: {}", Visible(why)),
        }
    }
}
