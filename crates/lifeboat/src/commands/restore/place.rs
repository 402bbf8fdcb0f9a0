//! Where something goes: a host of the estate, or a directory of this machine.

use crate::failure::Failure;
use ::estate::{Kind, Name};
use recovery::World;
use recovery::put_back::Onto;

/// A host's name, or a path.
pub(super) fn of(world: &World, to: &str) -> Result<Onto, Failure> {
    if to.contains('/') || to == "." || to == ".." {
        return Ok(Onto::Directory(to.into()));
    }
    let host = to.parse::<Name>().ok().filter(|name| world.estate.hosts.contains_key(name));
    host.map(Onto::Host).ok_or_else(|| {
        let hosts: Vec<&str> = world.estate.hosts.keys().map(Name::as_str).collect();
        let message = format!("the estate {} has no host called {to}", world.estate.name);
        Failure::new("LB0202", Kind::Invalid, message)
            .hint(format!("--to one of: {}\n--to ./{to}, if a directory is meant", hosts.join(", ")))
    })
}
