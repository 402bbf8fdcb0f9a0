//! A host: its image, its start, its end, and the way onto it.
//!
//! A host is a process tree in namespaces of its own whose root is the file system in its image. [`boot`] starts it,
//! [`kill`] and [`power_off`] end it, [`enter`] gives the words that run a command on it.

use crate::error::{Error, Result};
use crate::network;
use crate::parts::pods::cgroups;
use crate::record::{Place, Process};
use crate::shell;
use crate::topology::Host;
use futures::future::try_join_all;
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

const BOOT: &str = include_str!("boot.sh");
/// What a host gets to end once it is killed.
const END: Duration = Duration::from_secs(20);
/// The size of a host's disk; its image is sparse.
const DISK: &str = "6G";
/// What a host takes over from the machine's own /etc: users, libraries and the public CAs, nothing that names the machine,
/// and no secret of it: neither its users' passwords nor its TLS keys.
const SHARED_ETC: &[&str] = &[
    "passwd",
    "group",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "protocols",
    "services",
    "login.defs",
    "profile",
    "bash.bashrc",
    "localtime",
    "pam.d",
    "security",
    "mke2fs.conf",
];
/// The same of /etc/ssl, without the machine's private keys.
const SHARED_SSL: &[&str] = &["certs", "openssl.cnf"];

pub(crate) fn image(place: &Place, host: &Host) -> PathBuf {
    place.path(&format!("hosts/{}.img", host.name))
}

fn pid_file(place: &Place, host: &Host) -> PathBuf {
    place.path(&format!("hosts/{}.pid", host.name))
}

/// The host's init, as the machine sees it; none where the host is off.
pub(crate) fn init(place: &Place, host: &Host) -> Option<Process> {
    Process::read(&pid_file(place, host))
}

/// A running host's file, as seen from the machine.
pub(crate) fn file(place: &Place, host: &Host, path: &str) -> Option<PathBuf> {
    init(place, host).map(|p| PathBuf::from(format!("/proc/{}/root", p.pid)).join(path.trim_start_matches('/')))
}

/// Fills `staging` with what every host takes from the machine.
pub(crate) async fn share_etc(staging: &Path) -> Result<()> {
    let etc = staging.join("etc");
    for (from, to, files) in [
        ("/etc", etc.clone(), SHARED_ETC),
        ("/etc/ssl", etc.join("ssl"), SHARED_SSL),
    ] {
        std::fs::create_dir_all(&to).map_err(Error::file(&to, "making a host's /etc"))?;
        let sources: Vec<String> = files.iter().map(|f| format!("{from}/{f}")).collect();
        let sources: Vec<&str> = sources.iter().map(String::as_str).filter(|f| Path::new(f).exists()).collect();
        // A machine without TLS has neither; cp without a source would be an error.
        if !sources.is_empty() {
            let to = to.to_string_lossy();
            let words = [&["cp", "-a"], &*sources, &[&*to]].concat();
            shell::run("copying users and libraries' settings", &words).await?;
        }
    }
    lock_passwords(&etc)
}

/// Writes a shadow file in which no user has a password. With `*` sshd still lets keys in; with `!` it would take the
/// account for locked.
fn lock_passwords(etc: &Path) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let passwd = etc.join("passwd");
    let users = std::fs::read_to_string(&passwd).map_err(Error::file(&passwd, "reading a host's users"))?;
    let names = users.lines().filter_map(|line| line.split(':').next());
    let shadow: String = names.map(|name| format!("{name}:*:20000:0:99999:7:::\n")).collect();
    let path = etc.join("shadow");
    let mut options = std::fs::File::options();
    let written = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(shadow.as_bytes()));
    written.map_err(Error::file(path, "writing a host's shadow file"))
}

/// Makes the image of a host out of the directory `staging`.
pub(crate) async fn make_image(place: &Place, host: &Host, staging: &Path) -> Result<()> {
    let purpose = "making the disk of a host";
    let image = image(place, host);
    let image = image.to_string_lossy();
    shell::run(purpose, &["truncate", "-s", DISK, &image]).await?;
    let mut words = vec!["mkfs.ext4", "-q", "-F", "-m", "0", "-L", "lifeboat"];
    words.extend([
        "-E",
        "lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0",
        "-d",
    ]);
    let staging = staging.to_string_lossy();
    words.extend([&*staging, &*image]);
    shell::run(purpose, &words).await?;
    Ok(())
}

