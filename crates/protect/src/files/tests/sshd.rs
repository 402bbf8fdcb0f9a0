//! A real sshd on loopback, for the user who runs the tests.

use cluster::{Host, SshSettings};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub(super) struct Sshd {
    child: Child,
    port: u16,
    directory: TempDir,
}

impl Sshd {
    /// Starts it and waits until it listens.
    pub(super) fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let file = |name: &str| directory.path().join(name).display().to_string();
        for key in ["host", "mine"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", &file(key)])
                .status();
            assert!(made.unwrap().success());
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let key = std::fs::read_to_string(file("host.pub")).unwrap();
        std::fs::write(file("known"), format!("[127.0.0.1]:{port} {key}")).unwrap();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nPidFile none\nUsePAM no\n",
            file("host"),
            file("mine.pub"),
        );
        std::fs::write(file("sshd_config"), settings).unwrap();
        // Where a root's sshd confines its children; others need none.
        let _not_root = std::fs::create_dir_all("/run/sshd");
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f", &file("sshd_config")])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let mut child = sshd.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let listens = lines.by_ref().map_while(Result::ok).any(|line| line.contains("listening"));
        assert!(listens);
        // It must not block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port, directory }
    }

    pub(super) fn host(&self) -> Host {
        let user = Command::new("id").arg("-un").output().unwrap();
        let settings = SshSettings {
            user: String::from_utf8(user.stdout).unwrap().trim().to_owned(),
            port: self.port,
            identity: Some(self.directory.path().join("mine")),
            known_hosts: Some(self.directory.path().join("known")),
        };
        Host::ssh("main-1", Ipv4Addr::LOCALHOST.into(), &settings)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
