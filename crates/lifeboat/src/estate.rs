//! From the command line to the estate: which file, and which of its hosts this is.

use crate::failure::Failure;
use estate::{Estate, Kind, Name};
use recovery::{Trouble, World};
use std::path::{Path, PathBuf};

/// Where the estate file is looked for when none is named.
const PLACES: [&str; 2] = ["lifeboat.yaml", "/etc/lifeboat/lifeboat.yaml"];

/// Which estate.
#[derive(Clone, clap::Args)]
pub(crate) struct Which {
    /// The estate file; without this ./lifeboat.yaml, then /etc/lifeboat/lifeboat.yaml
    #[arg(long, value_name = "FILE", env = "LIFEBOAT_ESTATE")]
    estate: Option<PathBuf>,
    /// Which of the estate's hosts this is, if not the one that bears the machine's host name
    #[arg(long, value_name = "NAME")]
    host: Option<Name>,
}

impl Which {
    /// Reads the estate.
    pub(crate) fn open(&self) -> Result<World, Failure> {
        let path = match &self.estate {
            Some(path) => path.clone(),
            None => PLACES.iter().map(PathBuf::from).find(|path| path.exists()).ok_or_else(|| {
                Failure::new(
                    "LB0201",
                    Kind::Invalid,
                    format!("there is no estate file: neither {}", PLACES.join(" nor ")),
                )
                .hint("--estate FILE, or export LIFEBOAT_ESTATE=FILE")
            })?,
        };
        self.world(&path)
    }

    fn world(&self, path: &Path) -> Result<World, Failure> {
        let shown = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|reason| {
            Failure::new("LB0201", Kind::Invalid, format!("the estate file {shown} cannot be read"))
                .because(&reason)
                .hint("--estate FILE, or export LIFEBOAT_ESTATE=FILE")
        })?;
        let estate = Estate::parse(&shown, &text).map_err(|error| {
            Failure::new("LB0202", Kind::Invalid, error.to_string()).hint("lifeboat explain LB0202")
        })?;
        let here = self.host.clone().or_else(hostname);
        let here = here.filter(|name| estate.hosts.contains_key(name));
        let file = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(World::new(estate, text, file, here))
    }

    /// Reads the estate, and names the cluster that has a standby.
    pub(crate) fn open_cluster(&self) -> Result<(World, Name), Failure> {
        let world = self.open()?;
        let cluster = world.estate.failover().map(|of| of.name.clone());
        let missing = || Trouble::new("LB0202", Kind::Invalid, "the estate has no cluster with a standby");
        Ok((world, cluster.ok_or_else(missing)?))
    }
}

/// Reads the estate in a file.
pub(crate) fn read(file: &Path) -> Result<World, Failure> {
    Which { estate: None, host: None }.world(file)
}

/// This machine's name, without its domain.
fn hostname() -> Option<Name> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    name.split('.').next()?.to_lowercase().parse().ok()
}

/// This machine, for people: whose a lease is.
pub(crate) fn machine() -> String {
    hostname().map_or_else(|| "a host without a name".to_owned(), |name| name.to_string())
}

/// What this Lifeboat calls itself towards the sites.
pub(crate) fn me(world: &World) -> String {
    match &world.here {
        Some(host) => format!("cli-{host}"),
        None => "cli".to_owned(),
    }
}
