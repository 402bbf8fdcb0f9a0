//! One object from store to store, as it is: in pieces, if it is large.

use crate::Error;
use crate::seal::HEADER;
use crate::store::Store;
use crate::upload::{PIECE, PIECES};
use futures::StreamExt;
use object_store::WriteMultipart;
use object_store::path::Path;

/// Copies the object of `size` bytes, which must not be there. It appears whole, in its length; or not at all, if `harm` has something
/// to say of how it begins, which is returned then.
pub(crate) async fn object(
    from: &Store,
    to: &Store,
    key: &Path,
    size: u64,
    harm: &(dyn Fn(&[u8]) -> Option<String> + Sync),
) -> Result<Option<String>, Error> {
    if size <= PIECE as u64 {
        let bytes = from.get(key).await?;
        cut_short(key, bytes.len() as u64, size)?;
        return match harm(&bytes) {
            None => to.create(key, bytes).await.map(|()| None),
            harm => Ok(harm),
        };
    }
    if let Some(harm) = harm(&from.range(key, 0..HEADER as u64).await?) {
        return Ok(Some(harm));
    }
    let begins = (0..size).step_by(PIECE);
    let pieces = begins.map(|begin| from.range(key, begin..size.min(begin + PIECE as u64)));
    let mut pieces = futures::stream::iter(pieces).buffered(PIECES);
    let mut upload = WriteMultipart::new_with_chunk_size(to.multipart(key).await?, PIECE);
    while let Some(piece) = pieces.next().await {
        let sent = match piece {
            Ok(piece) => {
                upload.put(piece);
                upload.wait_for_capacity(PIECES).await.map_err(|error| to.failed(key, &error))
            }
            Err(error) => Err(error),
        };
        if let Err(error) = sent {
            let _leftover = upload.abort().await;
            return Err(error);
        }
    }
    upload.finish().await.map_err(|error| to.failed(key, &error))?;
    cut_short(key, to.size(key).await?, size).map(|()| None)
}

fn cut_short(key: &Path, found: u64, size: u64) -> Result<(), Error> {
    if found == size {
        return Ok(());
    }
    let reason = format!("{found} bytes of it went over, and it was listed with {size}");
    Err(Error::Damaged { object: key.to_string(), reason })
}