/// Starts a host and waits until its init runs.
pub(crate) async fn boot(place: &Place, host: &Host) -> Result<()> {
    let pid_file = pid_file(place, host);
    let _old = std::fs::remove_file(&pid_file);
    // A machine that starts has no groups of pods; these are of the same host before it lost its power.
    cgroups::remove(&place.name, &host.name).await?;
    let mount = place.path(&format!("mnt/{}", host.name));
    std::fs::create_dir_all(&mount).map_err(Error::file(&mount, "making a mount point"))?;
    let log_path = place.path(&format!("hosts/{}.log", host.name));
    let log = std::fs::File::create(&log_path).map_err(Error::file(&log_path, "making a host's log"))?;
    let both = log.try_clone().map_err(Error::file(&log_path, "opening a host's log"))?;
    let net = format!("--net=/run/netns/{}", network::namespace(&place.name, &host.name));
    let mut child = tokio::process::Command::new("setsid")
        .args([
            "nsenter",
            &net,
            "unshare",
            "--mount",
            "--pid",
            "--uts",
            "--ipc",
            "--fork",
            "--kill-child",
        ])
        .args(["bash", "-c", BOOT, "boot"])
        .args([&image(place, host), &mount, &place.path("bin")])
        .arg(host.name.as_str())
        .arg(&pid_file)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(both)
        .spawn()
        .map_err(Error::file("setsid", "starting a host"))?;
    let deadline = ambient::monotonic() + Duration::from_secs(30);
    loop {
        if init(place, host).is_some_and(is_init) {
            return Ok(());
        }
        let ended = matches!(child.try_wait(), Ok(Some(_)));
        if ended || ambient::monotonic() > deadline {
            let said = std::fs::read_to_string(&log_path).unwrap_or_default();
            return Err(Error::NotReady {
                object: format!("host {}", host.name),
                seconds: 30,
                last: said.trim().to_owned(),
                log: log_path.display().to_string(),
            });
        }
        ambient::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a host's first process has become its init: before, the host's root is not its own yet.
fn is_init(process: Process) -> bool {
    std::fs::read_to_string(format!("/proc/{}/comm", process.pid)).is_ok_and(|name| name.trim() == "runsvdir")
}

/// Kills everything on every host of a lab, by the pids that hosts noted.
pub(crate) async fn kill_all(place: &Place) -> Result<()> {
    let inits = place.inits();
    for init in &inits {
        init.signal(Signal::SIGKILL);
    }
    try_join_all(inits.into_iter().map(|init| gone(place, init, "a host"))).await?;
    released(place, &place.path("hosts")).await
}

/// Kills everything on a host at once. Its kernel, which is the machine's, closes the connections.
pub(crate) async fn kill(place: &Place, host: &Host) -> Result<()> {
    let Some(init) = init(place, host) else { return Ok(()) };
    init.signal(Signal::SIGKILL);
    ended(place, host, init).await
}

/// Takes a host's power: what was not synced to its disk is lost. Its links must be down already, so that nobody is told.
pub(crate) async fn power_off(place: &Place, host: &Host) -> Result<()> {
    let Some(init) = init(place, host) else { return Ok(()) };
    let root = format!("/proc/{}/root", init.pid);
    // The file system stops without writing what it still held, its journal included, as after a loss of power.
    shell::run("cutting a host's disk off", &["xfs_io", "-x", "-F", "-c", "shutdown", &root]).await?;
    init.signal(Signal::SIGKILL);
    ended(place, host, init).await
}

async fn ended(place: &Place, host: &Host, init: Process) -> Result<()> {
    gone(place, init, host.name.as_str()).await?;
    released(place, &image(place, host)).await?;
    let _gone = std::fs::remove_file(pid_file(place, host));
    Ok(())
}

async fn gone(place: &Place, init: Process, what: &str) -> Result<()> {
    let deadline = ambient::monotonic() + END;
    while init.alive() {
        if ambient::monotonic() > deadline {
            return Err(not_ended(place, format!("the end of {what}"), format!("process {} still runs", init.pid)));
        }
        ambient::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Waits until no loop device holds a disk below `path`: mounts end a moment after the last process that saw them.
async fn released(place: &Place, path: &Path) -> Result<()> {
    let deadline = ambient::monotonic() + END;
    let path = path.to_string_lossy();
    loop {
        let devices =
            shell::run("looking at loop devices", &["losetup", "--all", "--noheadings", "--output", "BACK-FILE"])
                .await?;
        let Some(held) = devices.lines().find(|file| file.starts_with(&*path)) else {
            return Ok(());
        };
        if ambient::monotonic() > deadline {
            return Err(not_ended(place, format!("the release of {path}"), format!("{held} is still mounted")));
        }
        ambient::sleep(Duration::from_millis(10)).await;
    }
}

fn not_ended(place: &Place, object: String, last: String) -> Error {
    let log = place.path("hosts").display().to_string();
    Error::NotReady { object, seconds: END.as_secs(), last, log }
}

/// The words that run a command on a host; the command's own follow.
pub(crate) fn enter(place: &Place, host: &Host) -> Result<Vec<String>> {
    let init = init(place, host).ok_or_else(|| Error::NotReady {
        object: format!("host {}", host.name),
        seconds: 0,
        last: "it is off".into(),
        log: place.path(&format!("hosts/{}.log", host.name)).display().to_string(),
    })?;
    let mut words: Vec<String> = ["nsenter", "--target"].map(str::to_owned).to_vec();
    words.push(init.pid.to_string());
    words.extend(["--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"].map(str::to_owned));
    words.extend(["env", "-i", "LANG=C.UTF-8", "HOME=/root", "SVDIR=/etc/service"].map(str::to_owned));
    words.push("PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin".into());
    words.push(format!("TERM={}", std::env::var("TERM").unwrap_or_else(|_| "dumb".into())));
    Ok(words)
}

/// Runs a command on a host to its end.
pub(crate) async fn run(place: &Place, host: &Host, purpose: &str, command: &[&str]) -> Result<String> {
    run_with(place, host, purpose, command, "").await
}

/// As [`run`], with `input` on standard input.
pub(crate) async fn run_with(
    place: &Place,
    host: &Host,
    purpose: &str,
    command: &[&str],
    input: &str,
) -> Result<String> {
    let enter = enter(place, host)?;
    let mut words: Vec<&str> = enter.iter().map(String::as_str).collect();
    words.extend(command);
    shell::run_with(purpose, &words, input).await.map_err(|e| match e {
        // A script may hold a secret, and its words help nobody who did not write it: what it said does.
        Error::Command { purpose, status, output, .. } => {
            let program = command.first().copied().unwrap_or_default();
            Error::Command {
                purpose,
                command: format!("{program}, on {}", host.name),
                status,
                output,
            }
        }
        other => other,
    })
}
