//! Go modules: built from a manifest and its sums with the machine's Go, once for each state of both.

use super::{ManagerSource, Pins, Say};
use crate::error::{Error, Result};
use crate::shell;
use crate::topology::EtcdLine;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// A module whose programs a lab runs.
pub(crate) struct Module {
    pub(crate) name: &'static str,
    what: &'static str,
    packages: &'static str,
    flags: &'static [&'static str],
    /// A program's file name as Go builds it, and as a lab calls it.
    rename: Option<(&'static str, &'static str)>,
}

/// Without these, Kubernetes' components report v0.0.0.
const KUBERNETES_VERSION: &str = "-s -w \
    -X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1 \
    -X k8s.io/component-base/version.gitMinor=36 -X k8s.io/component-base/version.gitTreeState=clean \
    -X k8s.io/client-go/pkg/version.gitVersion=v1.36.3 -X k8s.io/client-go/pkg/version.gitMajor=1 \
    -X k8s.io/client-go/pkg/version.gitMinor=36 -X k8s.io/client-go/pkg/version.gitTreeState=clean";

/// Without these, Helm and OpenTofu report v4.2 and a version under development.
const HELM_VERSION: &str = "-s -w \
    -X helm.sh/helm/v4/internal/version.version=v4.2.4 -X helm.sh/helm/v4/internal/version.gitTreeState=clean";
const OPENTOFU_VERSION: &str = "-s -w -X github.com/opentofu/opentofu/version.dev=no";

const PLAIN: &[&str] = &["-ldflags", "-s -w"];
const SERVER: Option<(&str, &str)> = Some(("server", "etcd"));

const fn etcd(name: &'static str, what: &'static str) -> Module {
    Module { name, what, packages: "tool", flags: PLAIN, rename: SERVER }
}

/// Everything that is built from Go.
pub(crate) const MODULES: &[Module] = &[
    Module {
        name: "kubernetes",
        what: "Kubernetes 1.36.3 (about 7 minutes)",
        packages: "tool",
        flags: &["-ldflags", KUBERNETES_VERSION],
        rename: None,
    },
    etcd("etcd-3.6", "etcd 3.6.16 and bbolt 1.4.3"),
    etcd("etcd-3.5", "etcd 3.5.35"),
    etcd("etcd-3.7", "etcd 3.7.3"),
    Module {
        name: "containerd",
        what: "containerd 2.4.2",
        packages: "tool",
        flags: &["-tags", "no_btrfs,no_zfs,no_aufs,no_devmapper", "-ldflags", "-s -w"],
        rename: None,
    },
    // These two last: what they share with Kubernetes and with each other, in the same versions, is compiled once.
    Module {
        name: "helm",
        what: "Helm 4.2.4 (about a minute)",
        packages: "tool",
        flags: &["-ldflags", HELM_VERSION],
        rename: None,
    },
    Module {
        name: "opentofu",
        what: "OpenTofu 1.12.6 (about 2 minutes)",
        packages: "tool",
        flags: &["-ldflags", OPENTOFU_VERSION],
        rename: None,
    },
    Module {
        name: "manager",
        what: "the lab's manager and agent",
        packages: "./cmd/...",
        flags: PLAIN,
        rename: None,
    },
];

/// The module of a line of etcd.
pub(crate) fn etcd_module(line: EtcdLine) -> &'static str {
    match line {
        EtcdLine::V3_5 => "etcd-3.5",
        EtcdLine::V3_6 => "etcd-3.6",
        EtcdLine::V3_7 => "etcd-3.7",
    }
}

impl Module {
    /// Where its programs are once they are built: keyed by everything that they are built from.
    pub(crate) fn directory(&self, cache: &Path) -> PathBuf {
        let mut hash = Sha256::new();
        for (path, content) in self.source() {
            hash.update(path.as_bytes());
            hash.update([0]);
            hash.update(&content);
        }
        hash.update(self.flags.join(" "));
        let key: String = hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        cache.join("tools").join(format!("{}-{key}", self.name))
    }

    /// Builds it unless that was done before.
    pub(crate) async fn install(&self, cache: &Path, say: Say<'_>) -> Result<()> {
        let done = self.directory(cache);
        if done.is_dir() {
            return Ok(());
        }
        say(&format!("building {} from its Go modules", self.what));
        let work = cache.join("tools").join(format!(".{}-{}", self.name, ambient::random_id(8)));
        let built = self.build(&work).await.and_then(|bin| {
            std::fs::rename(&bin, &done).map_err(Error::file(&done, "putting the built tools in place"))
        });
        // What is left of a failed build is of no use to anyone.
        let _gone = std::fs::remove_dir_all(&work);
        built
    }

    async fn build(&self, work: &Path) -> Result<PathBuf> {
        let (source, bin) = (work.join("source"), work.join("bin"));
        for (path, content) in self.source() {
            let file = source.join(&path);
            let parent = file.parent().unwrap_or(&source);
            std::fs::create_dir_all(parent).map_err(Error::file(parent, "making the directory"))?;
            std::fs::write(&file, content).map_err(Error::file(&file, "writing the source"))?;
        }
        let (source_text, bin_text) = (source.to_string_lossy(), format!("{}/", bin.to_string_lossy()));
        let mut words = vec![
            "env",
            "CGO_ENABLED=0",
            "GOFLAGS=-buildvcs=false",
            "go",
            "build",
            "-C",
            &source_text,
        ];
        words.extend(["-trimpath", "-o", &bin_text]);
        words.extend(self.flags);
        words.push(self.packages);
        shell::run_long("building a tool", &words)
            .await
            .map_err(|e| Error::Install { tool: self.what.to_owned(), reason: e.to_string() })?;
        if let Some((built, called)) = self.rename {
            let to = bin.join(called);
            std::fs::rename(bin.join(built), &to).map_err(Error::file(&to, "renaming a tool"))?;
        }
        Ok(bin)
    }

    fn source(&self) -> Vec<(String, Vec<u8>)> {
        if self.name == "manager" {
            let mut files: Vec<String> = ManagerSource::iter().map(|f| f.to_string()).collect();
            files.sort();
            return files
                .into_iter()
                .filter_map(|f| ManagerSource::get(&f).map(|content| (f, content.data.into_owned())))
                .collect();
        }
        ["go.mod", "go.sum"]
            .into_iter()
            .filter_map(|f| Pins::get(&format!("{}/{f}", self.name)).map(|c| (f.to_owned(), c.data.into_owned())))
            .collect()
    }
}
