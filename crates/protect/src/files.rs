//! The host's files: what a recovery needs beside etcd: CAs, keys of service accounts, tokens, what decrypts Secrets, settings.
//!
//! The road of a host's files:
//!
//! 1. [`wanted`] says which files of a host belong to the copy: facts by distribution ([`sets`]), what its own settings
//!    name, what the user names.
//! 2. [`take`] reads them, here or over SSH, as they were at one moment. [`Taken`] also has what was left out, and why.
//! 3. [`Files`] is a copy in memory, of one host or of several; [`Files::archive`] the standard archive that it is stored as.
//! 4. [`compare`] says what differs on a host; [`put_back`] puts files in place there, and what they replace aside.
//! 5. [`Watch`] notices when something changes.
//!
//! [`fits`] and [`restore`] are another road: a cluster that moves to hosts of its own kind takes the keys and little else. [`prepared`]
//! is for a host that has nothing yet: what of a copied host's files it needs, with its own name and address in them.
//!
//! Not here: whether keys, tokens and certificates fit together, when a copy is taken, where it is kept.

mod archive;
mod compare;
mod gather;
mod listing;
mod pattern;
mod prepare;
mod put;
mod sets;
mod take;
mod text;
mod transfer;
mod tree;
mod wanted;
mod watch;

pub use archive::{ArchiveLimits, BadArchive};
pub use compare::{Change, Difference, compare, selected};
pub use pattern::{BadPattern, Pattern};
pub use prepare::{RancherHost, copied_flags, prepared, rancher_host};
pub use put::{Put, Putting, put_back};
pub use sets::{Item, Need, Places, facts};
pub use take::{LeftOut, Missing, Taken, Why, take};
pub use transfer::{Restore, fits, kept, restore};
pub use tree::{Entry, Files, Tree, What};
pub use wanted::{Limits, Settings, Wanted, wanted};
pub use watch::{Fingerprint, Watch, fingerprint};

#[cfg(test)]
mod tests;

/// By this file a host is known to have SELinux.
const SELINUX: &str = "/sys/fs/selinux/enforce";

/// kubeadm's directory of certificates.
pub(crate) const PKI: &str = "/etc/kubernetes/pki";

/// The keys that make a cluster itself; certificates signed by them are issued anew.
pub(crate) const KEYS: [&str; 8] = [
    "ca.crt",
    "ca.key",
    "etcd/ca.crt",
    "etcd/ca.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "sa.key",
    "sa.pub",
];

/// The API server's flags whose files belong to the cluster rather than to the host.
pub const FLAGS: [&str; 7] = [
    "encryption-provider-config",
    "token-auth-file",
    "audit-policy-file",
    "authentication-config",
    "authorization-config",
    "authentication-token-webhook-config-file",
    "admission-control-config-file",
];
