//! The objects of etcd histories: each made once, under a name that nothing else ever has, read at any place, removed.
//!
//! What is in them, and what their names mean, the crate `etcd` knows. An object's name says what its content is, so that two
//! who store under one name store the same: whoever finds it there compares, and is done. Start at
//! [`Repository::put_history`].

mod opened;

pub use opened::OpenedObject;

use crate::fetch::Pieces;
use crate::keys::{Keys, unreadable};
use crate::seal::{HEADER, Place};
use crate::upload::{Content, Source, joined};
use crate::{Error, Repository, Scope, failure, layout, upload};
use aws_lc_rs::digest::{Context, Digest, SHA256};
use bytes::Bytes;
use estate::Name;
use object_store::path::Path;
use std::io::{self, Read};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Content that is created in one request, in bytes at most; more travels in pieces.
const WHOLE: usize = 4 << 20;

/// How often an object that does not open is looked at while others keep replacing it.
const LOOKS: usize = 4;

/// What became of a stored object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was stored.
    Created,
    /// The very same was there.
    Existed,
}

/// The objects of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryListing {
    /// By name.
    pub objects: Vec<HistoryObject>,
    /// Keys among them that are no object's: ignored, but worth a look.
    pub strange: Vec<String>,
}

/// An object of a history, as a list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryObject {
    /// Its name.
    pub name: String,
    /// Its length as it is stored, sealed, in bytes.
    pub bytes: u64,
}

/// Which content: two with the same are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Same {
    bytes: u64,
    sha256: String,
}

/// What is there under a name that is to be stored.
enum There {
    Nothing,
    /// What can be opened.
    Sound(Same),
    /// What nobody can open. It is removed: whoever stores has the content that belongs there.
    Broken,
}

