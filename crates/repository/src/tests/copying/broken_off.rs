//! A copy that breaks off after each operation in turn, while FROM goes on.

use super::*;
use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::{
    CopyOptions as StoreCopy, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A store that refuses to write after so many writes.
#[derive(Debug)]
struct Ending {
    inner: Arc<InMemory>,
    left: AtomicUsize,
}

impl Ending {
    fn takes(&self) -> Result<()> {
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let source = || std::io::Error::new(std::io::ErrorKind::TimedOut, "operation timed out").into();
        left.map(drop)
            .map_err(|_none| object_store::Error::Generic { store: "ending", source: source() })
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ending")
    }
}

#[async_trait]
impl ObjectStore for Ending {
    async fn put_opts(&self, at: &Key, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.takes()?;
        self.inner.put_opts(at, payload, options).await
    }

    async fn put_multipart_opts(&self, at: &Key, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Key, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(at, options).await
    }

    fn delete_stream(&self, at: BoxStream<'static, Result<Key>>) -> BoxStream<'static, Result<Key>> {
        match self.takes() {
            Ok(()) => self.inner.delete_stream(at),
            Err(error) => futures::stream::iter([Err(error)]).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: StoreCopy) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn a_copy_that_broke_off_anywhere_is_a_repository_and_goes_on() {
    let full = Full::new().await;
    let inner = Arc::new(InMemory::new());
    let mut rounds = 0;
    loop {
        // One more write each time, and then no more; what was written stays.
        let ending = Arc::new(Ending { inner: inner.clone(), left: AtomicUsize::new(1) });
        let done = copy(&full.repository, &opened_on(ending, &full.key), &CopyOptions::default(), &|_| {}).await;
        let report = opened_on(inner.clone(), &full.key)
            .check(&CheckOptions::default(), &|_| {})
            .await;
        let report = report.unwrap();
        let harmful: Vec<_> = report
            .faults
            .iter()
            .filter(|it| it.severity == crate::Severity::Damage)
            .collect();
        // Before the keyrings and the writers there is nothing to open.
        let trusted = rounds < 4
            && harmful
                .iter()
                .all(|it| it.object.contains("/keys/") || it.object.contains("/writers"));
        assert!(harmful.is_empty() || trusted, "after {rounds}: {harmful:#?}");
        rounds += 1;
        match done {
            Ok(_) => break,
            Err(error) => assert!(matches!(error, Error::Unreachable { .. }), "{error}"),
        }
        assert!(rounds < 100);
    }
    assert!(rounds > 20, "{rounds}");
    let read = full.read(&full.anew()).await;
    let copied = full.read(&opened_on(inner, &full.key)).await;
    let differing = checking::silently(&read, &copied);
    assert_eq!(differing, ["copy".to_owned()].into());
}

#[tokio::test]
async fn a_removal_that_broke_off_anywhere_leaves_a_repository_and_goes_on() {
    let full = Full::new().await;
    let inner = Arc::new(InMemory::new());
    copy(&full.repository, &opened_on(inner.clone(), &full.key), &CopyOptions::default(), &|_| {})
        .await
        .unwrap();
    full.repository.remove(&cluster(), &id(1)).await.unwrap();
    for number in 3..30 {
        full.repository.put_kit(&kit(&format!("kit {number}"))).await.unwrap();
    }
    let remove = CopyOptions { remove: true, ..CopyOptions::default() };
    for round in 0..200 {
        let ending = Arc::new(Ending { inner: inner.clone(), left: AtomicUsize::new(3) });
        let done = copy(&full.repository, &opened_on(ending, &full.key), &remove, &|_| {}).await;
        let report = opened_on(inner.clone(), &full.key)
            .check(&CheckOptions::default(), &|_| {})
            .await
            .unwrap();
        assert!(report.sound(), "after {round}: {:#?}", report.faults);
        if done.is_ok() {
            let kits = opened_on(inner, &full.key)
                .shared
                .store
                .list(&Key::from("shared/kit"))
                .await
                .unwrap();
            assert_eq!(kits.len(), 21);
            return;
        }
    }
    panic!("it never ends");
}
