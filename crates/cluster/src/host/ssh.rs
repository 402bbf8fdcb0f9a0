//! A shell behind SSH: one connection of the system's OpenSSH, shared by all scripts on the host.

use super::HostError;
use super::call::{Channel, SHELL};
use super::quoted;
use openssh::{Session, Stdio};
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// The longest that entering a host may take: OpenSSH's own limit of 5 s ends before authentication.
const ENTER_LIMIT: Duration = Duration::from_secs(15);

/// Scripts at once on one host. An sshd grants ten sessions in a connection unless told otherwise.
const SESSIONS: usize = 8;

/// How a host is entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshSettings {
    /// The user.
    pub user: String,
    /// The port.
    pub port: u16,
    /// The private key, and no other; without it OpenSSH's own settings decide.
    pub identity: Option<PathBuf>,
    /// The file of known host keys, in which the host must be; without it OpenSSH's own settings decide, where nobody can be
    /// asked whether to trust a new one.
    pub known_hosts: Option<PathBuf>,
}

/// A host behind SSH.
#[derive(Debug)]
pub(super) struct Remote {
    name: String,
    address: IpAddr,
    settings: SshSettings,
    session: Mutex<Option<Arc<Session>>>,
    places: Semaphore,
}

impl Remote {
    pub(super) fn new(name: &str, address: IpAddr, settings: SshSettings) -> Self {
        let (session, places) = (Mutex::default(), Semaphore::new(SESSIONS));
        Self { name: name.to_owned(), address, settings, session, places }
    }

