//! Debian packages: pinned by upstream version, so that their security updates are still taken.

use super::{Say, pin};
use crate::error::{Error, Result};
use crate::shell;

struct Package {
    name: String,
    version: String,
}

fn packages(pods: bool) -> Vec<Package> {
    let mut text = pin("debian.txt");
    if pods {
        text.push_str(&pin("debian-pods.txt"));
    }
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, version)| Package { name: name.to_owned(), version: version.to_owned() })
        .collect()
}

/// The pinned packages that are not installed, or in another version.
pub(crate) async fn missing(pods: bool) -> Result<Vec<String>> {
    Ok(lacking(pods).await?.into_iter().map(|p| p.name).collect())
}

async fn lacking(pods: bool) -> Result<Vec<Package>> {
    let wanted = packages(pods);
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
pub(crate) async fn install(say: Say<'_>) -> Result<()> {
    let lacking = lacking(true).await?;
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
    shell::run("refreshing the package lists", &["apt-get", "update", "-q"])
        .await
        .map_err(failed)?;
    // In runlevel 1 no service is started by its package's own installation.
    let mut words = vec![
        "env",
        "RUNLEVEL=1",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "-q",
        "-y",
    ];
    words.extend(["--no-install-recommends", "--allow-downgrades"]);
    words.extend(names.iter().map(String::as_str));
    shell::run("installing packages", &words).await.map_err(failed)?;
    Ok(())
}
