//! Which entries count, and what a new holder makes of what it finds.

use super::super::counting::Reach;
use super::shelf::{Clock, Shelf};
use super::*;
use Verdict::{Counts, Never, Open};

/// An entry as [`position`] has it.
fn entry(number: u64, epoch: u64) -> Entry {
    Entry { number, epoch: Epoch(epoch), hash: position(number).hash }
}

fn judged(record: &Record, entries: &[(u64, u64)]) -> Vec<Verdict> {
    let entries: Vec<_> = entries.iter().map(|(number, epoch)| entry(*number, *epoch)).collect();
    counting(Some(record), "s", &entries)
}

fn with(number: u64, epoch: u64, accepts: Vec<Acceptance>) -> Record {
    let mut record = record(number, epoch);
    record.accepted = accepts.last().map(|last| last.epoch);
    record.accepts.insert("s".to_owned(), accepts);
    record
}

#[test]
fn nothing_of_an_older_epoch_counts_behind_what_was_accepted() {
    let record = with(9, 7, vec![acceptance(3, Some(1)), acceptance(7, Some(4))]);
    let entries = [(0, 1), (1, 1), (2, 1), (3, 3), (4, 3), (5, 3), (6, 7), (7, 1), (8, 7)];
    assert_eq!(
        judged(&record, &entries),
        [Counts, Counts, Never, Counts, Counts, Never, Counts, Never, Counts]
    );
}

#[test]
fn what_a_takeover_has_yet_to_decide_is_open() {
    let mut record = with(12, 12, vec![acceptance(7, Some(4))]);
    assert_eq!(judged(&record, &[(4, 3), (5, 3), (5, 7), (6, 12)]), [Counts, Never, Open, Open]);
    record.accepted = None;
    record.accepts.clear();
    assert_eq!(judged(&record, &[(0, 1)]), [Open]);
    assert_eq!(counting(None, "s", &[entry(0, 1)]), [Open]);
}

#[test]
fn an_entry_from_later_than_the_record_is_open() {
    let record = with(9, 7, vec![acceptance(7, Some(4))]);
    assert_eq!(judged(&record, &[(5, 10)]), [Open]);
}

#[test]
fn a_stream_that_nobody_knew_of_had_nothing_to_accept() {
    assert_eq!(judged(&record(9, 7), &[(0, 3), (1, 7)]), [Never, Counts]);
}

#[test]
fn what_stands_where_another_was_accepted_does_not_count() {
    let record = with(9, 7, vec![acceptance(7, Some(4))]);
    let other = Entry { hash: hash(b"other"), ..entry(4, 3) };
    assert_eq!(counting(Some(&record), "s", &[other]), [Never]);
    // Number 3 was there before epoch 7 began.
    assert_eq!(judged(&record, &[(3, 7)]), [Never]);
}

fn reach(accepts: Vec<Acceptance>, floor: u64, there: &[u64]) -> Reach {
    Reach::new(&with(20, 20, accepts), "s", Numbers { floor, there: there.to_vec() })
}

#[test]
fn a_new_holder_looks_at_what_is_behind_the_accepted_up_to_the_first_gap() {
    assert_eq!(reach(vec![], 0, &[2, 0, 1, 4]).after, [0, 1, 2]);
    assert_eq!(reach(vec![], 0, &[1, 2]).after, [0; 0]);
    assert_eq!(reach(vec![acceptance(3, Some(1))], 0, &[0, 1, 2, 3]).after, [2, 3]);
    assert_eq!(reach(vec![acceptance(3, Some(1))], 0, &[0, 1, 3]).after, [0; 0]);
    // The front was removed, and something shows below the floor again.
    assert_eq!(reach(vec![acceptance(3, Some(1))], 40, &[2, 40, 41]).after, [40, 41]);
}

#[test]
fn acceptances_are_kept_as_long_as_they_cut_something_off() {
    let two = || vec![acceptance(3, Some(1)), acceptance(7, Some(4))];
    let there: Vec<_> = (0..9).collect();
    let after = |last: Option<u64>, cut| reach(two(), 0, &there).accept(Epoch(20), last.map(position), cut);
    // Nothing new: the newer epoch says the same.
    assert_eq!(after(None, false), [acceptance(3, Some(1)), acceptance(20, Some(4))]);
    assert_eq!(after(Some(8), false), [acceptance(3, Some(1)), acceptance(20, Some(8))]);
    assert_eq!(
        after(Some(8), true),
        [acceptance(3, Some(1)), acceptance(7, Some(4)), acceptance(20, Some(8))]
    );
    let removed = |floor| reach(two(), floor, &there).accept(Epoch(20), Some(position(8)), true);
    assert_eq!(removed(4).len(), 3);
    assert_eq!(removed(5), [acceptance(7, Some(4)), acceptance(20, Some(8))]);
    assert_eq!(reach(vec![], 0, &[]).accept(Epoch(20), None, false), [acceptance(20, None)]);
}

#[tokio::test]
async fn a_takeover_reads_few_entries() {
    let (shelf, clock) = (Shelf::default(), Clock::default());
    let lease = shelf.lease("main-1", &clock);
    lease.release(lease.acquire().await.unwrap()).await.unwrap();
    for number in 0..1000 {
        shelf.plant("s", number, if number == 5 || number == 999 { 0 } else { 1 }, "x");
    }
    let tenure = lease.acquire().await.unwrap();
    let accepts = &tenure.record().accepts["s"];
    // Entry 5 came too late for epoch 1, and so did the last one.
    let last = Some(Position { number: 998, hash: hash(b"x") });
    assert_eq!(
        accepts,
        &[
            Acceptance { epoch: Epoch(1), last: None },
            Acceptance { epoch: Epoch(4), last }
        ]
    );
    let read = shelf.with(|content| std::mem::take(&mut content.entries_read));
    assert_eq!(read.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5, 998, 999]);
    let counted = lease.counted("s").await.unwrap();
    let refused: Vec<_> = counted
        .iter()
        .filter(|(_, verdict)| *verdict != Counts)
        .map(|(e, _)| e.number)
        .collect();
    assert_eq!(refused, [5, 999]);
}
