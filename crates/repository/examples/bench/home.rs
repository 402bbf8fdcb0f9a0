//! A repository in a directory, made for one run: its keys beside it, so that another process can open it. Start at [`Home`].

use anyhow::{Context, Result};
use estate::{Distribution, Epoch, Name, Part, Point, PointId};
use repository::{Founding, Grant, Recipient, Repository, Scope, Settings, Signer, StoreSettings, Writer};
use std::path::{Path, PathBuf};

/// Where a repository and its keys are.
pub(crate) struct Home(PathBuf);

impl Home {
    /// Makes one in `folder`, which must not be there.
    pub(crate) async fn make(folder: &Path) -> Result<Self> {
        std::fs::create_dir(folder)?;
        let home = Self(folder.to_owned());
        let (identity, recipient) = repository::new_identity();
        let (text, signer) = Signer::generate()?;
        let (_, root) = Signer::generate()?;
        std::fs::write(home.0.join("identity"), identity.as_bytes())?;
        std::fs::write(home.0.join("signer"), text.as_bytes())?;
        let scopes = vec![Scope::Shared, Scope::Cluster(cluster()?)];
        let writer = Writer {
            name: "main".parse()?,
            key: signer.public(),
            scopes: scopes.clone(),
        };
        let recipient = Recipient { name: "safe".parse()?, recipient };
        let founding = Founding {
            root: &root,
            scopes,
            recipients: vec![Grant { recipient, scopes: None }],
            writers: vec![writer],
        };
        let repository = home.open()?;
        repository.found(&founding).await?;
        repository.files(&cluster()?).await?.init().await?;
        Ok(home)
    }

    /// One that was made.
    pub(crate) fn at(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Opens it.
    pub(crate) fn open(&self) -> Result<Repository> {
        let read = |name: &str| std::fs::read_to_string(self.0.join(name)).with_context(|| format!("reading {name}"));
        let settings = Settings {
            store: StoreSettings::Directory(self.0.join("store")),
            identity: Some(read("identity")?),
            identity_missing: None,
            passphrase: None,
            signer: Some(read("signer")?),
            root: None,
        };
        Ok(Repository::open(settings)?)
    }
}

/// Whose copies they are.
pub(crate) fn cluster() -> Result<Name> {
    Ok("bench".parse()?)
}

/// The point that is stored.
pub(crate) fn point_id() -> Result<PointId> {
    Ok(PointId::new(Epoch::FIRST, "2026-11-22T10:00:00Z".parse()?, "k7xq")?)
}

/// Its manifest.
pub(crate) fn point(part: Part) -> Result<Point> {
    let id = point_id()?;
    let at = id.at().context("its id is a date")?;
    Ok(Point {
        id,
        cluster: cluster()?,
        distribution: Distribution::Kubeadm,
        epoch: Epoch::FIRST,
        site: "main".parse()?,
        host: "main-1".parse()?,
        begun: at,
        stored: at,
        timeline: 1,
        revision: 7,
        etcd_cluster_id: 7,
        etcd_version: "3.6.16".to_owned(),
        proof: None,
        lacks: None,
        untested: Vec::new(),
        reason: None,
        parts: vec![part],
    })
}