impl Repository {
    /// Stores an object of a cluster's history, under an epoch (0 where there is none). It has been read back from the store
    /// and compared when this returns. `body` is read on a thread that may block.
    ///
    /// An object of this name that does not open is removed and stored anew. One that is stored and read back as something else
    /// is removed.
    ///
    /// # Errors
    /// [`Error::Taken`] when something else is there under this name; [`Error::Invalid`] for a name that cannot be, or when
    /// `body` cannot be read; [`Error::Damaged`] when the store gives back something else than was written;
    /// [`Error::NoIdentity`], [`Error::WrongKey`], and as every request. After any error the same may be stored again.
    pub async fn put_history<R: Read + Send + 'static>(
        &self,
        cluster: &Name,
        name: &str,
        epoch: u64,
        body: R,
    ) -> Result<Put, Error> {
        let key = layout::history_key(cluster, name)?;
        let place = self.place(&key).await?;
        let keys = self.keys(&Scope::Cluster(cluster.clone())).await?;
        let (head, rest) = head(&key, body).await?;
        if head.len() <= WHOLE {
            self.put_whole(&place, &keys, epoch, &head).await
        } else {
            let body = Box::new(io::Cursor::new(head).chain(rest));
            self.put_in_pieces(cluster, place, keys, epoch, body).await
        }
    }

    /// Lists the objects of a cluster's history.
    ///
    /// # Errors
    /// As every request.
    pub async fn list_history(&self, cluster: &Name) -> Result<HistoryListing, Error> {
        self.id().await?;
        let mut listing = HistoryListing::default();
        for found in self.shared.store.list_with_sizes(&layout::history(cluster)).await? {
            match layout::history_name(cluster, &found.key) {
                Some(name) => listing.objects.push(HistoryObject { name, bytes: found.bytes }),
                None => listing.strange.push(found.key.to_string()),
            }
        }
        Ok(listing)
    }

    /// Removes an object of a cluster's history; it need not be there.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that cannot be, and as every request.
    pub async fn remove_history(&self, cluster: &Name, name: &str) -> Result<(), Error> {
        self.id().await?;
        self.shared.store.delete(&layout::history_key(cluster, name)?).await
    }

    async fn put_whole(&self, place: &Place, keys: &Keys, epoch: u64, content: &[u8]) -> Result<Put, Error> {
        let store = &self.shared.store;
        let sealed = keys.seal(place, epoch, content)?;
        match store.create(&place.key, sealed.clone()).await {
            Ok(()) => {}
            Err(taken @ Error::Taken { .. }) => match self.there(&place.key).await? {
                There::Sound(same) if same == Same::of(content) => return Ok(Put::Existed),
                There::Sound(_) => return Err(taken),
                There::Nothing | There::Broken => store.create(&place.key, sealed.clone()).await?,
            },
            Err(other) => return Err(other),
        }
        if store.get(&place.key).await? == sealed {
            return Ok(Put::Created);
        }
        self.read_back(&place.key, &Same::of(content)).await
    }

    async fn put_in_pieces(
        &self,
        cluster: &Name,
        place: Place,
        keys: Arc<Keys>,
        epoch: u64,
        mut body: Box<dyn Read + Send>,
    ) -> Result<Put, Error> {
        let key = place.key.clone();
        if let There::Sound(there) = self.there(&key).await? {
            let ours = tokio::task::spawn_blocking(move || {
                Same::read(&mut body).map_err(|error| failure::of_body(&place.key, &error))
            });
            return match joined(&key, ours).await? {
                ours if ours == there => {
                    self.shared.store.settle(&layout::history(cluster)).await?;
                    Ok(Put::Existed)
                }
                _ => Err(Error::Taken { object: key.to_string() }),
            };
        }
        // Not "if absent": stores do not have that for pieces. Whoever else completes it meanwhile completes the same.
        let source = Source { place, epoch, content: Content::Body(body) };
        let sent = upload::send(&self.shared.store, keys, source).await?.sent;
        self.read_back(&key, &Same { bytes: sent.bytes, sha256: sent.sha256 }).await
    }

    /// What was created, as the store gives it back.
    async fn read_back(&self, key: &Path, wanted: &Same) -> Result<Put, Error> {
        match self.there(key).await? {
            There::Sound(same) if same == *wanted => return Ok(Put::Created),
            There::Sound(_) => self.shared.store.delete(key).await?,
            There::Nothing | There::Broken => {}
        }
        let reason = "the store gives back something else than was written".to_owned();
        Err(Error::Damaged { object: key.to_string(), reason })
    }

    /// What is there. What does not open is removed, but only once it was looked at twice, and right before it goes still begins
    /// as what did not open: another who stores the same may have put a sound one in its place. Between that look and the removal
    /// there is a moment in which it is not seen; stores know no "remove if it is still this".
    async fn there(&self, key: &Path) -> Result<There, Error> {
        let (mut judged, mut last) = (None, None);
        for _ in 0..LOOKS {
            let head = match self.beginning(key).await? {
                Some(head) => head,
                None => return Ok(There::Nothing),
            };
            match self.read_through(key, &head).await {
                Ok(same) => return Ok(There::Sound(same)),
                Err(Error::NotFound { .. }) => return Ok(There::Nothing),
                Err(error @ Error::Damaged { .. }) => last = Some(error),
                Err(other) => return Err(other),
            }
            // Twice: what is read wrongly now and then must not be taken for what is stored wrongly.
            if judged.as_ref() == Some(&head) && self.beginning(key).await?.as_ref() == Some(&head) {
                self.shared.store.delete(key).await?;
                return Ok(There::Broken);
            }
            judged = Some(head);
        }
        Err(last.unwrap_or_else(|| Error::Taken { object: key.to_string() }))
    }

    /// The length and the header of an object, if there is one.
    async fn beginning(&self, key: &Path) -> Result<Option<(u64, Bytes)>, Error> {
        match self.shared.store.beginning(key, HEADER as u64).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Opens an object of any size that begins so, to its end.
    async fn read_through(&self, key: &Path, (size, head): &(u64, Bytes)) -> Result<Same, Error> {
        let (place, size) = (self.place(key).await?, *size);
        let keys = self.keys_for(key, head).await?;
        let (give, take) = mpsc::channel(1);
        let opening = tokio::task::spawn_blocking(move || {
            let (_, mut content) = keys.reader(&place, Pieces::new(take))?;
            Same::read(&mut content).map_err(|error| unreadable(&place, &error))
        });
        let received = self.receive(key, size, give).await;
        let opened = joined(key, opening).await;
        // What failed on the way shows at its end as an object that is cut off: the cause first.
        received.and(opened)
    }
}

/// The first bytes of a body: one more than are created in one request, if it has so many.
async fn head<R: Read + Send + 'static>(key: &Path, mut body: R) -> Result<(Bytes, R), Error> {
    let of = key.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let mut head = Vec::new();
        let read = (&mut body).take(WHOLE as u64 + 1).read_to_end(&mut head);
        read.map_err(|error| failure::of_body(&of, &error))?;
        Ok((head.into(), body))
    });
    joined(key, reading).await
}

impl Same {
    fn of(content: &[u8]) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(content);
        Self::new(content.len() as u64, &hash.finish())
    }

    fn read(content: &mut dyn Read) -> io::Result<Self> {
        let (mut hash, mut bytes, mut buffer) = (Context::new(&SHA256), 0, vec![0; 256 << 10]);
        loop {
            match content.read(&mut buffer) {
                Ok(0) => return Ok(Self::new(bytes, &hash.finish())),
                Ok(read) => {
                    hash.update(&buffer[..read]);
                    bytes += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn new(bytes: u64, hash: &Digest) -> Self {
        let sha256 = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { bytes, sha256 }
    }
}
