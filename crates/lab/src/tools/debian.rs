//! Debian packages: pinned by upstream version, so that their security updates are still taken.

use super::{Extra, Say, pin};
use crate::error::{Error, Result};
use crate::shell;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

/// What packages ask before they start a service, and the answer that forbids it.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const FORBID: &str =
    "#!/bin/sh\n# Put here by `lifeboat lab install` while it runs: no package starts a service.\nexit 101\n";

/// Forbids packages to start services until it is dropped.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn set() -> Result<Self> {
        let failed = || Error::file(POLICY, "forbidding packages to start services");
        match File::options().write(true).create_new(true).mode(0o755).open(POLICY) {
            Ok(mut file) => {
                // From here on it is removed again, also where it cannot be written.
                let policy = Self { ours: true };
                file.write_all(FORBID.as_bytes())
                    .and_then(|()| file.set_permissions(std::fs::Permissions::from_mode(0o755)))
                    .map_err(failed())?;
                Ok(policy)
            }
            // The machine's own policy stays; one that a killed installation of ours left is taken over.
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(Self {
                ours: std::fs::read_to_string(POLICY).is_ok_and(|text| text == FORBID),
            }),
            Err(e) => Err(failed()(e)),
        }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            let _gone = std::fs::remove_file(POLICY);
        }
    }
}

struct Package {
    name: String,
    version: String,
}

fn packages(extras: &[Extra]) -> Vec<Package> {
    let mut text = pin("debian.txt");
    for extra in extras {
        text.push_str(&pin(match extra {
            Extra::Pods => "debian-pods.txt",
            Extra::Pdf => "debian-pdf.txt",
        }));
    }
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, version)| Package { name: name.to_owned(), version: version.to_owned() })
        .collect()
}

/// The pinned packages that are not installed, or in another version.
pub(crate) async fn missing(extras: &[Extra]) -> Result<Vec<String>> {
    Ok(lacking(extras).await?.into_iter().map(|p| p.name).collect())
}

async fn lacking(extras: &[Extra]) -> Result<Vec<Package>> {
    let wanted = packages(extras);
    let mut words = vec!["dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Abbrev}\n"];
    words.extend(wanted.iter().map(|p| p.name.as_str()));
    // dpkg-query fails when a package is unknown to it, and still prints the others.
    let installed = shell::output("looking at installed packages", &words, "").await?.stdout;
    let has = |package: &Package| {
        installed.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some(&package.name)
                && words.next().is_some_and(|version| version.starts_with(&package.version))
                && words.next() == Some("ii")
        })
    };
    Ok(wanted.into_iter().filter(|p| !has(p)).collect())
}

/// Installs what is missing with apt, without starting any of its services on this machine.
pub(crate) async fn install(extras: &[Extra], say: Say<'_>) -> Result<()> {
    let lacking = lacking(extras).await?;
    if lacking.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = lacking.iter().map(|p| format!("{}={}*", p.name, p.version)).collect();
    if !nix::unistd::geteuid().is_root() {
        return Err(Error::NotRoot {
            uid: nix::unistd::geteuid().as_raw(),
            missing: format!("Debian packages {}", names.join(" ")),
        });
    }
    say(&format!("installing Debian packages: {}", names.join(" ")));
    let failed = |e: Error| Error::Install { tool: "Debian packages".into(), reason: e.to_string() };
    shell::run_long("refreshing the package lists", &["apt-get", "update", "-q"])
        .await
        .map_err(failed)?;
    // Packages ask the policy where systemd or sysv runs services; runlevel 1 is for those that ask only that.
    let _policy = NoServices::set()?;
    let mut words = vec![
        "env",
        "RUNLEVEL=1",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "-q",
        "-y",
    ];
    words.push("--no-install-recommends");
    words.extend(names.iter().map(String::as_str));
    shell::run_long("installing packages", &words).await.map_err(failed)?;
    Ok(())
}
