//! What goes wrong with a part of an object.

use super::lost;
use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use object_store::*;

/// An upload of which only the first piece arrives.
#[derive(Debug)]
pub(super) struct Losing {
    upload: Box<dyn MultipartUpload>,
    pieces: usize,
}

impl Losing {
    pub(super) fn of(upload: Box<dyn MultipartUpload>) -> Self {
        Self { upload, pieces: 0 }
    }
}

#[async_trait]
impl MultipartUpload for Losing {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.pieces += 1;
        if self.pieces > 1 {
            futures::future::err(lost()).boxed()
        } else {
            self.upload.put_part(data)
        }
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.upload.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}

/// The first half of what was asked for.
pub(super) async fn half(found: GetResult) -> Result<GetResult> {
    let (range, meta) = (found.range.clone(), found.meta.clone());
    let attributes = found.attributes.clone();
    let whole = found.bytes().await?;
    let half = whole.slice(..whole.len() / 2);
    Ok(GetResult {
        payload: GetResultPayload::Stream(futures::stream::iter([Ok(half)]).boxed()),
        meta,
        range,
        attributes,
        extensions: Default::default(),
    })
}
