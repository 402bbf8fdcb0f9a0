mod conformance;
mod sshd;
mod words;

use super::*;
use crate::host::ear::{Ear, Heard};
use conformance::{alone, files, scripts};
use sshd::Sshd;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// A folder for what a test does on a host, and the host with a lock in there: /run is root's.
struct Ground {
    host: Host,
    directory: TempDir,
}

impl Ground {
    fn new(host: Host) -> Self {
        Self::with(|_| host)
    }

    /// On a simulated host, whose root holds nothing but this folder.
    fn simulated(root: &TempDir) -> Self {
        Self::with(|shared| Host::simulated("simulated-1", root.path(), &[shared]))
    }

    fn with(host: impl FnOnce(&Path) -> Host) -> Self {
        let directory = TempDir::with_prefix("it's a lifeboat ").unwrap();
        let host = host(directory.path());
        let lock = directory.path().join("run/host.lock").display().to_string();
        Self { host: Host { lock: lock.into(), ..host }, directory }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    async fn run(&self, script: &str) -> Result<String, HostError> {
        self.host.run("testing", script, LIMIT).await
    }
}

#[tokio::test]
async fn a_local_host_runs_scripts() {
    scripts(&Ground::new(Host::local("here"))).await;
}

#[tokio::test]
async fn a_local_host_takes_files() {
    files(&Ground::new(Host::local("here"))).await;
}

#[tokio::test]
async fn a_local_host_has_one_script_alone() {
    alone(&Ground::new(Host::local("here"))).await;
}

#[tokio::test]
#[ignore = "needs root: cargo xtask test"]
async fn a_simulated_host_runs_scripts() {
    let root = TempDir::new().unwrap();
    scripts(&Ground::simulated(&root)).await;
}

#[tokio::test]
#[ignore = "needs root: cargo xtask test"]
async fn a_simulated_host_takes_files() {
    let root = TempDir::new().unwrap();
    files(&Ground::simulated(&root)).await;
}

#[tokio::test]
#[ignore = "needs root: cargo xtask test"]
async fn a_simulated_host_has_one_script_alone() {
    let root = TempDir::new().unwrap();
    alone(&Ground::simulated(&root)).await;
}

#[tokio::test]
#[ignore = "needs root: cargo xtask test"]
async fn a_simulated_host_has_files_of_its_own_and_its_stand_ins_come_first() {
    let root = TempDir::new().unwrap();
    let programs = root.path().join("opt/simulated/bin");
    std::fs::create_dir_all(&programs).unwrap();
    std::fs::write(programs.join("systemctl"), "#!/bin/sh\necho stands in\n").unwrap();
    std::fs::set_permissions(programs.join("systemctl"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let host = Host::simulated("simulated-1", root.path(), &[]);
    let said = host
        .run_alone("testing", "mkdir /etc; echo own >/etc/own; systemctl cat any", LIMIT)
        .await;
    assert_eq!(said.unwrap(), "stands in\n");
    assert_eq!(std::fs::read_to_string(root.path().join("etc/own")).unwrap(), "own\n");
    assert!(root.path().join("run/lifeboat/host.lock").exists());
    let refused = host.run("testing", "touch /usr/own", LIMIT).await.unwrap_err();
    assert!(refused.to_string().contains("Read-only"), "{refused}");
    assert!(
        std::fs::read_dir(root.path().join("usr")).unwrap().next().is_none(),
        "mounts are the shells' own"
    );
}

#[tokio::test]
#[ignore = "needs sshd: cargo xtask test"]
async fn a_host_behind_ssh_runs_scripts() {
    let sshd = Sshd::start();
    scripts(&Ground::new(sshd.host())).await;
}

#[tokio::test]
#[ignore = "needs sshd: cargo xtask test"]
async fn a_host_behind_ssh_takes_files() {
    let sshd = Sshd::start();
    files(&Ground::new(sshd.host())).await;
}

#[tokio::test]
#[ignore = "needs sshd: cargo xtask test"]
async fn a_host_behind_ssh_has_one_script_alone() {
    let sshd = Sshd::start();
    alone(&Ground::new(sshd.host())).await;
}

#[tokio::test]
#[ignore = "needs sshd: cargo xtask test"]
async fn many_scripts_share_one_connection_and_its_folder_goes_with_the_host() {
    let sshd = Sshd::start();
    let ground = Ground::new(sshd.host());
    let connection = || async {
        let Way::Ssh(remote) = &ground.host.way else {
            panic!("not behind SSH")
        };
        remote.control_socket().await.unwrap()
    };
    ground.run("true").await.unwrap();
    let socket = connection().await;
    // More at once than an sshd grants sessions.
    let answers = futures::future::join_all((0..24).map(|_| ground.run("echo here"))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_deref().is_ok_and(|text| text == "here\n")),
        "{answers:?}"
    );
    assert_eq!(connection().await, socket);
    let folder = socket.parent().unwrap().to_owned();
    assert!(folder.exists());
    drop(ground);
    assert!(!folder.exists());
}

#[tokio::test]
#[ignore = "needs sshd: cargo xtask test"]
async fn a_lost_connection_is_told_and_made_anew() {
    let sshd = Sshd::start();
    let ground = Ground::new(sshd.host());
    // The nearest sshd above the script serves this connection.
    let cut = "p=$$; while [ \"$(cat /proc/$p/comm)\" != sshd ]; do p=$(awk '/^PPid/ {print $2}' /proc/$p/status); done
        kill -KILL $p; read -r never </dev/zero";
    let error = ground.run(cut).await.unwrap_err();
    assert!(
        matches!(&error, HostError::Unreachable { reason, .. } if reason.contains("may go on")),
        "{error}"
    );
    assert_eq!(ground.run("echo again").await.unwrap(), "again\n");
}

#[tokio::test]
#[ignore = "needs sshd: cargo xtask test"]
async fn who_may_not_enter_learns_why() {
    let sshd = Sshd::start();
    let denied = async |change: &dyn Fn(&mut SshSettings)| {
        let mut settings = sshd.settings();
        change(&mut settings);
        let error = Ground::new(sshd.host_with(&settings)).run("true").await.unwrap_err();
        assert_eq!(error.kind(), estate::Kind::Person);
        error.to_string()
    };
    let other_key = denied(&|settings| settings.identity = Some(sshd.file("other"))).await;
    assert!(other_key.contains("main-1 cannot be entered: it does not accept the key"), "{other_key}");
    let no_key = denied(&|settings| settings.identity = Some(sshd.file("absent"))).await;
    assert!(no_key.contains("absent, cannot be read"), "{no_key}");
    let unknown = denied(&|settings| settings.known_hosts = Some(sshd.file("empty"))).await;
    assert!(
        unknown.contains("its host key is not in") && unknown.contains("ssh-keyscan -p"),
        "{unknown}"
    );
    let changed = denied(&|settings| settings.known_hosts = Some(sshd.file("changed hosts"))).await;
    assert!(changed.contains("is another one") && changed.contains("ssh-keygen -R"), "{changed}");
}

#[tokio::test]
#[ignore = "needs sshd: cargo xtask test"]
async fn a_host_that_refuses_connections_is_unreachable() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let settings = SshSettings { user: "root".into(), port, identity: None, known_hosts: None };
    let host = Host::ssh("main-1", Ipv4Addr::LOCALHOST.into(), &settings);
    let error = host.run("testing", "true", LIMIT).await.unwrap_err();
    assert!(
        matches!(&error, HostError::Unreachable { reason, .. } if reason.contains("refused")),
        "{error}"
    );
}

#[tokio::test]
#[ignore = "needs root: cargo xtask test"]
async fn a_full_disk_is_told_with_the_file_and_leaves_the_old_one() {
    let ground = Ground::new(Host::local("here"));
    let mount = quoted(&ground.path(""));
    ground
        .run(&format!("mount -t tmpfs -o size=64k lifeboat-test {mount}"))
        .await
        .unwrap();
    let path = ground.path("state");
    let old = ground.host.write(&path, b"old", 0o600).await;
    let full = ground.host.write(&path, &[7; 200_000], 0o600).await;
    let kept = ground.host.read(&path, 10).await;
    let names = ground.run(&format!("ls -A {mount}")).await;
    ground.run(&format!("umount {mount}")).await.unwrap();
    old.unwrap();
    let full = full.unwrap_err();
    assert!(matches!(&full, HostError::DiskFull { path: named, .. } if *named == path), "{full}");
    assert_eq!(kept.unwrap().unwrap(), b"old");
    assert_eq!(names.unwrap(), "state\n");
}

#[test]
fn a_script_that_arrives_in_part_is_not_run() {
    let directory = TempDir::new().unwrap();
    let (file, input) = (directory.path().join("touched"), directory.path().join("input"));
    let ended = |end: &str| {
        std::fs::write(&input, format!("token 60 60 \ntouch {}\n{end}", file.display())).unwrap();
        let mut shell = std::process::Command::new("sh");
        let stdin = std::fs::File::open(&input).unwrap();
        let output = shell.args(["-c", call::SHELL]).stdin(stdin).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for part in ["", "tok", "token"] {
        assert_eq!(ended(part), "\ntoken go\n", "{part:?}");
        assert!(!file.exists(), "{part:?}");
    }
    assert_eq!(ended("token\n"), "\ntoken go\n\ntoken 0\n");
    assert!(file.exists());
}

#[tokio::test]
async fn an_output_is_heard_up_to_its_mark_and_its_beginning_is_forgotten() {
    let heard = async |bytes: &[u8], max| Ear::new(bytes, "token", max).next().await;
    let status = |word: &str| Some(word.to_owned());
    let all = heard(b"out\n\ntoken 0\nrest", 10).await;
    assert_eq!(all, Heard { bytes: b"out\n".into(), cut: false, status: status("0") });
    let end = heard(b"0123456789\ntoken 7\n", 4).await;
    assert_eq!(end, Heard { bytes: b"6789".into(), cut: true, status: status("7") });
    let unfinished = heard(b"out\ntoken 0", 100).await;
    assert_eq!(unfinished.status, None);
    let mut long = vec![b'x'; 1 << 20];
    long.extend(b"end\ntoken 0\n\ntoken go\n");
    let mut ear = Ear::new(long.as_slice(), "token", 5);
    assert_eq!(ear.next().await, Heard { bytes: b"xxend".into(), cut: true, status: status("0") });
    assert_eq!(ear.next().await, Heard { bytes: Vec::new(), cut: false, status: status("go") });
}
