//! Sealing a bundle to its receiver: the age format (version 1, `age-encryption.org/v1`), as the stock `age` tool does it.

use std::fmt;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use age::secrecy::SecretString;
use age::stream::{StreamReader, StreamWriter};
use age::{DecryptError, Decryptor, Encryptor, Identity, Recipient, scrypt, x25519};

use super::error::{BundleError, BundleFault, Result};

/// The most bytes of a header. The time that `age` takes for one grows with its square: 98 KB take seconds.
const HEADER_MAX: usize = 16 << 10;
/// The most recipients of a sealed file.
const RECIPIENTS_MAX: usize = 20;
/// The work factor of a passphrase, as the stock tool has it: 2^18 rounds, 256 MiB, about a second.
const WORK: u8 = 18;
/// The first line of a sealed file.
const MAGIC: &[u8] = b"age-encryption.org/v1\n";

fn refused(why: impl Into<String>) -> BundleError {
    BundleError::new(BundleFault::Sealed, why)
}

/// Seals what is written: to one or several receivers' keys, or with a passphrase.
///
/// Whoever has the stock tool opens it with `age -d -i key.txt handoff.zip.age`, and seals by
/// `age -r age1… -o handoff.zip.age handoff.zip`. Sealing says nothing about who sealed; that is what a signature is for.
///
/// ```
/// use std::io::{Read, Write};
///
/// use heirloom::bundle::{Sealer, Unsealer};
///
/// let sealer = Sealer::to_keys(["age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa"])?;
/// let mut out = sealer.seal(Vec::new())?;
/// out.write_all(b"a bundle")?;
/// let sealed = out.finish()?;
///
/// let unsealer = Unsealer::keys("AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33")?;
/// let mut text = String::new();
/// unsealer.unseal("handoff.zip.age", std::io::Cursor::new(sealed))?.read_to_string(&mut text)?;
/// assert_eq!(text, "a bundle");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sealer(To);

enum To {
    Keys(Vec<x25519::Recipient>),
    Passphrase(SecretString, u8),
}

