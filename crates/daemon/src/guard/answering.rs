//! Noticing that a member of etcd is away: the others tell all that changes, so that nothing else would say it.

use super::{Guard, Running};
use estate::Kind;
use etcd::{Client, Connection, Error};
use recovery::Trouble;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(15);

/// Looks for as long as the capture goes on. Of an etcd with one endpoint, the capture itself says it.
pub(super) async fn notice(guard: Arc<Guard>, running: Arc<Running>) {
    while running.connections.len() > 1 {
        let mut silent = Vec::new();
        for connection in &running.connections {
            silent.extend(asked(connection).await.err().map(|error| error.to_string()));
        }
        let trouble = missed(&silent, running.connections.len());
        guard.board.trouble(&guard.cluster, "members", trouble.as_ref());
        ambient::sleep(LOOK).await;
    }
}

async fn asked(connection: &Connection) -> Result<(), Error> {
    Client::connect(connection).await?.status().await?;
    Ok(())
}

/// What is wrong when some of `all` endpoints do not answer, for the reasons in `silent`.
fn missed(silent: &[String], all: usize) -> Option<Trouble> {
    let (first, count) = (silent.first()?, silent.len());
    let more = if count > 1 { "; and more" } else { "" };
    let message = format!("{count} of {all} endpoints of etcd cannot be asked: {first}{more}");
    Some(Trouble::new("LB0401", Kind::Unreachable, message).hint("lifeboat check"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_answer_is_named() {
        let said = |silent: &[&str]| {
            let silent: Vec<String> = silent.iter().map(ToString::to_string).collect();
            missed(&silent, 3).map(|it| it.message)
        };
        assert_eq!(said(&[]), None);
        insta::assert_snapshot!(said(&["etcd at a did not answer"]).unwrap(), @"1 of 3 endpoints of etcd cannot be asked: etcd at a did not answer");
        insta::assert_snapshot!(said(&["a", "b"]).unwrap(), @"2 of 3 endpoints of etcd cannot be asked: a; and more");
    }
}
