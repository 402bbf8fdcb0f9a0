use super::*;
use crate::wire::ResponseHeader;
use proptest::prelude::*;

fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { cluster_id: 1, member_id: 2, revision, raft_term: 3 })
}

fn put(key: &'static str, main: u64) -> Event {
    let kv = KeyValue {
        key: Bytes::from_static(key.as_bytes()),
        create_revision: main,
        mod_revision: main,
        version: 1,
        value: Bytes::from_static(b"v"),
        lease: 0,
    };
    Event {
        r#type: EventType::Put.into(),
        kv: kv.encoded(),
        prev_kv: Bytes::new(),
    }
}

fn deletion(key: &'static str, main: u64) -> Event {
    let kv = KeyValue {
        key: Bytes::from_static(key.as_bytes()),
        mod_revision: main,
        ..KeyValue::default()
    };
    Event {
        r#type: EventType::Delete.into(),
        kv: kv.encoded(),
        prev_kv: Bytes::new(),
    }
}

fn answer(revision: i64, fragment: bool, events: Vec<Event>) -> WatchResponse {
    WatchResponse {
        header: header(revision),
        fragment,
        events,
        ..WatchResponse::default()
    }
}

fn records(heard: Result<Option<Heard>, String>) -> Vec<String> {
    match heard {
        Ok(Some(Heard::Changes { records, .. })) => records.iter().map(|record| format!("{record:?}")).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn places_in_a_transaction_are_counted_over_fragments() {
    let mut course = Course::from(5);
    let first = course.hear(answer(6, true, vec![put("a", 5), put("b", 5)]));
    assert!(matches!(first, Ok(Some(Heard::Changes { fragment: true, .. }))));
    assert_eq!(records(first), ["put of a at 5.0, 12 bytes", "put of b at 5.1, 12 bytes"]);
    let second = course.hear(answer(6, false, vec![deletion("c", 5), put("a", 6)]));
    assert!(matches!(second, Ok(Some(Heard::Changes { fragment: false, .. }))));
    assert_eq!(records(second), ["deletion of c at 5.2, 3 bytes", "put of a at 6.0, 12 bytes"]);
    assert_eq!(
        records(course.hear(answer(9, false, vec![deletion("a", 9)]))),
        ["deletion of a at 9.0, 3 bytes"]
    );
}

#[test]
fn records_are_what_etcd_stores() {
    let mut course = Course::from(1);
    let Ok(Some(Heard::Changes { records, header, .. })) =
        course.hear(answer(7, false, vec![put("a", 7), deletion("b", 7)]))
    else {
        panic!("no changes");
    };
    assert_eq!(header, Header { cluster_id: 1, member_id: 2, revision: 7, raft_term: 3 });
    assert_eq!(records[0].value, put("a", 7).kv);
    assert_eq!(records[1], Record::deletion(Revision { main: 7, sub: 1 }, Bytes::from_static(b"b")));
}

#[test]
fn what_came_before_the_first_wanted_revision_is_passed_over() {
    let mut course = Course::from(6);
    assert_eq!(course.hear(answer(5, false, vec![put("a", 5), put("b", 5)])), Ok(None));
    let next = answer(7, false, vec![put("c", 5), put("a", 6), put("b", 6), put("a", 7)]);
    assert_eq!(
        records(course.hear(next)),
        [
            "put of a at 6.0, 12 bytes",
            "put of b at 6.1, 12 bytes",
            "put of a at 7.0, 12 bytes"
        ]
    );
}

#[test]
fn answers_without_changes_say_what_they_are() {
    let mut course = Course::from(0);
    assert_eq!(course.hear(answer(40, false, Vec::new())), Ok(Some(Heard::Progress { revision: 40 })));
    // etcd's own have no revision in their header then.
    let compacted = WatchResponse {
        compact_revision: 30,
        canceled: true,
        ..answer(0, false, Vec::new())
    };
    assert_eq!(course.hear(compacted), Ok(Some(Heard::Compacted { compact_revision: 30 })));
    let canceled = WatchResponse {
        canceled: true,
        cancel_reason: "so\n".to_owned(),
        ..answer(40, false, Vec::new())
    };
    assert_eq!(course.hear(canceled), Ok(Some(Heard::Canceled { reason: "so".to_owned() })));
}

#[test]
fn what_makes_no_sense_is_refused_with_the_reason() {
    let unknown = Event { r#type: 7, ..put("a", 9) };
    let cases = [
        (answer(9, false, vec![put("a", 7)]), "revision 7 comes after 8"),
        (answer(9, false, vec![put("", 9)]), "the change at 9.0 has no key"),
        (answer(9, false, vec![unknown]), "the change at 9.0 is of an unknown kind"),
        (answer(-1, false, vec![put("a", 9)]), "its revision is negative"),
        (
            WatchResponse { header: None, ..answer(0, false, vec![put("a", 9)]) },
            "it names no cluster",
        ),
        (
            WatchResponse { created: true, ..answer(9, false, Vec::new()) },
            "it announces a watch that nobody asked for",
        ),
        (
            WatchResponse { compact_revision: -4, ..answer(9, false, Vec::new()) },
            "its compaction is at a negative revision",
        ),
    ];
    for (answer, why) in cases {
        let mut course = Course { from: 1, last: Some(Revision { main: 8, sub: 3 }) };
        assert_eq!(course.hear(answer), Err(why.to_owned()));
    }
    let mut full = Course { from: 1, last: Some(Revision { main: 8, sub: u32::MAX }) };
    assert_eq!(
        full.hear(answer(9, false, vec![put("a", 8)])),
        Err("a revision has too many changes".to_owned())
    );
}

proptest! {
    #[test]
    fn nothing_panics(
        events in proptest::collection::vec((any::<Vec<u8>>(), 0..3_i32), 0..4),
        revision: i64, compact_revision: i64, canceled: bool, created: bool, fragment: bool,
    ) {
        let events = events.into_iter().map(|(kv, kind)| Event { r#type: kind, kv: kv.into(), prev_kv: Bytes::new() });
        let mut course = Course::from(1);
        let _ = course.hear(WatchResponse {
            header: header(revision), compact_revision, canceled, created, fragment, events: events.collect(),
            ..WatchResponse::default()
        });
    }

    #[test]
    fn however_it_is_cut_the_places_are_the_same(
        counts in proptest::collection::vec(1..5_usize, 1..8), cuts in proptest::collection::vec(1..4_usize, 1..20),
    ) {
        let mains = counts.iter().enumerate().flat_map(|(at, &count)| std::iter::repeat_n(at as u64 + 2, count));
        let mut events: Vec<_> = mains.map(|main| put("k", main)).collect();
        let whole: Vec<_> = records(Course::from(1).hear(answer(99, false, events.clone())));
        let (mut course, mut pieces, mut cuts) = (Course::from(1), Vec::new(), cuts.into_iter().cycle());
        while !events.is_empty() {
            let rest = events.split_off(events.len().min(cuts.next().unwrap_or(1)));
            pieces.extend(records(course.hear(answer(99, !rest.is_empty(), std::mem::replace(&mut events, rest)))));
        }
        prop_assert_eq!(pieces, whole);
    }
}
