//! What a repository is opened with.

use std::fmt;
use std::path::PathBuf;

/// Where a repository is, for whom its objects are sealed, and with what they are opened.
#[derive(Clone)]
pub struct Settings {
    /// The store.
    pub store: StoreSettings,
    /// The `age` recipients (`age1...`) that everything is sealed for: one at least; with two a lost key is survivable.
    pub recipients: Vec<String>,
    /// The text of an `age` identity file, comments and all. Without it nothing can be opened; storing needs none.
    pub identity: Option<String>,
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
            .field("recipients", &self.recipients)
            .field("identity", &self.identity.as_ref().map(|_hidden| "..."))
            .finish()
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
