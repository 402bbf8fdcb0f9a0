//! Sealing the recovery kit into the repository whenever something in it has changed.

use crate::Daemon;
use recovery::{Trouble, kit};
use std::sync::Arc;
use std::time::Duration;

/// Between two looks whether something has changed.
const LOOK: Duration = Duration::from_secs(60);

/// Keeps the kit for as long as the daemon runs. Done at the standby: it has what a recovery needs, and may write what is shared.
pub(crate) async fn seal(daemon: Arc<Daemon>) {
    loop {
        let sealed = daemon.seal_kit().await;
        daemon.trouble("recovery kit", sealed.err().map(|trouble| trouble.to_string()));
        ambient::sleep(LOOK).await;
    }
}

impl Daemon {
    async fn seal_kit(&self) -> Result<(), Trouble> {
        let repository = self.world.repository(&self.of.repository)?;
        let sealed = kit::seal(&self.world, &repository).await?;
        if let Some(number) = sealed.number {
            (self.say)(&format!("recovery kit {number} is sealed into the repository"));
        }
        sealed.kept().map_or(Ok(()), Err)
    }
}
