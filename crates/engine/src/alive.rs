//! Doing something long while keeping the run. Start at [`keep`].

use crate::writer::{Permit, Writer};
use crate::{Error, Event};

/// Drives `work` to its end and writes signs of life meanwhile. Gives `None` when `work` was dropped, since the journal did not
/// confirm in time that the run is still this runner's, but has confirmed it since.
///
/// # Errors
/// As [`Writer::append`]; `work` is dropped then.
pub(crate) async fn keep<T>(
    writer: &mut Writer<'_>,
    mut permit: Permit,
    work: impl Future<Output = T> + Send,
) -> Result<Option<T>, Error> {
    // On the heap, so that it can be dropped while the journal is still waited for.
    let mut work = Box::pin(work);
    loop {
        tokio::select! {
            biased;
            () = permit.over() => return Ok(None),
            result = &mut work => return Ok(Some(result)),
            () = ambient::sleep(writer.runner.heartbeat) => {}
        }
        let mut beat = Box::pin(writer.append(Event::Alive {}));
        // A sign of life that is on its way is always waited for: the next entry needs to know its number.
        tokio::select! {
            biased;
            renewed = &mut beat => permit = renewed?,
            () = permit.over() => {
                drop(work);
                beat.await?;
                return Ok(None);
            }
            result = &mut work => {
                beat.await?;
                return Ok(Some(result));
            }
        }
    }
}
