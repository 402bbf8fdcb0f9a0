//! A store that fails, lies or forgets, in one way at a time.

mod pieces;

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::*;
use pieces::Losing;
use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Habit {
    Honest,
    /// Nothing is answered; nothing is done.
    Down,
    /// Nothing is answered, and no error comes either.
    Silent,
    /// Every answer takes so long.
    Slow(Duration),
    /// One request in three fails, by this seed: half of them before anything is done, half of them after.
    FailsNowAndThen(u64),
    /// It has no room for anything new.
    Full,
    /// It may be read only.
    ReadOnly,
    /// It may be read and written, and nothing may be deleted.
    RefusesDeletes,
    /// What is written is said to be stored, and is not.
    OnlySays,
    /// What is created is created; the answer is lost.
    LosesAnswers,
    /// The client hears the answer to its second request of the same create.
    AnswersTheSecond,
    /// It says that everything exists, and it does not.
    SaysExists,
    /// It says so of the first of several creations, as if somebody else were writing who then does not.
    SaysExistsAtFirst,
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
    /// What is listed is what there was when this began.
    ListsLate,
    /// What is deleted stays.
    Keeps,
}

/// Objects and their bytes.
type Content = BTreeMap<Path, bytes::Bytes>;

#[derive(Debug)]
pub(super) struct Odd {
    pub(super) inner: Arc<InMemory>,
    state: Mutex<Odds>,
}

#[derive(Debug)]
struct Odds {
    habit: Habit,
    /// What there was when the habit began, for [`Habit::ListsLate`].
    late: InMemory,
    /// What a crash leaves.
    synced: Content,
    random: u64,
    /// Requests under way, and the most that there were.
    under_way: (usize, usize),
    creations: usize,
}

impl Odd {
    pub(super) fn new() -> Arc<Self> {
        let state = Odds {
            habit: Habit::Honest,
            late: InMemory::new(),
            synced: Content::new(),
            random: 0,
            under_way: (0, 0),
            creations: 0,
        };
        Arc::new(Self { inner: Arc::default(), state: Mutex::new(state) })
    }

    pub(super) fn becomes(&self, habit: Habit) {
        let mut state = self.state.lock().unwrap();
        state.habit = habit;
        state.late = self.inner.fork();
        state.creations = 0;
        if let Habit::FailsNowAndThen(seed) = habit {
            state.random = seed;
        }
    }

    /// The most requests that were under way at once.
    pub(super) fn most_at_once(&self) -> usize {
        self.state.lock().unwrap().under_way.1
    }

    /// What is there now is on the disk, and outlives a crash.
    pub(super) async fn sync(&self) {
        let content = self.content().await;
        self.state.lock().unwrap().synced = content;
    }

    /// Forgets what was not synced: writes and deletions alike.
    pub(super) async fn crash(&self) {
        let synced = self.state.lock().unwrap().synced.clone();
        for key in self.content().await.into_keys() {
            self.inner.delete(&key).await.unwrap();
        }
        for (key, bytes) in synced {
            self.inner.put(&key, bytes.into()).await.unwrap();
        }
    }

    async fn content(&self) -> Content {
        let listed: Vec<ObjectMeta> = self.inner.list(None).try_collect().await.unwrap();
        let mut content = Content::new();
        for meta in listed {
            let bytes = self.inner.get(&meta.location).await.unwrap().bytes().await.unwrap();
            content.insert(meta.location, bytes);
        }
        content
    }

    fn habit(&self) -> Habit {
        self.state.lock().unwrap().habit
    }

    fn is(&self, habit: Habit) -> bool {
        self.habit() == habit
    }

    /// One of six, by the seed.
    fn chance(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        state.random = state
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state.random >> 33).is_multiple_of(6)
    }

    /// Before anything is done. What it returns ends with the request.
    async fn begin(&self) -> Result<UnderWay<'_>> {
        let under_way = UnderWay::new(self);
        match self.habit() {
            Habit::Down => Err(lost()),
            Habit::Silent => futures::future::pending().await,
            Habit::Slow(pause) => {
                ambient::sleep(pause).await;
                Ok(under_way)
            }
            Habit::FailsNowAndThen(_) if self.chance() => Err(lost()),
            _ => Ok(under_way),
        }
    }

    /// After all was done.
    fn end<T>(&self, done: T) -> Result<T> {
        match self.habit() {
            Habit::FailsNowAndThen(_) if self.chance() => Err(lost()),
            _ => Ok(done),
        }
    }

    fn writable(&self) -> Result<()> {
        match self.habit() {
            Habit::Full => Err(of_kind(ErrorKind::StorageFull)),
            Habit::ReadOnly => Err(refused("it is read-only")),
            _ => Ok(()),
        }
    }

    /// Whether a creation is to be told that the object exists.
    fn says_exists(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        state.creations += 1;
        match state.habit {
            Habit::SaysExists => true,
            Habit::SaysExistsAtFirst => state.creations == 1,
            _ => false,
        }
    }
}

