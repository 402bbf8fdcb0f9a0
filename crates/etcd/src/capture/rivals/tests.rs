use super::*;
use crate::history::{Directory, Put};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn segment(after: u64, link: u64) -> Name {
    name(&format!("t0001-seg-{after:020}-{:020}-{:016x}-{link:016x}", after + 1, link - 1))
}

#[tokio::test]
async fn only_what_others_capture_twice_in_a_row_counts() {
    let folder = tempfile::tempdir().unwrap();
    let shelf: Arc<dyn Shelf> = Arc::new(Directory::open(folder.path()).unwrap());
    let put = |name| assert_eq!(shelf.create(&name, &mut &b"anything"[..]).unwrap(), Put::Created);
    put(segment(1, 2));
    let mut rivals = Rivals::new(Arc::clone(&shelf), Duration::ZERO, shelf.list().unwrap());
    assert_eq!(rivals.look().await, None);
    // Its own, be it there already or still on its way.
    rivals.own(segment(2, 3));
    rivals.own(segment(3, 4));
    put(segment(2, 3));
    assert_eq!(rivals.look().await, None);
    put(segment(3, 4));
    // What merging makes.
    put(name(&format!("t0001-base-{:020}-{:016x}-merged-{:016x}", 3, 4, 99)));
    put(name(&format!("t0001-seg-{:020}-{:020}-{:016x}-{:016x}-merged-{:016x}", 1, 3, 1, 3, 98)));
    assert_eq!((rivals.look().await, rivals.suspicious), (None, false));
    // The last words of a process that was ending, then nothing.
    put(segment(4, 70));
    assert_eq!((rivals.look().await, rivals.suspicious), (None, true));
    assert_eq!((rivals.look().await, rivals.suspicious), (None, false));
    // One that goes on.
    put(segment(5, 71));
    assert_eq!(rivals.look().await, None);
    put(segment(6, 72));
    assert_eq!(rivals.look().await, Some(segment(6, 72)));
    assert!(rivals.own.is_empty());
}