impl Sealer {
    /// Seals to these public keys, each of which opens it alone; `age-keygen` makes them. At most 20.
    pub fn to_keys(keys: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self> {
        let read = |key: &str| {
            key.trim().parse::<x25519::Recipient>().map_err(|_| {
                refused(format!("“{key}” is not a public key of age; it begins with age1, `age-keygen -y` shows it"))
            })
        };
        let keys = keys.into_iter().map(|key| read(key.as_ref())).collect::<Result<Vec<_>>>()?;
        match keys.len() {
            0 => Err(refused("there is no key to seal to; name at least one")),
            1..=RECIPIENTS_MAX => Ok(Self(To::Keys(keys))),
            more => Err(refused(format!("{more} keys to seal to, the limit is {RECIPIENTS_MAX}"))),
        }
    }

    /// Seals with a passphrase, which is to go another way than the bundle.
    pub fn with_passphrase(passphrase: impl Into<String>) -> Result<Self> {
        Ok(Self(To::Passphrase(passphrase_of(passphrase.into())?, WORK)))
    }

    /// Sets how much work it is to try a passphrase: 2 to this power rounds, 18 unless set. Less than that is for tests.
    ///
    /// # Errors
    /// Where it is not between 1 and 22.
    pub fn work_factor(mut self, factor: u8) -> Result<Self> {
        check_work(factor)?;
        if let To::Passphrase(_, work) = &mut self.0 {
            *work = factor;
        }
        Ok(self)
    }

    /// Seals what is written to the result into `out`. It is whole once [`Sealed::finish`] returned.
    pub fn seal<W: Write>(&self, out: W) -> Result<Sealed<W>> {
        let encryptor = match &self.0 {
            To::Keys(keys) => Encryptor::with_recipients(keys.iter().map(|key| key as &dyn Recipient)),
            To::Passphrase(passphrase, work) => {
                let mut recipient = scrypt::Recipient::new(passphrase.clone());
                recipient.set_work_factor(*work);
                Encryptor::with_recipients(std::iter::once(&recipient as &dyn Recipient))
            }
        };
        let encryptor = encryptor.map_err(|error| refused(format!("it could not be sealed: {error}")))?;
        Ok(Sealed(encryptor.wrap_output(out)?))
    }
}

fn passphrase_of(passphrase: String) -> Result<SecretString> {
    match passphrase.is_empty() {
        true => Err(refused("the passphrase is empty; give one")),
        false => Ok(SecretString::from(passphrase)),
    }
}

fn check_work(factor: u8) -> Result<()> {
    match factor {
        1..=22 => Ok(()),
        _ => Err(refused(format!("a work factor of {factor}; it can be 1 to 22"))),
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = match &self.0 {
            To::Keys(keys) => format!("{} keys", keys.len()),
            To::Passphrase(..) => "a passphrase".to_owned(),
        };
        f.debug_tuple("Sealer").field(&to).finish()
    }
}

/// What is being sealed. Without [`finish`](Self::finish) nobody can open it.
#[must_use = "nobody can open what is not finished"]
pub struct Sealed<W: Write>(StreamWriter<W>);

impl<W: Write> Sealed<W> {
    /// Seals the last of it, and gives back what it was written to.
    pub fn finish(self) -> Result<W> {
        let mut out = self.0.finish()?;
        out.flush()?;
        Ok(out)
    }
}

impl<W: Write> Write for Sealed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Opens what was sealed: with private keys or a passphrase.
pub struct Unsealer(With);

enum With {
    Keys(Vec<x25519::Identity>),
    Passphrase(SecretString, u8),
}

impl Unsealer {
    /// Opens with the private keys of this text: a key file as `age-keygen` writes it.
    pub fn keys(text: &str) -> Result<Self> {
        let mut keys = Vec::new();
        for (at, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = line.parse::<x25519::Identity>().map_err(|_| {
                let why = "it is not a private key of age, which begins with AGE-SECRET-KEY-1; `age-keygen` makes one";
                refused(why).in_file(&format!("keys, line {at}"))
            })?;
            keys.push(key);
        }
        match keys.is_empty() {
            true => Err(refused("there is no key; give a key file as `age-keygen` writes it")),
            false => Ok(Self(With::Keys(keys))),
        }
    }

    /// Opens with a passphrase.
    pub fn passphrase(passphrase: impl Into<String>) -> Result<Self> {
        Ok(Self(With::Passphrase(passphrase_of(passphrase.into())?, WORK)))
    }

    /// Sets the most work that a sealed file may ask for with a passphrase: 2 to this power rounds, 18 unless set. Each
    /// step doubles time and memory; 18 takes 256 MiB.
    ///
    /// # Errors
    /// Where it is not between 1 and 22.
    pub fn max_work_factor(mut self, factor: u8) -> Result<Self> {
        check_work(factor)?;
        if let With::Passphrase(_, work) = &mut self.0 {
            *work = factor;
        }
        Ok(self)
    }

    /// Opens a sealed file; the name stands in messages. What comes out can be given to
    /// [`Opening::open_reader`](super::Opening::open_reader) as it is, so that nothing unsealed touches the disk.
    pub fn unseal<R: Read + Seek>(&self, name: &str, mut sealed: R) -> Result<Unsealed<R>> {
        let opened = check_header(&mut sealed).and_then(|()| self.open(sealed));
        Ok(Unsealed { name: name.to_owned(), stream: opened.map_err(|error| error.of(name))? })
    }