    /// Opens a shell; the place must be kept as long as it.
    pub(super) async fn open(&self) -> Result<(SemaphorePermit<'_>, Channel), HostError> {
        let place = self
            .places
            .acquire()
            .await
            .map_err(|closed| self.unreachable(closed.to_string()))?;
        let session = self.session().await?;
        let mut command = session.arc_raw_command(format!("exec sh -c {}", quoted(SHELL)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().await.map_err(|e| self.no_ssh(e))?;
        match (child.stdin().take(), child.stdout().take(), child.stderr().take()) {
            (Some(stdin), Some(stdout), Some(stderr)) => {
                let (stdin, stdout, stderr) = (Box::new(stdin), Box::new(stdout), Box::new(stderr));
                Ok((place, Channel { stdin, stdout, stderr, _process: Box::new(child) }))
            }
            _ => Err(self.unreachable("ssh has no pipes".to_owned())),
        }
    }

    #[cfg(test)]
    pub(super) async fn control_socket(&self) -> Option<PathBuf> {
        self.session
            .lock()
            .await
            .as_ref()
            .map(|session| session.control_socket().to_owned())
    }

    /// The connection, made anew when it was lost.
    async fn session(&self) -> Result<Arc<Session>, HostError> {
        let mut kept = self.session.lock().await;
        if let Some(session) = kept.as_ref()
            && session.check().await.is_ok()
        {
            return Ok(session.clone());
        }
        *kept = None;
        let session = Arc::new(Session::new_process_mux(self.enter().await?));
        *kept = Some(session.clone());
        Ok(session)
    }

    /// Starts the `ssh` that holds the connection; its socket, which is the way into the host, is in a directory that only we
    /// may enter. openssh's own builder would always say what to do about unknown host keys, and never leave it to OpenSSH.
    async fn enter(&self) -> Result<TempDir, HostError> {
        for (file, role) in [
            (&self.settings.identity, "the key"),
            (&self.settings.known_hosts, "the file of host keys"),
        ] {
            // ssh would go on without it, and be refused for a reason that misleads.
            if let Some(path) = file
                && let Err(reason) = tokio::fs::File::open(path).await
            {
                return Err(self.denied(format!("{role}, {}, cannot be read: {reason}", path.display())));
            }
        }
        let directory = tempfile::Builder::new().prefix("lifeboat-ssh-").tempdir();
        let directory = directory.map_err(|e| self.unreachable(format!("no directory for its connection: {e}")))?;
        let log = directory.path().join("log");
        let mut command = Command::new("ssh");
        command.args(self.arguments(directory.path(), &log)).kill_on_drop(true);
        command
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let status = match timeout(ENTER_LIMIT, command.status()).await {
            Ok(status) => status.map_err(|reason| self.no_ssh(openssh::Error::Ssh(reason)))?,
            Err(_late) => return Err(self.unreachable(format!("no SSH session within {ENTER_LIMIT:?}"))),
        };
        if status.success() {
            return Ok(directory);
        }
        let said = tokio::fs::read(&log).await.unwrap_or_default();
        Err(self.refused(&String::from_utf8_lossy(&said)))
    }

    fn arguments(&self, directory: &Path, log: &Path) -> Vec<OsString> {
        let SshSettings { user, port, identity, known_hosts } = &self.settings;
        let mut words: Vec<OsString> = ["-M", "-f", "-N", "-a", "-x", "-T"].map(OsString::from).into();
        for option in [
            "BatchMode=yes",
            "ConnectTimeout=5",
            // A dead host is noticed within 15 s.
            "ServerAliveInterval=5",
            "ServerAliveCountMax=2",
            // Of a killed Lifeboat, nothing stays that could enter the host.
            "ControlPersist=60",
            // Settings for people's sessions must not make ours fail.
            "ClearAllForwardings=yes",
            "PermitLocalCommand=no",
        ] {
            words.extend(["-o".into(), option.into()]);
        }
        words.extend(["-E".into(), log.into(), "-S".into(), directory.join("master").into()]);
        words.extend(["-p".into(), port.to_string().into(), "-l".into(), user.into()]);
        if let Some(path) = identity {
            // Not `-i`, which looks for the file before it reads the path as the option does.
            words.extend(["-o".into(), "IdentitiesOnly=yes".into()]);
            words.extend(["-o".into(), format!("IdentityFile={}", word(path)).into()]);
        }
        if let Some(path) = known_hosts {
            words.extend(["-o".into(), "StrictHostKeyChecking=yes".into()]);
            words.extend(["-o".into(), format!("UserKnownHostsFile={}", word(path)).into()]);
        }
        words.extend(["--".into(), self.address.to_string().into()]);
        words
    }

    /// Which error it is that `ssh` ended with, by what it said.
    pub(super) fn refused(&self, said: &str) -> HostError {
        let SshSettings { user, port, identity, known_hosts } = &self.settings;
        let address = self.address;
        let place = if *port == 22 {
            address.to_string()
        } else {
            format!("[{address}]:{port}")
        };
        let (file, option) = match known_hosts {
            Some(path) => (path.display().to_string(), format!(" -f {}", quoted(&path.display().to_string()))),
            None => ("OpenSSH's own file of known hosts".to_owned(), String::new()),
        };
        if said.contains("HOST IDENTIFICATION HAS CHANGED") {
            return self.denied(format!(
                "its host key is another one than in {file}; if it was built anew, `ssh-keygen -R {}{option}` forgets the \
                 old key, and if not, somebody else answers at {address}",
                quoted(&place)
            ));
        }
        if said.contains("Host key verification failed") || said.contains("host key is known for") {
            return self.denied(format!(
                "its host key is not in {file}; `ssh-keyscan -p {port} {address}` shows the line to add, once it is \
                 compared with the key on the host itself"
            ));
        }
        if said.contains("UNPROTECTED PRIVATE KEY FILE") {
            let key = identity.as_ref().map_or("its key".into(), |path| path.display().to_string());
            return self.denied(format!(
                "others can read {key}, so ssh does not use it; take their rights away: chmod 600"
            ));
        }
        if said.contains("Permission denied") || said.contains("Too many authentication failures") {
            let key = match identity {
                Some(path) => format!("the key {}", path.display()),
                None => "any key of OpenSSH's settings".to_owned(),
            };
            return self
                .denied(format!("it does not accept {key} for the user {user}; add it to authorized_keys there"));
        }
        let last = said
            .lines()
            .map(str::trim)
            .rfind(|line| !line.is_empty())
            .unwrap_or("ssh did not say why");
        let last = last.strip_prefix("ssh: ").unwrap_or(last);
        self.unreachable(last.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
    }

    fn no_ssh(&self, error: openssh::Error) -> HostError {
        match error {
            openssh::Error::Ssh(reason) if reason.kind() == std::io::ErrorKind::NotFound => {
                HostError::Missing { host: "this machine".to_owned(), program: "ssh".to_owned() }
            }
            openssh::Error::Ssh(reason) => self.unreachable(format!("ssh cannot be started: {reason}")),
            other => self.unreachable(other.to_string()),
        }
    }

    fn unreachable(&self, reason: String) -> HostError {
        HostError::Unreachable { host: self.name.clone(), reason }
    }

    fn denied(&self, reason: String) -> HostError {
        HostError::Denied { host: self.name.clone(), reason }
    }
}

/// A path as one word of an option of `ssh`, which would take it apart at spaces and replace tokens such as `%h`.
fn word(path: &Path) -> String {
    let path = path.display().to_string();
    format!("\"{}\"", path.replace('%', "%%").replace('\\', r"\\").replace('"', r#"\""#))
}
