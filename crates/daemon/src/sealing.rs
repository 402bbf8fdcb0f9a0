//! The estate file, watched: what is good comes into force, and is sealed into the repository with the recovery kit.

use crate::Say;
use estate::{Estate, Name};
use recovery::{Trouble, World, kit};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Between two looks at the estate file.
const LOOK: Duration = Duration::from_secs(5);
/// Between two looks whether something has changed that the estate refers to. Each asks the repository.
pub(crate) const SEAL: Duration = Duration::from_secs(60);

/// Watches the estate file for as long as it is not dropped: what is good goes to `newest`, and what is wrong to `trouble`.
pub(crate) async fn watch(in_force: Arc<World>, newest: watch::Sender<Arc<World>>, trouble: impl Fn(Option<String>)) {
    loop {
        let text = tokio::fs::read_to_string(&in_force.file).await;
        let known = newest.borrow().clone();
        let found = found(&known, text.map_err(|reason| reason.to_string()));
        trouble(found.trouble);
        if let Some(changed) = found.changed {
            newest.send_replace(Arc::new(changed));
        }
        ambient::sleep(LOOK).await;
    }
}

/// Seals the kit into each repository whenever what is in it has changed, for as long as it is not dropped. Only some hosts may:
/// whoever lacks the keys for what is shared leaves it to them.
pub(crate) async fn seal(newest: watch::Receiver<Arc<World>>, must: bool, say: Say, trouble: impl Fn(Option<String>)) {
    let mut newest = newest;
    loop {
        let world = newest.borrow_and_update().clone();
        let mut wrong = None;
        for (name, _) in world.estate.repositories.iter().filter(|(_, of)| of.copy_of.is_none()) {
            match seal_into(&world, name, &say).await {
                Ok(()) => {}
                Err(trouble) if !must && LACKING.contains(&&*trouble.code) => {}
                Err(trouble) => wrong = Some(trouble.to_string()),
            }
        }
        trouble(wrong);
        _ = tokio::time::timeout(SEAL, newest.changed()).await;
    }
}

/// The keys for what is shared are not here.
const LACKING: [&str; 4] = ["LB0304", "LB0305", "LB0311", "LB0313"];

async fn seal_into(world: &World, repository: &Name, say: &Say) -> Result<(), Trouble> {
    let repository = world.repository(repository)?;
    let sealed = kit::seal(world, &repository).await?;
    if let Some(number) = sealed.number {
        say(&format!("recovery kit {number} is sealed into the repository"));
    }
    sealed.kept().map_or(Ok(()), Err)
}

/// What a look at the estate file has found.
struct Found {
    /// A good file, other than the newest so far.
    changed: Option<World>,
    /// What is to be said as long as it is so.
    trouble: Option<String>,
}

/// Judges what the file says now, by the newest good one.
fn found(newest: &World, text: Result<String, String>) -> Found {
    let shown = newest.file.display();
    match text {
        Ok(text) if text == newest.text => Found { changed: None, trouble: None },
        Ok(text) => match Estate::parse(&shown.to_string(), &text) {
            Ok(estate) => {
                let world = World::new(estate, text, newest.file.clone(), newest.here.clone());
                Found { changed: Some(world), trouble: None }
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
    fn a_changed_estate_is_taken_once_it_is_good() {
        let first = world(GOOD);
        let same = found(&first, Ok(GOOD.to_owned()));
        assert!(same.changed.is_none() && same.trouble.is_none());
        let other = GOOD.replace("maximumLoss: 1m", "maximumLoss: 2m");
        let changed = found(&first, Ok(other.clone()));
        assert!(changed.trouble.is_none());
        let second = changed.changed.unwrap();
        assert_eq!(second.text, other);
        let again = found(&second, Ok(other));
        assert!(again.changed.is_none() && again.trouble.is_none());
        assert!(found(&second, Ok(GOOD.to_owned())).changed.is_some());
    }

    #[test]
    fn an_estate_that_cannot_be_used_changes_nothing_and_is_told() {
        let first = world(GOOD);
        let wrong = found(&first, Ok(GOOD.replace("maximumLoss", "maximumLos")));
        assert!(wrong.changed.is_none());
        let trouble = wrong.trouble.unwrap();
        assert!(
            trouble.contains("line ") && trouble.ends_with("the one before stays in force"),
            "{trouble}"
        );
        let gone = found(&first, Err("entity not found".to_owned()));
        assert!(gone.changed.is_none() && gone.trouble.unwrap().contains("entity not found"));
    }
}
