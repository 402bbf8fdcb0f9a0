//! Receiving a snapshot: from etcd's stream of messages to a file, believing nothing.

use crate::failure::unanswered;
use crate::snapshot::{HASH_BYTES, Inspection, SMALLEST_BYTES};
use crate::wire::SnapshotResponse;
use crate::{Error, SnapshotInfo};
use futures::{Stream, StreamExt};
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tonic::Status;

/// Writes the snapshot that `stream` carries into `into`, and checks it. Gives up after `silence` without a message.
pub(crate) async fn receive(
    endpoint: &str,
    mut stream: impl Stream<Item = Result<SnapshotResponse, Status>> + Unpin,
    into: &mut (impl AsyncWrite + Unpin),
    silence: Duration,
) -> Result<SnapshotInfo, Error> {
    let snapshot = format!("the snapshot of etcd at {endpoint}");
    let unwritten = |source| Error::Spool { snapshot: snapshot.clone(), source };
    let mut course = Course::default();
    let mut inspection = Inspection::default();
    loop {
        let message = match tokio::time::timeout(silence, stream.next()).await {
            Ok(None) => break,
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(status))) => return Err(course.broken_off(unanswered(endpoint, &status))),
            Err(_) => {
                let reason = format!("silent for {} s", silence.as_secs());
                return Err(course.broken_off(Error::Unreachable { endpoint: endpoint.to_owned(), reason }));
            }
        };
        course
            .follow(&message)
            .map_err(|reason| Error::Answer { endpoint: endpoint.to_owned(), reason })?;
        inspection.take(&message.blob);
        into.write_all(&message.blob).await.map_err(unwritten)?;
    }
    if course.got < course.expected() {
        return Err(Error::Truncated { snapshot, expected: course.expected(), got: course.got });
    }
    let info = inspection.finish(&snapshot)?;
    into.flush().await.map_err(unwritten)?;
    Ok(info)
}

/// How far a stream has come, by what its messages promised.
#[derive(Default)]
struct Course {
    /// The size of the database, known from the first message on.
    database: Option<u64>,
    /// Bytes received, the hash included.
    got: u64,
}

impl Course {
    /// Goes one message further. A server whose own reading fails sends empty messages for ever, so each must bring us on.
    fn follow(&mut self, message: &SnapshotResponse) -> Result<(), String> {
        let got = self.got.saturating_add(message.blob.len() as u64);
        let promised = got.saturating_add(message.remaining_bytes);
        let fits = match self.database {
            None => promised < u64::MAX - HASH_BYTES,
            Some(database) if self.got < database => promised == database,
            // After the database, the last message is its hash.
            Some(database) => message.remaining_bytes == 0 && got <= database + HASH_BYTES,
        };
        if !fits || (self.database.is_some() && message.blob.is_empty()) {
            return Err(format!(
                "a message of the snapshot does not follow the one before it, at byte {}",
                self.got
            ));
        }
        self.database.get_or_insert(promised);
        self.got = got;
        Ok(())
    }

    /// The bytes that must come, or the fewest possible before anything has.
    fn expected(&self) -> u64 {
        self.database.map_or(SMALLEST_BYTES, |database| database + HASH_BYTES)
    }

    /// Says in a failure of the connection how far it had come.
    fn broken_off(&self, mut error: Error) -> Error {
        if let (Error::Unreachable { reason, .. }, Some(_)) = (&mut error, self.database) {
            *reason = format!("the snapshot broke off after {} of {} bytes: {reason}", self.got, self.expected());
        }
        error
    }
}

#[cfg(test)]
mod tests;
