//! A real sshd on loopback, for the user who runs the tests.

use crate::{Host, SshSettings};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
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
        // With a name that ssh must not take apart.
        let directory = TempDir::with_prefix("an sshd 100%h ").unwrap();
        let file = |name: &str| directory.path().join(name);
        for key in ["host", "mine", "other"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(file(key))
                .status();
            assert!(made.unwrap().success());
        }
        let port = {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            listener.local_addr().unwrap().port()
        };
        std::fs::copy(file("mine.pub"), file("authorized")).unwrap();
        for (name, key) in [("known hosts", "host.pub"), ("changed hosts", "other.pub")] {
            let key = std::fs::read_to_string(file(key)).unwrap();
            std::fs::write(file(name), format!("[127.0.0.1]:{port} {key}")).unwrap();
        }
        std::fs::write(file("empty"), "").unwrap();
        let settings = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey \"{}\"\nAuthorizedKeysFile \"{}\"\nStrictModes no\nPidFile none\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\n",
            file("host").display(),
            file("authorized").display().to_string().replace('%', "%%"),
        );
        std::fs::write(file("sshd_config"), settings).unwrap();
        // Where a root's sshd confines its children; others need none.
        let _not_root = std::fs::create_dir_all("/run/sshd");
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f"]).arg(file("sshd_config"));
        let mut child = sshd
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said: Vec<String> = lines
            .by_ref()
            .map_while(Result::ok)
            .take_while(|l| !l.contains("listening"))
            .collect();
        assert!(child.try_wait().unwrap().is_none(), "{said:?}");
        // It must not block on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port, directory }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn settings(&self) -> SshSettings {
        let user = Command::new("id").arg("-un").output().unwrap();
        SshSettings {
            user: String::from_utf8(user.stdout).unwrap().trim().to_owned(),
            port: self.port,
            identity: Some(self.file("mine")),
            known_hosts: Some(self.file("known hosts")),
        }
    }

    pub(super) fn host(&self) -> Host {
        self.host_with(&self.settings())
    }

    pub(super) fn host_with(&self, settings: &SshSettings) -> Host {
        Host::ssh("main-1", Ipv4Addr::LOCALHOST.into(), settings)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}