fn refused(why: &'static str) -> Error {
    Error::PermissionDenied { path: String::new(), source: why.into() }
}

/// A request, counted as long as it lasts.
struct UnderWay<'a>(&'a Odd);

impl<'a> UnderWay<'a> {
    fn new(odd: &'a Odd) -> Self {
        let mut state = odd.state.lock().unwrap();
        let now = state.under_way.0 + 1;
        state.under_way = (now, now.max(state.under_way.1));
        Self(odd)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().under_way.0 -= 1;
    }
}

fn lost() -> Error {
    let source = std::io::Error::new(ErrorKind::TimedOut, "operation timed out").into();
    Error::Generic { store: "odd", source }
}

fn of_kind(kind: ErrorKind) -> Error {
    Error::Generic { store: "odd", source: std::io::Error::from(kind).into() }
}

fn exists(path: &Path) -> Error {
    Error::AlreadyExists { path: path.to_string(), source: "it exists".into() }
}

fn said() -> PutResult {
    PutResult { e_tag: None, version: None, extensions: Default::default() }
}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("odd")
    }
}

#[async_trait]
impl ObjectStore for Odd {
    async fn put_opts(&self, at: &Path, payload: PutPayload, mut opts: PutOptions) -> Result<PutResult> {
        let _counted = self.begin().await?;
        self.writable()?;
        let create = opts.mode == PutMode::Create;
        if create && self.says_exists() {
            return Err(exists(at));
        }
        if self.is(Habit::IgnoresConditions) {
            opts.mode = PutMode::Overwrite;
        }
        if self.is(Habit::OnlySays) {
            return Ok(said());
        }
        let payload = if self.is(Habit::CutsPuts) {
            let whole: Vec<u8> = payload.iter().flatten().copied().collect();
            whole[..whole.len() - 1].to_vec().into()
        } else {
            payload
        };
        let done = self.inner.put_opts(at, payload, opts).await?;
        match self.habit() {
            Habit::LosesAnswers => Err(lost()),
            Habit::AnswersTheSecond if create => Err(exists(at)),
            _ => self.end(done),
        }
    }

    async fn put_multipart_opts(&self, at: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let _counted = self.begin().await?;
        self.writable()?;
        let upload = self.inner.put_multipart_opts(at, opts).await?;
        if self.is(Habit::LosesPieces) {
            Ok(Box::new(Losing::of(upload)))
        } else {
            Ok(upload)
        }
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let _counted = self.begin().await?;
        let ranged = options.range.is_some();
        let found = self.inner.get_opts(at, options).await?;
        if ranged && self.is(Habit::CutsRanges) {
            return pieces::half(found).await;
        }
        self.end(found)
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match self.habit() {
            Habit::Keeps => at,
            Habit::RefusesDeletes => futures::stream::iter([Err(refused("nothing is deleted here"))]).boxed(),
            Habit::Down => futures::stream::iter([Err(lost())]).boxed(),
            Habit::FailsNowAndThen(_) if self.chance() => futures::stream::iter([Err(lost())]).boxed(),
            _ => match self.writable() {
                // A full store can be made emptier.
                Err(error @ Error::PermissionDenied { .. }) => futures::stream::iter([Err(error)]).boxed(),
                _ => self.inner.delete_stream(at),
            },
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.habit() {
            Habit::HidesLists => futures::stream::empty().boxed(),
            Habit::ListsLate => self.state.lock().unwrap().late.list(prefix),
            Habit::Down => futures::stream::iter([Err(lost())]).boxed(),
            Habit::FailsNowAndThen(_) if self.chance() => futures::stream::iter([Err(lost())]).boxed(),
            _ => self.inner.list(prefix),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let _counted = self.begin().await?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let _counted = self.begin().await?;
        self.writable()?;
        self.inner.copy_opts(from, to, options).await
    }
}
