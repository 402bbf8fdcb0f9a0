//! The page: its blocks that are marked, and the shell in which they run.

use crate::stored::Stored;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/emergency.md");

/// The program that the page has under a name.
pub(crate) fn program(name: &str) -> String {
    let page = fs::read_to_string(PAGE).unwrap();
    let [program] = &blocks(&page, &format!("```bash file={name}"))[..] else {
        panic!("the page has not one {name}")
    };
    program.clone()
}

/// The blocks that begin with the line `begin`, in order, without what they are indented by.
fn blocks(page: &str, begin: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for line in page.lines() {
        let text = line.trim_start();
        match &mut open {
            None if text == begin => open = Some((line.len() - text.len(), String::new())),
            None => {}
            Some((_, block)) if text == "```" => {
                blocks.push(std::mem::take(block));
                open = None;
            }
            Some((indent, block)) => {
                block.push_str(line.get(*indent..).unwrap_or_default());
                block.push('\n');
            }
        }
    }
    assert!(open.is_none(), "a block of the page does not end");
    blocks
}

/// Somebody who has the page, the store, an identity and the root's public key.
pub(crate) struct Session {
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
}

impl Session {
    pub(crate) fn new(stored: &Stored) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("identity.txt"), &stored.identity).unwrap();
        fs::copy(PAGE, folder.path().join("emergency.md")).unwrap();
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", etcdutl().display());
        let environment = vec![
            ("PATH", path),
            ("HOME", folder.path().display().to_string()),
            ("STORE", stored.store.display().to_string()),
            ("ROOT", stored.root.clone()),
            ("CLUSTER", stored.cluster.to_string()),
        ];
        Self { folder, environment }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs all blocks of the page, in one shell that stops at the first command that fails.
    pub(crate) fn follow(&self) {
        let blocks = blocks(&fs::read_to_string(PAGE).unwrap(), "```bash run");
        assert!(blocks.len() > 8, "the page has {} blocks to run", blocks.len());
        self.run(&blocks.join("\n")).unwrap_or_else(|said| panic!("{said}"));
    }

    /// What a script prints, or, if it fails, what it says.
    pub(crate) fn run(&self, script: &str) -> Result<Vec<u8>, String> {
        let mut bash = Command::new("bash");
        bash.args(["-eu", "-o", "pipefail", "-c", script]).current_dir(self.folder());
        let done = bash.env_clear().envs(self.environment.iter().cloned()).output().unwrap();
        if done.status.success() {
            return Ok(done.stdout);
        }
        let (out, error) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        Err(format!("{}\n{out}\n{error}", done.status))
    }
}

/// The directory of the newest etcdutl that there is.
fn etcdutl() -> PathBuf {
    let from = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(directory) = from("LIFEBOAT_ETCD") {
        return directory;
    }
    let cache = from("LIFEBOAT_CACHE")
        .or_else(|| from("XDG_CACHE_HOME").map(|d| d.join("lifeboat")))
        .or_else(|| from("HOME").map(|d| d.join(".cache/lifeboat")))
        .expect("LIFEBOAT_ETCD, LIFEBOAT_CACHE or HOME is set");
    let tools = fs::read_dir(cache.join("tools")).into_iter().flatten();
    let found = tools
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("etcdutl").is_file());
    found
        .max()
        .expect("no etcdutl is installed: run cargo xtask test, or set LIFEBOAT_ETCD")
}
