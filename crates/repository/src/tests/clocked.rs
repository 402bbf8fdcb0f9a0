//! A store with a clock of its own, which fails at one operation, refuses some deletions, or lets something else happen in
//! between.

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::*;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// What goes wrong at one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not done.
    Lost,
    /// It is done, and nobody hears of it.
    Unheard,
}

/// Something that happens right before an operation.
pub(super) type Happening = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

#[derive(Clone, Debug)]
pub(super) struct Clocked(Arc<Mutex<State>>);

struct State {
    inner: Arc<InMemory>,
    written: HashMap<Path, Timestamp>,
    now: Timestamp,
    /// Operations since counting was begun; `None` while they are not counted.
    count: Option<usize>,
    fault: Option<(usize, Fault)>,
    happenings: VecDeque<(usize, Happening)>,
    locked: Option<(String, &'static str)>,
    hidden: Option<String>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("state")
    }
}

impl fmt::Display for Clocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("clocked")
    }
}

/// What a store holds, to be put back.
pub(super) struct Saved(InMemory, HashMap<Path, Timestamp>, Timestamp);

impl Clocked {
    pub(super) fn new(now: &str) -> Arc<Self> {
        Arc::new(Self(Arc::new(Mutex::new(State {
            inner: Arc::default(),
            written: HashMap::new(),
            now: now.parse().unwrap(),
            count: None,
            fault: None,
            happenings: VecDeque::new(),
            locked: None,
            hidden: None,
        }))))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn inner(&self) -> Arc<InMemory> {
        self.state().inner.clone()
    }

    pub(super) fn save(&self) -> Saved {
        let state = self.state();
        Saved(state.inner.fork(), state.written.clone(), state.now)
    }

    pub(super) fn put_back(&self, saved: &Saved) {
        let mut state = self.state();
        state.inner = Arc::new(saved.0.fork());
        state.written.clone_from(&saved.1);
        state.now = saved.2;
    }

    pub(super) fn now(&self) -> Timestamp {
        self.state().now
    }

    pub(super) fn is(&self, now: &str) {
        self.state().now = now.parse().unwrap();
    }

    pub(super) fn pass(&self, minutes: i64) {
        let mut state = self.state();
        state.now += SignedDuration::from_mins(minutes);
    }

    /// Counts from here on.
    pub(super) fn begin(&self, fault: Option<(usize, Fault)>, happenings: Vec<(usize, Happening)>) {
        let mut state = self.state();
        (state.count, state.fault, state.happenings) = (Some(0), fault, happenings.into());
    }

    /// Stops counting: how many operations there were, and what has not happened.
    pub(super) fn end(&self) -> (usize, Vec<Happening>) {
        let mut state = self.state();
        state.fault = None;
        let left = std::mem::take(&mut state.happenings).into_iter().map(|(_, it)| it).collect();
        (state.count.take().unwrap_or_default(), left)
    }

    /// Keys with this in them cannot be removed; the store says so with this text.
    pub(super) fn locks(&self, part: &str, said: &'static str) {
        self.state().locked = Some((part.to_owned(), said));
    }

    /// Keys with this in them are in no list.
    pub(super) fn hides(&self, part: &str) {
        self.state().hidden = Some(part.to_owned());
    }

    /// All keys, in order.
    pub(super) async fn keys(&self) -> Vec<String> {
        let listed = self.inner().list(None).map_ok(|meta| meta.location.to_string());
        let mut keys: Vec<String> = listed.try_collect().await.unwrap();
        keys.sort();
        keys
    }

    pub(super) async fn write(&self, key: &str, bytes: &'static str) {
        self.put_opts(&Path::from(key), bytes.into(), PutOptions::default())
            .await
            .unwrap();
    }

    /// Before each operation. Whether its answer is lost.
    async fn operation(&self) -> Result<bool> {
        let number = {
            let mut state = self.state();
            let Some(count) = state.count.as_mut() else {
                return Ok(false);
            };
            *count += 1;
            *count - 1
        };
        loop {
            let due = {
                let mut state = self.state();
                match state.happenings.front() {
                    Some((at, _)) if *at <= number => state.happenings.pop_front(),
                    _ => None,
                }
            };
            let Some((_, happening)) = due else { break };
            // Its own operations are not counted.
            let counted = self.state().count.take();
            happening().await;
            self.state().count = counted;
        }
        match self.state().fault {
            Some((at, Fault::Lost)) if at == number => Err(lost()),
            Some((at, Fault::Unheard)) => Ok(at == number),
            _ => Ok(false),
        }
    }
}

fn lost() -> Error {
    let source = std::io::Error::new(std::io::ErrorKind::TimedOut, "operation timed out").into();
    Error::Generic { store: "clocked", source }
}

fn heard<T>(unheard: bool, answer: Result<T>) -> Result<T> {
    if unheard { Err(lost()) } else { answer }
}

#[async_trait]
impl ObjectStore for Clocked {
    async fn put_opts(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let unheard = self.operation().await?;
        let done = self.inner().put_opts(at, payload, opts).await;
        if done.is_ok() {
            let mut state = self.state();
            let now = state.now;
            state.written.insert(at.clone(), now);
        }
        heard(unheard, done)
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(lost())
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let unheard = self.operation().await?;
        heard(unheard, self.inner().get_opts(at, options).await)
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let me = self.clone();
        at.then(move |path| {
            let me = me.clone();
            async move {
                let path = path?;
                let unheard = me.operation().await?;
                let locked = me.state().locked.clone();
                if let Some((_, said)) = locked.filter(|(part, _)| path.as_ref().contains(part)) {
                    return Err(Error::PermissionDenied { path: path.to_string(), source: said.into() });
                }
                heard(unheard, me.inner().delete(&path).await.map(|()| path))
            }
        })
        .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (me, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            let unheard = me.operation().await?;
            let mut all: Vec<ObjectMeta> = me.inner().list(prefix.as_ref()).try_collect().await?;
            let state = me.state();
            all.retain(|meta| state.hidden.as_ref().is_none_or(|part| !meta.location.as_ref().contains(part)));
            for meta in &mut all {
                let written = state.written.get(&meta.location).copied().unwrap_or(state.now);
                meta.last_modified = SystemTime::from(written).into();
            }
            heard(unheard, Ok(futures::stream::iter(all.into_iter().map(Ok))))
        };
        futures::stream::once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let unheard = self.operation().await?;
        heard(unheard, self.inner().list_with_delimiter(prefix).await)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner().copy_opts(from, to, options).await
    }
}
