//! What a repository is opened with.

use std::fmt;
use std::path::PathBuf;

/// Where a repository is, and with what its objects are opened and signed.
#[derive(Clone)]
pub struct Settings {
    /// The store.
    pub store: StoreSettings,
    /// The text of an `age` identity file, comments and all, or of an OpenSSH private key. Without it no scope's keys can be had,
    /// so nothing can be opened or sealed.
    pub identity: Option<String>,
    /// A passphrase: a recipient itself, or what an ssh key is encrypted with.
    pub passphrase: Option<String>,
    /// The text of the file of this writer's signing key. Without it no points are written.
    pub signer: Option<String>,
    /// The root's public key, as it is known from elsewhere than the store.
    pub root: Option<String>,
}

/// Where the objects are.
#[derive(Clone)]
pub enum StoreSettings {
    /// A directory on a local disk: it serves one host only.
    Directory(PathBuf),
    /// A bucket of an S3 store.
    S3 {
        /// Its URL, `http://` or `https://`; without it that of AWS for the region.
        endpoint: Option<String>,
        /// Its region.
        region: String,
        /// The bucket, which must exist.
        bucket: String,
        /// What all keys begin with; may be empty.
        prefix: String,
        /// The access key's id.
        access_key: String,
        /// The secret key.
        secret_key: String,
    },
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("store", &self.store)
            .field("identity", &self.identity.as_ref().map(|_hidden| "..."))
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => f.debug_tuple("Directory").field(path).finish(),
            // An endpoint may hold a password before it is refused for that.
            Self::S3 { region, bucket, prefix, .. } => f
                .debug_struct("S3")
                .field("region", region)
                .field("bucket", bucket)
                .field("prefix", prefix)
                .finish_non_exhaustive(),
        }
    }
}
