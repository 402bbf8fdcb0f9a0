//! Whenever the power fails while segments are appended, the file is at one of the revisions that it came by, by hash.

use super::*;
use crate::bbolt::editor::power::{Power, rng};
use crate::history::{Pack, SegmentHeader};

/// The segments of a history as they are appended.
fn appended(history: &made::History) -> Vec<(Pack, SegmentHeader)> {
    let objects = history.objects.0.iter().skip(1);
    let packs = objects.map(|(name, bytes)| Pack::open(name, Arc::new(bytes.clone())).unwrap());
    packs
        .map(|pack| (pack.header().segment().unwrap().clone(), pack))
        .map(|(header, pack)| (pack, header))
        .collect()
}

/// A file of the history's base.
fn begun(history: &made::History) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f");
    let (memory, shelf) = shelf();
    memory.put(history.objects.0.first());
    Follower::open(&path).unwrap().advance(&shelf).unwrap();
    std::fs::read(path.join("db")).unwrap()
}

fn opened(disk: &Arc<Power>) -> Followed<Power> {
    Followed::open("db", Arc::clone(disk)).unwrap().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_never_wrong(history in histories().prop_filter("a gap is not appended", |it| it.packs.segments().iter().all(|it| matches!(it.name(), Name::Segment(it) if it.is_complete()))), seed: u64) {
        let (begun, segments) = (begun(&history), appended(&history));
        let all = Arc::new(Power::new(begun.clone(), None));
        let mut file = opened(&all);
        let mut positions = vec![file.position().clone()];
        for segment in &segments {
            file.append(std::slice::from_ref(segment)).unwrap();
            positions.push(file.position().clone());
        }
        let mut rng = rng(seed);
        for left in 0..all.count() {
            let disk = Arc::new(Power::new(begun.clone(), Some(left)));
            let mut file = opened(&disk);
            let done = segments.iter().take_while(|it| file.append(std::slice::from_ref(it)).is_ok()).count();
            // The power is back.
            let disk = Arc::new(Power::new(disk.after(&mut rng), None));
            let mut file = opened(&disk);
            file.check().unwrap();
            let at = positions.iter().position(|it| it == file.position()).unwrap();
            prop_assert!(at == done || at == done + 1, "{} of {}", at, done);
            let (own, revision) = (file.source().unwrap(), file.position().revision);
            prop_assert_eq!(hash_kv(&own, revision, revision).unwrap(), hash_kv(&history.packs, revision, revision).unwrap());
            file.append(&segments[at..]).unwrap();
            file.check().unwrap();
            prop_assert_eq!(file.position(), positions.last().unwrap());
        }
    }
}