    fn open<R: Read + Seek>(&self, sealed: R) -> Result<StreamReader<BufReader<R>>> {
        let decryptor = Decryptor::new_buffered(BufReader::new(sealed)).map_err(in_words)?;
        match (&self.0, decryptor.is_scrypt()) {
            (With::Keys(_), true) => {
                Err(refused("it is sealed with a passphrase, not to a key; ask the sender for it"))
            }
            (With::Passphrase(..), false) => {
                Err(refused("it is sealed to a key, not with a passphrase; give the private key"))
            }
            (With::Keys(keys), _) => decryptor.decrypt(keys.iter().map(|key| key as &dyn Identity)).map_err(in_words),
            (With::Passphrase(passphrase, work), _) => {
                let mut identity = scrypt::Identity::new(passphrase.clone());
                identity.set_max_work_factor(*work);
                let opened = decryptor.decrypt(std::iter::once(&identity as &dyn Identity));
                opened.map_err(|error| passphrase_in_words(error, *work))
            }
        }
    }
}

impl fmt::Debug for Unsealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let with = match &self.0 {
            With::Keys(keys) => format!("{} keys", keys.len()),
            With::Passphrase(..) => "a passphrase".to_owned(),
        };
        f.debug_tuple("Unsealer").field(&with).finish()
    }
}

/// Looks at the header before `age` does, and goes back to the beginning.
fn check_header(sealed: &mut (impl Read + Seek)) -> Result<()> {
    sealed.seek(SeekFrom::Start(0))?;
    let mut header = Vec::new();
    sealed.take(HEADER_MAX as u64).read_to_end(&mut header)?;
    sealed.seek(SeekFrom::Start(0))?;
    if header.starts_with(b"-----BEGIN AGE") {
        return Err(refused("it is sealed as text; ask for it to be sealed without --armor"));
    }
    if !header.starts_with(MAGIC) {
        return Err(refused("it is not sealed with age (age-encryption.org/v1); if it is a ZIP, open it as it is"));
    }
    let mut recipients = 0;
    for line in header.split(|byte| *byte == b'\n') {
        if line.starts_with(b"--- ") {
            return Ok(());
        }
        recipients += usize::from(line.starts_with(b"-> "));
        if recipients > RECIPIENTS_MAX {
            return Err(refused(format!("it is sealed to more than {RECIPIENTS_MAX} keys, which is the limit")));
        }
    }
    match header.len() < HEADER_MAX {
        true => Err(refused("it is cut off; fetch it again")),
        false => Err(refused(format!("its header is longer than {HEADER_MAX} bytes, which is the limit"))),
    }
}

fn in_words(error: DecryptError) -> BundleError {
    match error {
        DecryptError::NoMatchingKeys => refused(
            "none of the keys opens it; it was sealed to another key, ask the sender to seal it to yours (`age-keygen -y` shows it)",
        ),
        DecryptError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            refused("it is cut off; fetch it again")
        }
        DecryptError::Io(error) => error.into(),
        _ => refused("it is damaged, or was changed after sealing; fetch it again"),
    }
}

fn passphrase_in_words(error: DecryptError, limit: u8) -> BundleError {
    match error {
        DecryptError::ExcessiveWork { required, .. } => refused(format!(
            "its passphrase asks for work of 2^{required}, the limit is 2^{limit}; raise it with max_work_factor if you \
             trust the sender"
        )),
        DecryptError::DecryptionFailed | DecryptError::NoMatchingKeys | DecryptError::KeyDecryptionFailed => {
            refused("the passphrase does not open it; check it, and where it came from")
        }
        other => in_words(other),
    }
}

/// What comes out of a sealed file: each piece of 64 KiB is checked before it comes, its end at the end.
///
/// What was read is the sender's only once the end was reached without an error; a bundle is read to its end by opening
/// it.
pub struct Unsealed<R> {
    name: String,
    stream: StreamReader<BufReader<R>>,
}

impl<R> Unsealed<R> {
    fn placed(&self, error: io::Error) -> io::Error {
        let error = match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                refused("it is cut off or damaged, or was changed after sealing; fetch it again")
            }
            io::ErrorKind::Interrupted => return error,
            _ => error.into(),
        };
        error.of(&self.name).into()
    }
}

impl<R: Read> Read for Unsealed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer).map_err(|error| self.placed(error))
    }
}

impl<R: Read + Seek> Seek for Unsealed<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.stream.seek(to).map_err(|error| self.placed(error))
    }
}
