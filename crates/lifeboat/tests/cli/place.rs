//! A directory with an estate whose repositories are directories beside it, in which commands are typed. Start at [`Place::new`].
//!
//! Stands by itself, so that other tests can have it too: `#[path = "../cli/place.rs"] mod place;`.

#![allow(dead_code, reason = "what one set of tests does not need, another does")]

use estate::{Distribution, Name, Point, PointId};
use repository::{Error, Repository, Settings, StoreSettings};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const GOOD: &str = include_str!("../../../estate/src/file/tests/good.yaml");

/// A directory with an estate that has two repositories in directories, `standby-s3` and `second`.
pub(crate) struct Place(pub(crate) PathBuf);

/// What a command gave.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    /// A new one of `test`'s own.
    pub(crate) fn new(test: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let place = Self(directory.canonicalize().unwrap());
        for file in ["peers.key", "rancher-ca.pem", "tsig.key", "id_ed25519"] {
            fs::write(place.0.join(file), format!("the {file}\n")).unwrap();
        }
        assert_eq!(place.run("repository keys new --into .").code, Some(0));
        let public = |file: &str| {
            let text = fs::read_to_string(place.0.join(file)).unwrap();
            text.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned()
        };
        let (recipient, writer) = (public("identity.txt"), public("signer.key"));
        let begin = GOOD.find("repositories:").unwrap();
        let end = GOOD.find("clusters:\n  rancher").unwrap();
        let of = |name: &str, site: &str, to: &str| {
            format!(
                "  {name}:\n    site: {site}\n    url: file://{}/{to}\n    recipients: [{{name: safe, key: {recipient}}}]\n    \
                 writers: [{{name: main-1, key: {writer}}}]\n    identity: file:identity.txt\n    signer: file:signer.key\n",
                place.0.display()
            )
        };
        let repositories = format!(
            "repositories:\n{}{}",
            of("standby-s3", "standby", "copies"),
            of("second", "witness", "second")
        );
        fs::write(place.0.join("lifeboat.yaml"), format!("{}{repositories}{}", &GOOD[..begin], &GOOD[end..])).unwrap();
        place
    }

    /// A command in it, before it is run.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lifeboat"));
        command
            .args(line.split(' '))
            .current_dir(&self.0)
            .env_remove("LIFEBOAT_ESTATE")
            .env_remove("RANCHER_TOKEN");
        command
    }

    /// A command in it.
    pub(crate) fn run(&self, line: &str) -> Said {
        let output = self.command(line).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// The same, which must succeed.
    pub(crate) fn must(&self, line: &str) -> Said {
        let said = self.run(line);
        assert_eq!(said.code, Some(0), "{line}: {}{}", said.out, said.err);
        said
    }

    /// The root's public key.
    pub(crate) fn root(&self) -> String {
        let marker = fs::read_to_string(self.0.join("copies/lifeboat.json")).unwrap();
        let marker: serde_json::Value = serde_json::from_str(&marker).unwrap();
        marker["root"].as_str().unwrap().to_owned()
    }

    /// Writes the root of `copies` into the estate, as `init` asks for.
    pub(crate) fn pin(&self) {
        let identity = "    identity: file:identity.txt";
        self.change(identity, &format!("    root: {}\n{identity}", self.root()));
    }

    /// Changes a byte in the middle of a file.
    pub(crate) fn damage(&self, file: &str) {
        let path = self.0.join(file);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    }

    /// Changes the estate: the first `from` becomes `to`.
    pub(crate) fn change(&self, from: &str, to: &str) {
        let estate = fs::read_to_string(self.0.join("lifeboat.yaml")).unwrap();
        assert!(estate.contains(from), "{from}");
        fs::write(self.0.join("lifeboat.yaml"), estate.replacen(from, to, 1)).unwrap();
    }

    /// Stores a copy of the management cluster, as the main site's Lifeboat does.
    pub(crate) fn store(&self, id: &PointId) -> Result<(), Error> {
        self.store_signed(id, "signer.key")
    }

    /// The same, signed with the key in a file.
    pub(crate) fn store_signed(&self, id: &PointId, signer: &str) -> Result<(), Error> {
        let store = StoreSettings::Directory(self.0.join("copies"));
        let stored = async { self.store_in(store, id, signer).await };
        tokio::runtime::Runtime::new().unwrap().block_on(stored)
    }

    /// The repository in a store of any kind.
    pub(crate) fn repository(&self, store: StoreSettings, signer: &str) -> Result<Repository, Error> {
        let text = |file: &str| fs::read_to_string(self.0.join(file)).unwrap();
        let settings = Settings {
            store,
            identity: Some(text("identity.txt")),
            identity_missing: None,
            passphrase: None,
            signer: Some(text(signer)),
            root: None,
        };
        Repository::open(settings)
    }

    /// Stores a copy whose hosts' files are the archive in a file.
    pub(crate) fn store_files(&self, id: &PointId, archive: &str) -> Result<(), Error> {
        let store = StoreSettings::Directory(self.0.join("copies"));
        let stored = async { self.store_part_in(store, id, "signer.key", archive).await };
        tokio::runtime::Runtime::new().unwrap().block_on(stored)
    }

    /// Stores a copy in a store of any kind.
    pub(crate) async fn store_in(&self, store: StoreSettings, id: &PointId, signer: &str) -> Result<(), Error> {
        self.store_part_in(store, id, signer, "tsig.key").await
    }

    async fn store_part_in(&self, store: StoreSettings, id: &PointId, signer: &str, files: &str) -> Result<(), Error> {
        let cluster: Name = "rancher".parse().unwrap();
        let mut new = self.repository(store, signer)?.begin(&cluster, id);
        let part = new.part("files", &self.0.join(files)).await?;
        let point = Point {
            id: id.clone(),
            cluster: cluster.clone(),
            distribution: Distribution::Kubeadm,
            epoch: id.epoch(),
            site: "main".parse().unwrap(),
            host: "main-1".parse().unwrap(),
            begun: id.at().unwrap(),
            stored: id.at().unwrap(),
            timeline: 1,
            revision: 7,
            etcd_cluster_id: 7,
            etcd_version: "3.6.16".to_owned(),
            proof: None,
            lacks: None,
            untested: Vec::new(),
            reason: None,
            parts: vec![part],
        };
        new.commit(&point).await
    }
}
