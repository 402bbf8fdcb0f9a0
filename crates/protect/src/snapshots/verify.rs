//! Whether a snapshot is sound, and what is in it. Start at [`verify_file`].
//!
//! It is read as a recovery would read it: the archive's checksum, the SHA-256 at its end, the database's pages, and every record.

use super::Error;
use etcd::import::{Imported, snapshot_file};
use etcd::selection::{DatabaseSource, Source};
use etcd::{FileError, KeyValue};
use objects::Content;
use objects::encryption::Decryption;
use objects::envelope::Envelope;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// Where k3s and RKE2 keep CAs, their keys and the encryption configuration, sealed with the join token.
const BOOTSTRAP: &[u8] = b"/bootstrap/";
/// The namespace that every cluster has, and whose uid is taken for the cluster's.
const KUBE_SYSTEM: &[u8] = b"/namespaces/kube-system";
/// The ending of RKE1's state file.
const STATE_FILE: &str = ".rkestate";

/// A sound snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// The revision that it is of.
    pub revision: u64,
    /// Up to which revision older versions are gone.
    pub compaction: u64,
    /// How many keys exist in it.
    pub keys: u64,
    /// The size of its database, in bytes.
    pub bytes: u64,
    /// Whether a SHA-256 stands at its end, which matches. A copy of a member's file has none: `etcdutl` refuses that.
    pub hashed: bool,
    /// The version whose form the database has, or that its members had agreed on: `3.6.0`.
    pub etcd: Option<String>,
    /// The names of its cluster's members.
    pub members: Vec<String>,
    /// The program that worked on it, `k3s` or `rke2`, by the keys that only they have.
    pub program: Option<&'static str>,
    /// The hashes of the join tokens that open the bootstrap data in it. None: there is no bootstrap data.
    pub bootstrap: Vec<String>,
    /// The uid of its namespace `kube-system`, which tells clusters apart.
    pub cluster: Option<String>,
    /// How objects in it are encrypted at rest: the provider and the key's name, `aescbc key1`.
    pub encrypted: Vec<String>,
    /// RKE1's state file, by its name in the archive.
    pub state_file: Option<String>,
}

/// Reads a snapshot to its last record. `name` is what errors call it; `scratch` is an existing directory, into which an archive is unpacked.
/// Blocks. Holds some MiB of it, and what tells its keys apart.
///
/// # Errors
/// [`Error::Damaged`], [`Error::Newer`], [`Error::Scratch`].
pub fn verify_file(path: &Path, name: &str, scratch: &Path) -> Result<Verified, Error> {
    opened(path, name, scratch).map(|(_, verified)| verified)
}

/// As [`verify_file`], with the database.
pub(super) fn opened(path: &Path, name: &str, scratch: &Path) -> Result<(Imported, Verified), Error> {
    let imported = snapshot_file(path, scratch).map_err(|error| Error::of_import(name, error))?;
    let of_file = |error| Error::of_file(name, error);
    let database = &imported.database;
    let facts = database.facts().map_err(of_file)?;
    let members = database.others().map_err(of_file)?.members();
    let members = members.map_err(|why| of_file(FileError::damaged(name, "bucket members", why)))?;
    let named = |it: &serde_json::Value| it.get("name").and_then(|name| name.as_str()).map(str::to_owned);
    let source = DatabaseSource::new(database.clone()).map_err(of_file)?;
    let (revision, compaction) = (source.last_revision(), source.compaction());
    let mut seen = Seen::default();
    let walked = source.walk(compaction, revision, &mut |record, standing| {
        let taken = record.checked().map(|it| {
            if standing.live {
                seen.live(&it)
            }
        });
        taken.map_err(|why| FileError::damaged(name, format!("record {}", record.revision), why))
    });
    walked.map_err(|error| Error::of_walk(name, error))?;
    let state_file = imported.beside.iter().find(|name| name.ends_with(STATE_FILE)).cloned();
    let verified = Verified {
        revision,
        compaction,
        keys: seen.keys,
        bytes: database.bytes(),
        hashed: database.has_trailer(),
        etcd: facts.storage_version.or(facts.cluster_version),
        members: members.values().filter_map(named).collect(),
        program: seen.program,
        bootstrap: seen.bootstrap.into_iter().collect(),
        cluster: seen.cluster,
        encrypted: seen.encrypted.into_iter().collect(),
        state_file,
    };
    Ok((imported, verified))
}

/// What the live records tell.
#[derive(Default)]
struct Seen {
    keys: u64,
    program: Option<&'static str>,
    bootstrap: BTreeSet<String>,
    cluster: Option<String>,
    encrypted: BTreeSet<String>,
}

impl Seen {
    fn live(&mut self, it: &KeyValue) {
        self.keys += 1;
        for program in ["k3s", "rke2"] {
            if it
                .key
                .strip_prefix(program.as_bytes())
                .is_some_and(|rest| rest.starts_with(b"/"))
            {
                self.program = Some(program);
            }
        }
        if let Some(hash) = it.key.strip_prefix(BOOTSTRAP) {
            // An empty one is a lock that k3s takes before it writes the data.
            if !it.value.is_empty() {
                self.bootstrap.insert(String::from_utf8_lossy(hash).into_owned());
            }
        } else if let Envelope::Encrypted { provider, key, .. } = Envelope::of(&it.value) {
            self.encrypted.insert(format!("{provider} {key}"));
        } else if it.key.ends_with(KUBE_SYSTEM)
            && let Content::Object(object) = objects::read(&it.key, &it.value, &Decryption::default())
        {
            self.cluster = object.metadata("uid").map(str::to_owned);
        }
    }
}
