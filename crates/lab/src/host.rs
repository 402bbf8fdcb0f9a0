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
use nix::sys::signal::Signal;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

const BOOT: &str = include_str!("boot.sh");
/// The size of a host's disk; its image is sparse.
const DISK: &str = "6G";
/// What a host takes over from the machine's own /etc: users, libraries and the public CAs, nothing that names the machine.
const SHARED_ETC: &[&str] = &[
    "passwd",
    "group",
    "shadow",
    "gshadow",
    "ssl",
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

pub(crate) fn image(place: &Place, host: &Host) -> PathBuf {
    place.path(&format!("hosts/{}.img", host.name))
}

fn pid_file(place: &Place, host: &Host) -> PathBuf {
    place.path(&format!("hosts/{}.pid", host.name))
}

/// The host's init, as the machine sees it; none where the host is off.
pub(crate) fn init(place: &Place, host: &Host) -> Option<Process> {
    let text = std::fs::read_to_string(pid_file(place, host)).ok()?;
    let (pid, started) = text.trim().split_once(' ')?;
    let process = Process { pid: pid.parse().ok()?, started: started.parse().ok()? };
    process.alive().then_some(process)
}

/// A running host's file, as seen from the machine.
pub(crate) fn file(place: &Place, host: &Host, path: &str) -> Option<PathBuf> {
    init(place, host).map(|p| PathBuf::from(format!("/proc/{}/root", p.pid)).join(path.trim_start_matches('/')))
}

/// Fills `staging` with what every host takes from the machine.
pub(crate) async fn share_etc(staging: &Path) -> Result<()> {
    let etc = staging.join("etc");
    std::fs::create_dir_all(&etc).map_err(Error::file(&etc, "making a host's /etc"))?;
    let sources: Vec<String> = SHARED_ETC.iter().map(|f| format!("/etc/{f}")).collect();
    let etc = etc.to_string_lossy();
    let mut words = vec!["cp", "-a"];
    words.extend(sources.iter().map(String::as_str).filter(|f| Path::new(f).exists()));
    words.push(&etc);
    shell::run("copying users and libraries' settings", &words).await?;
    Ok(())
}

/// Makes the image of a host out of the directory `staging`.
pub(crate) async fn make_image(place: &Place, host: &Host, staging: &Path) -> Result<()> {
    let ssh_key = staging.join("etc/ssh/ssh_host_ed25519_key");
    let purpose = "making the disk of a host";
    let words = [
        "ssh-keygen",
        "-q",
        "-t",
        "ed25519",
        "-N",
        "",
        "-C",
        host.name.as_str(),
        "-f",
        &ssh_key.to_string_lossy(),
    ];
    shell::run("making a host's SSH key", &words).await?;
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
    let deadline = ambient::monotonic() + Duration::from_secs(20);
    while init.alive() {
        if ambient::monotonic() > deadline {
            return Err(Error::NotReady {
                object: format!("the end of host {}", host.name),
                seconds: 20,
                last: format!("process {} still runs", init.pid),
                log: place.path(&format!("hosts/{}.log", host.name)).display().to_string(),
            });
        }
        ambient::sleep(Duration::from_millis(5)).await;
    }
    let _gone = std::fs::remove_file(pid_file(place, host));
    Ok(())
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
    shell::run_with(purpose, &words, input).await
}
