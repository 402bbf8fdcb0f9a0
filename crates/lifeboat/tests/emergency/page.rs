//! The page: its blocks that are marked, and the shell in which they run.

use crate::stored::Stored;
use crate::versions::newest;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/emergency.md");

/// The program that the page has under a name.
pub(crate) fn program(name: &str) -> String {
    let page = fs::read_to_string(PAGE).unwrap();
    let begin = format!("```bash file={name}");
    let [program] = &blocks(&page, |line| line == begin)[..] else {
        panic!("the page has not one {name}")
    };
    program.clone()
}

/// What each kind of block is for, beside `file=`, which another one takes out of the page.
///
/// All of them are followed; `sh` is for what cannot be in a test: packages, and what somebody fills in.
const KINDS: [&str; 6] = ["run", "point", "snapshot", "binary", "single", "end"];

#[test]
fn no_block_of_the_page_is_of_a_kind_that_nothing_follows() {
    let page = fs::read_to_string(PAGE).unwrap();
    let kinds = page.lines().filter_map(|line| line.trim_start().strip_prefix("```bash "));
    for kind in kinds {
        assert!(KINDS.contains(&kind) || kind.starts_with("file="), "{kind}");
    }
}

/// The blocks that begin with such a line, in order, without what they are indented by.
fn blocks(page: &str, begins: impl Fn(&str) -> bool) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for line in page.lines() {
        let text = line.trim_start();
        match &mut open {
            None if begins(text) => open = Some((line.len() - text.len(), String::new())),
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
        let binary = Path::new(env!("CARGO_BIN_EXE_lifeboat")).parent().unwrap();
        let path = format!("{}:{}:/usr/sbin:/usr/bin:/sbin:/bin", newest().display(), binary.display());
        let [client, peer] = free_ports().map(|port| format!("http://127.0.0.1:{port}"));
        let environment = vec![
            // The page's etcd, which would listen at its usual ports.
            ("ETCD_LISTEN_CLIENT_URLS", client.clone()),
            ("ETCD_ADVERTISE_CLIENT_URLS", client.clone()),
            ("ETCD_LISTEN_PEER_URLS", peer.clone()),
            ("ETCD_INITIAL_ADVERTISE_PEER_URLS", peer.clone()),
            ("ETCD_INITIAL_CLUSTER", format!("default={peer}")),
            ("ETCDCTL_ENDPOINTS", client),
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

    /// Runs the page's blocks of some kinds, in one shell that stops at the first command that fails.
    pub(crate) fn follow(&self, kinds: &[&str]) {
        let page = fs::read_to_string(PAGE).unwrap();
        let blocks = blocks(&page, |line| line.strip_prefix("```bash ").is_some_and(|kind| kinds.contains(&kind)));
        assert!(blocks.len() >= kinds.len(), "the page has {} blocks of {kinds:?}", blocks.len());
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

/// Two ports that nobody has now.
fn free_ports() -> [u16; 2] {
    let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|socket| socket.local_addr().unwrap().port())
}
