//! The estate file, watched: a change is told, and where it is good, sealed into the repository with the recovery kit.
//!
//! What is in force changes with the next start of `lifeboat serve` only: every loop has decided by it.

use crate::Daemon;
use estate::Estate;
use recovery::{Trouble, World, kit};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks at the estate file.
const LOOK: Duration = Duration::from_secs(5);
/// Between two looks whether something has changed that the estate refers to. Each asks the repository.
pub(crate) const SEAL: Duration = Duration::from_secs(60);

/// Watches for as long as the daemon runs. The kit is kept at the standby: it has what a recovery needs, and may write what is
/// shared.
pub(crate) async fn watch(daemon: Arc<Daemon>) {
    // The newest file that is good: what is sealed.
    let mut newest = daemon.world.clone();
    let mut due = Duration::ZERO;
    loop {
        let text = tokio::fs::read_to_string(&daemon.world.file).await;
        let found = found(&daemon.world, &newest, text.map_err(|reason| reason.to_string()));
        daemon.trouble("estate file", found.trouble);
        let now = ambient::uptime();
        if let Some(changed) = found.changed {
            (newest, due) = (changed, now);
        }
        if daemon.is_standby() && now >= due {
            due = now + SEAL;
            let sealed = daemon.seal_kit(&newest).await;
            daemon.trouble("recovery kit", sealed.err().map(|trouble| trouble.to_string()));
        }
        ambient::sleep(LOOK).await;
    }
}

/// What a look at the estate file has found.
struct Found {
    /// A good file, other than the newest so far.
    changed: Option<World>,
    /// What is to be said as long as it is so.
    trouble: Option<String>,
}

/// Judges what the file says now, by the one in force and the newest good one.
fn found(in_force: &World, newest: &World, text: Result<String, String>) -> Found {
    let shown = in_force.file.display();
    let restart =
        || format!("{shown} has changed, and the one before is in force here until lifeboat serve is started again");
    let due = |world: &World| (world.text != in_force.text).then(restart);
    match text {
        Ok(text) if text == newest.text => Found { changed: None, trouble: due(newest) },
        Ok(text) => match Estate::parse(&shown.to_string(), &text) {
            Ok(estate) => {
                let world = World::new(estate, text, in_force.file.clone(), in_force.here.clone());
                let trouble = due(&world);
                Found { changed: Some(world), trouble }
            }
            Err(wrong) => {
                // In one line, without the excerpt.
                let reason = match wrong.line {
                    0 => wrong.message,
                    line => format!("line {line}, column {}: {}", wrong.column, wrong.message),
                };
                let trouble =
                    format!("{shown} has changed and cannot be used ({reason}): the one before stays in force");
                Found { changed: None, trouble: Some(trouble) }
            }
        },
        Err(reason) => {
            let trouble = format!("{shown} cannot be read ({reason}): what was read before stays in force");
            Found { changed: None, trouble: Some(trouble) }
        }
    }
}

impl Daemon {
    async fn seal_kit(&self, newest: &World) -> Result<(), Trouble> {
        let repository = self.world.repository(&self.of.repository)?;
        let sealed = kit::seal(newest, &repository).await?;
        if let Some(number) = sealed.number {
            (self.say)(&format!("recovery kit {number} is sealed into the repository"));
        }
        sealed.kept().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    const GOOD: &str = include_str!("../../estate/src/file/tests/good.yaml");

    fn world(text: &str) -> World {
        let estate = Estate::parse("lifeboat.yaml", text).unwrap();
        World::new(estate, text.to_owned(), PathBuf::from("/etc/lifeboat/lifeboat.yaml"), None)
    }

    #[test]
    fn a_changed_estate_is_sealed_once_it_is_good_and_a_restart_is_due() {
        let first = world(GOOD);
        let same = found(&first, &first, Ok(GOOD.to_owned()));
        assert!(same.changed.is_none() && same.trouble.is_none());

        let other = GOOD.replace("maximumLoss: 1m", "maximumLoss: 2m");
        let changed = found(&first, &first, Ok(other.clone()));
        let second = changed.changed.unwrap();
        assert_eq!(second.text, other);
        assert!(changed.trouble.unwrap().ends_with("until lifeboat serve is started again"));
        // It is sealed once, and said as long as it is so.
        let again = found(&first, &second, Ok(other.clone()));
        assert!(again.changed.is_none() && again.trouble.is_some());
        // Back to what is in force.
        let back = found(&first, &second, Ok(GOOD.to_owned()));
        assert!(back.changed.is_some() && back.trouble.is_none());
    }

    #[test]
    fn an_estate_that_cannot_be_used_changes_nothing_and_is_told() {
        let first = world(GOOD);
        let wrong = found(&first, &first, Ok(GOOD.replace("maximumLoss", "maximumLos")));
        assert!(wrong.changed.is_none());
        let trouble = wrong.trouble.unwrap();
        assert!(
            trouble.contains("line ") && trouble.ends_with("the one before stays in force"),
            "{trouble}"
        );
        let gone = found(&first, &first, Err("entity not found".to_owned()));
        assert!(gone.changed.is_none() && gone.trouble.unwrap().contains("entity not found"));
    }
}
