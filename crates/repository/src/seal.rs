//! What an object looks like: an `age` file for all recipients, whose plain text begins with one line,
//!
//! ```text
//! lifeboat/0 REPOSITORY-ID KEY
//! ```
//!
//! and goes on with the content. `age` authenticates every byte; the line ties them to their repository and key, so that an
//! object that was moved, or replayed under another name, is refused. What `age` does not tell is who sealed: whoever knows a
//! recipient can.
//!
//! Start at [`Sealer`]. It works on readers and writers and blocks; whoever has much to seal does it on a thread for that.

use crate::failure::cut;
use crate::layout::FORMAT;
use crate::{Error, Settings};
use age::x25519;
use age::{DecryptError, Decryptor, Encryptor, Identity, Recipient};
use bytes::Bytes;
use object_store::path::Path;
use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::rc::Rc;

/// How long `age`'s own header may be, in bytes. The parser takes time by the square of it, so a planted one must end soon.
const HEADER_LIMIT: usize = 8 << 10;

/// Recipients at most: their header stays well below [`HEADER_LIMIT`].
const RECIPIENTS: usize = 32;

/// How long the first line of the plain text may be, in bytes.
const LINE_LIMIT: u64 = 1 << 10;

/// Seals for the recipients, opens with the identities.
pub(crate) struct Sealer {
    recipients: Vec<x25519::Recipient>,
    identities: Vec<x25519::Identity>,
}

impl Sealer {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let wrong = |what, reason: String| Error::Settings { what, reason };
        let mut recipients = Vec::new();
        for text in &settings.recipients {
            let parsed = text.trim().parse();
            recipients
                .push(parsed.map_err(|_bad| wrong("recipients", format!("{:?} is not an age recipient", cut(text))))?);
        }
        if recipients.is_empty() {
            return Err(wrong("recipients", "there is none".to_owned()));
        }
        if recipients.len() > RECIPIENTS {
            return Err(wrong("recipients", format!("there are more than {RECIPIENTS}")));
        }
        let mut identities = Vec::new();
        for (number, line) in settings.identity.iter().flat_map(|text| text.lines().enumerate()) {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                // Never the line itself: it is a secret, if a misspelt one.
                let parsed = line.parse();
                identities.push(
                    parsed.map_err(|_bad| wrong("identity", format!("line {} is not an age identity", number + 1)))?,
                );
            }
        }
        if settings.identity.is_some() && identities.is_empty() {
            return Err(wrong("identity", "it holds none".to_owned()));
        }
        Ok(Self { recipients, identities })
    }

    /// A writer that seals into `out`, the first line written already. It must be finished.
    pub(crate) fn writer<W: Write>(
        &self,
        repository: &str,
        key: &Path,
        out: W,
    ) -> io::Result<age::stream::StreamWriter<W>> {
        let recipients = self.recipients.iter().map(|recipient| recipient as &dyn Recipient);
        let age = Encryptor::with_recipients(recipients).map_err(|error| io::Error::other(error.to_string()))?;
        let mut writer = age.wrap_output(out)?;
        writer.write_all(format!("{}\n", line(repository, key)).as_bytes())?;
        Ok(writer)
    }

    /// Seals an object that fits into memory.
    pub(crate) fn seal(&self, repository: &str, key: &Path, content: &[u8]) -> Result<Bytes, Error> {
        let sealed = || {
            let mut writer = self.writer(repository, key, Vec::with_capacity(content.len() + 1024))?;
            writer.write_all(content)?;
            writer.finish()
        };
        let sealed = sealed().map_err(|error| Error::Bug { object: key.to_string(), reason: error.to_string() })?;
        Ok(sealed.into())
    }

    /// A reader of the content sealed in `from`, its first line read and found right. Errors of the reader go through
    /// [`unreadable`].
    pub(crate) fn reader<R: Read>(&self, repository: &str, key: &Path, from: R) -> Result<impl Read + use<R>, Error> {
        if self.identities.is_empty() {
            return Err(Error::NoIdentity { object: key.to_string() });
        }
        let left = Rc::new(Cell::new(HEADER_LIMIT));
        let from = BufReader::with_capacity(HEADER_LIMIT, Limited { from, left: left.clone() });
        let age = Decryptor::new_buffered(from).map_err(|error| unopened(key, error))?;
        left.set(usize::MAX);
        let identities = self.identities.iter().map(|identity| identity as &dyn Identity);
        let mut content = BufReader::new(age.decrypt(identities).map_err(|error| unopened(key, error))?);
        let mut found = Vec::new();
        let first = (&mut content).take(LINE_LIMIT).read_until(b'\n', &mut found);
        first.map_err(|error| unreadable(key, &error))?;
        check_line(repository, key, &found)?;
        Ok(content)
    }

    /// Opens an object that fits into memory.
    pub(crate) fn open(&self, repository: &str, key: &Path, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let mut content = Vec::with_capacity(sealed.len());
        let mut reader = self.reader(repository, key, sealed)?;
        reader.read_to_end(&mut content).map_err(|error| unreadable(key, &error))?;
        Ok(content)
    }
}

fn line(repository: &str, key: &Path) -> String {
    format!("lifeboat/{FORMAT} {repository} {key}")
}

fn check_line(repository: &str, key: &Path, found: &[u8]) -> Result<(), Error> {
    let object = key.to_string();
    let strange = || Error::Damaged {
        object: object.clone(),
        reason: "it was not sealed by Lifeboat: it does not begin with its name".to_owned(),
    };
    let found = str::from_utf8(found).ok().and_then(|text| text.strip_suffix('\n'));
    let found = found.ok_or_else(strange)?;
    if found == line(repository, key) {
        return Ok(());
    }
    let mut words = found.split(' ');
    let format = words
        .next()
        .and_then(|word| word.strip_prefix("lifeboat/"))
        .ok_or_else(strange)?;
    if format != FORMAT.to_string() {
        return Err(Error::Format { object, found: cut(format) });
    }
    match (words.next(), words.next(), words.next()) {
        (Some(id), Some(name), None) if id == repository => Err(Error::Misplaced { object, found: cut(name) }),
        (Some(id), Some(name), None) => Err(Error::Misplaced {
            object,
            found: format!("{} of repository {}", cut(name), cut(id)),
        }),
        _ => Err(strange()),
    }
}

/// Why `age` does not open an object.
fn unopened(key: &Path, error: DecryptError) -> Error {
    let reason = match error {
        DecryptError::NoMatchingKeys => return Error::WrongKey { object: key.to_string() },
        DecryptError::Io(error) => return unreadable(key, &error),
        DecryptError::UnknownFormat => "its age header is of an unknown version",
        DecryptError::InvalidMac => "its age header was changed",
        _ => "it has no sound age header",
    };
    Error::Damaged { object: key.to_string(), reason: reason.to_owned() }
}

/// Why a sealed object cannot be read on.
pub(crate) fn unreadable(key: &Path, error: &io::Error) -> Error {
    let reason = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut off",
        io::ErrorKind::FileTooLarge => "its age header has no end",
        _ => "its bytes were changed, or it is cut off",
    };
    Error::Damaged { object: key.to_string(), reason: reason.to_owned() }
}

/// A reader that ends in an error where it has given what it may.
struct Limited<R> {
    from: R,
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        let left = self.left.get().checked_sub(read);
        self.left.set(left.ok_or(io::ErrorKind::FileTooLarge)?);
        Ok(read)
    }
}
