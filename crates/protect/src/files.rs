//! The files without which a copy of etcd is useless: CAs, the keys of service accounts, what decrypts Secrets, tokens.
//!
//! They are kept as a tar archive with names of our own: `pki/...` below the directory of certificates, `flags/NAME` for a
//! file that a flag of the API server names. So they go where the *new* host's flags say, wherever the old host had them.

mod archive;
mod restore;
mod take;

pub use archive::{Files, Kept};
pub use restore::{Restore, fits, kept, restore};
pub use take::take;

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
pub(crate) const FLAGS: [&str; 7] = [
    "encryption-provider-config",
    "token-auth-file",
    "audit-policy-file",
    "authentication-config",
    "authorization-config",
    "authentication-token-webhook-config-file",
    "admission-control-config-file",
];

/// What kubeadm issues from the CAs for each host anew, below the directory of certificates.
pub(crate) const ISSUED: &str = "apiserver.crt apiserver.key apiserver-kubelet-client.crt apiserver-kubelet-client.key \
    apiserver-etcd-client.crt apiserver-etcd-client.key front-proxy-client.crt front-proxy-client.key etcd/server.crt \
    etcd/server.key etcd/peer.crt etcd/peer.key etcd/healthcheck-client.crt etcd/healthcheck-client.key";
