//! A store that fails, lies or forgets, in one way at a time.

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::*;
use std::fmt;
use std::sync::{Arc, Mutex};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    Honest,
    /// Nothing is answered; nothing is done.
    Down,
    /// What is created is created; the answer is lost.
    LosesAnswers,
    /// The client hears the answer to its second request of the same create.
    AnswersTheSecond,
    /// It says that everything exists, and it does not.
    SaysExists,
    /// "Only if absent" is ignored.
    IgnoresConditions,
    /// The last byte of what is written is lost.
    CutsPuts,
    /// All pieces of a large object but the first are lost on the way.
    LosesPieces,
    /// Half of a range is given.
    CutsRanges,
    /// Nothing is listed.
    HidesLists,
    /// What is deleted stays.
    Keeps,
}

#[derive(Debug)]
pub(super) struct Odd {
    pub(super) inner: Arc<InMemory>,
    habit: Mutex<Habit>,
}

impl Odd {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { inner: Arc::default(), habit: Mutex::new(Habit::Honest) })
    }

    pub(super) fn becomes(&self, habit: Habit) {
        *self.habit.lock().unwrap() = habit;
    }

    fn is(&self, habit: Habit) -> bool {
        *self.habit.lock().unwrap() == habit
    }

    fn answers(&self) -> Result<()> {
        if self.is(Habit::Down) { Err(lost()) } else { Ok(()) }
    }
}

fn lost() -> Error {
    let source = std::io::Error::new(std::io::ErrorKind::TimedOut, "operation timed out").into();
    Error::Generic { store: "odd", source }
}

fn exists(path: &Path) -> Error {
    Error::AlreadyExists { path: path.to_string(), source: "it exists".into() }
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("odd")
    }
}

#[async_trait]
impl ObjectStore for Odd {
    async fn put_opts(&self, at: &Path, payload: PutPayload, mut opts: PutOptions) -> Result<PutResult> {
        self.answers()?;
        let create = opts.mode == PutMode::Create;
        if create && self.is(Habit::SaysExists) {
            return Err(exists(at));
        }
        if self.is(Habit::IgnoresConditions) {
            opts.mode = PutMode::Overwrite;
        }
        let payload = if self.is(Habit::CutsPuts) {
            let whole: Vec<u8> = payload.iter().flatten().copied().collect();
            whole[..whole.len() - 1].to_vec().into()
        } else {
            payload
        };
        let done = self.inner.put_opts(at, payload, opts).await?;
        match *self.habit.lock().unwrap() {
            Habit::LosesAnswers => Err(lost()),
            Habit::AnswersTheSecond if create => Err(exists(at)),
            _ => Ok(done),
        }
    }

    async fn put_multipart_opts(&self, at: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.answers()?;
        let upload = self.inner.put_multipart_opts(at, opts).await?;
        if self.is(Habit::LosesPieces) {
            Ok(Box::new(Losing { upload, pieces: 0 }))
        } else {
            Ok(upload)
        }
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        self.answers()?;
        let ranged = options.range.is_some();
        let mut found = self.inner.get_opts(at, options).await?;
        if ranged && self.is(Habit::CutsRanges) {
            let (range, meta) = (found.range.clone(), found.meta.clone());
            let attributes = found.attributes.clone();
            let whole = found.bytes().await?;
            let half = whole.slice(..whole.len() / 2);
            let payload = GetResultPayload::Stream(futures::stream::iter([Ok(half)]).boxed());
            found = GetResult {
                payload,
                meta,
                range,
                attributes,
                extensions: Default::default(),
            };
        }
        Ok(found)
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.is(Habit::Keeps) {
            at
        } else {
            self.inner.delete_stream(at)
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.is(Habit::HidesLists) {
            return futures::stream::empty().boxed();
        }
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.answers()?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// An upload of which only the first piece arrives.
#[derive(Debug)]
struct Losing {
    upload: Box<dyn MultipartUpload>,
    pieces: usize,
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
