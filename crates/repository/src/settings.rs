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
    /// Where an identity was looked for that is not here, as a person is told: `the file /etc/lifeboat/identity.txt`.
    pub identity_missing: Option<String>,
    /// A passphrase: a recipient itself, or what an ssh key is encrypted with.
    pub passphrase: Option<String>,
    /// The text of the file of this writer's signing key. Without it no points are written.
    pub signer: Option<String>,
    /// The root's public key, as it is known from elsewhere than the store.
    pub root: Option<String>,
}

/// Where the objects are.
#[derive(Clone, Debug)]
pub enum StoreSettings {
    /// A directory on a local disk: it serves one host only.
    Directory(PathBuf),
    /// A bucket.
    Cloud(Cloud),
}

/// A bucket in a cloud, or of an S3 store of one's own. Credentials that are left out are those of the environment, or else
/// those that the cloud gives to the machine or the workload.
#[derive(Clone)]
pub enum Cloud {
    /// A bucket of an S3 store.
    S3 {
        /// The bucket.
        bucket: Bucket,
        /// Its region; without it the environment's, or else `us-east-1`.
        region: Option<String>,
        /// Who asks.
        key: Option<AccessKey>,
    },
    /// A bucket of Google Cloud Storage.
    Gcs {
        /// The bucket.
        bucket: Bucket,
        /// The text of a service account's key file, JSON.
        service_account: Option<String>,
    },
    /// A container of Azure Blob Storage.
    Azure {
        /// The container.
        container: Bucket,
        /// The storage account; without it the environment's.
        account: Option<String>,
        /// A key of the account.
        key: Option<String>,
    },
}

/// A place in a cloud's store, which must exist.
#[derive(Clone)]
pub struct Bucket {
    /// The name of the bucket or container.
    pub name: String,
    /// What all keys begin with; may be empty.
    pub prefix: String,
    /// The server's URL, `http://` or `https://`; without it the cloud's own.
    pub endpoint: Option<String>,
}

/// An access key of an S3 store.
#[derive(Clone)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
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

impl fmt::Debug for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, bucket) = match self {
            Self::S3 { bucket, .. } => ("S3", bucket),
            Self::Gcs { bucket, .. } => ("Gcs", bucket),
            Self::Azure { container, .. } => ("Azure", container),
        };
        // An endpoint may hold a password before it is refused for that.
        f.debug_struct(kind)
            .field("bucket", &bucket.name)
            .field("prefix", &bucket.prefix)
            .finish_non_exhaustive()
    }
}
