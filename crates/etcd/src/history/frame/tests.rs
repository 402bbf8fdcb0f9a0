use super::*;
use proptest::prelude::*;

fn stored(role: Role, count: u64, revisions: (u64, u64)) -> StoredFrame {
    StoredFrame {
        role,
        offset: 8,
        stored: 0,
        raw: 0,
        count,
        hash: [0; 32],
        first_key: Bytes::new(),
        last_key: Bytes::new(),
        first_revision: revisions.0,
        last_revision: revisions.1,
        dictionary: None,
    }
}

fn record(main: u64, sub: u32, value: &[u8]) -> Record {
    Record {
        revision: Revision { main, sub },
        tombstone: sub == 1,
        value: Bytes::copy_from_slice(value),
    }
}

fn read(role: Role, count: u64, bytes: &[u8]) -> Result<Vec<Record>, String> {
    let frame = stored(role, count, (5, 300));
    let records = Records::new("it", 2, &frame, Bytes::copy_from_slice(bytes));
    records.collect::<Result<_, _>>().map_err(|e| e.to_string())
}

#[test]
fn records_stand_as_the_manual_says() {
    let mut raw = Raw::new(Role::Changes, Vec::new());
    let records = [record(300, 0, b"xyz"), record(300, 1, b""), record(301, 0, b"z")];
    records.iter().for_each(|it| raw.record(it));
    assert_eq!(raw.bytes, [0xd8, 4, 0, 3, b'x', b'y', b'z', 0, 3, 0, 2, 0, 1, b'z']);
    assert_eq!((raw.count, raw.first_revision, raw.last_revision), (3, 300, 301));
}

#[test]
fn a_large_thing_gets_a_frame_of_its_own() {
    let mut raw = Raw::new(Role::Changes, Vec::new());
    assert!(!raw.parts_before(FRAME_BYTES));
    raw.record(&record(5, 0, b"small"));
    assert!(raw.parts_before(FRAME_BYTES) && !raw.parts_before(FRAME_BYTES - 1));
    raw.record(&record(6, 0, &vec![0; FRAME_BYTES - 1]));
    assert!(raw.is_full());
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (bytes, count, why) in [
        (vec![10, 0, 1], 1, "frame 2, byte 0: a field is longer than its frame"),
        (vec![10, 0, 0], 2, "frame 2, byte 3: it ends within a number"),
        (vec![10, 0, 0, 0], 1, "frame 2, byte 3: there is more in the frame than its records"),
        (vec![9, 0, 0], 1, "its revision is negative or too large"),
        (vec![2, 0, 0], 1, "revision 1.0 is not among those of its frame"),
        (vec![0xda, 4, 0, 0], 1, "revision 301.0 is not among those of its frame"),
        (vec![10, 0, 0, 0, 0, 0], 2, "frame 2, byte 3: revision 5.0 is not above the one before it"),
        (vec![12, 0, 0, 1, 0, 0], 2, "revision 5.0 is not above the one before it"),
        (vec![10, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0], 1, "its second number is too large"),
    ] {
        let told = read(Role::Changes, count, &bytes).unwrap_err();
        assert!(told.starts_with("it is damaged at frame 2") && told.contains(why), "{told}, not {why}");
    }
}

#[test]
fn live_records_are_puts_in_key_order() {
    let live = |records: &[(u64, bool, &[u8])]| {
        let mut raw = Raw::new(Role::Live, Vec::new());
        for &(main, tombstone, value) in records {
            raw.record(&Record { tombstone, ..record(main, 0, value) });
        }
        read(Role::Live, raw.count, &raw.bytes)
    };
    assert_eq!(live(&[(300, false, b"\x0a\x01a"), (5, false, b"\x0a\x01b")]).unwrap().len(), 2);
    assert!(
        live(&[(5, false, b"\x0a\x01b"), (6, false, b"\x0a\x01a")])
            .unwrap_err()
            .contains("key a is not above")
    );
    assert!(live(&[(5, false, b"\x0a\x01b"), (6, false, b"\x0a\x01b")]).is_err());
    assert!(live(&[(5, true, b"\x0a\x01b")]).unwrap_err().contains("no live record"));
    // As `etcdutl snapshot restore --bump-revision` leaves one behind; it comes first, and once.
    assert_eq!(live(&[(6, false, b""), (5, false, b"\x0a\x01b")]).unwrap().len(), 2);
    assert!(live(&[(5, false, b""), (6, false, b"")]).is_err());
}

#[test]
fn nothing_comes_after_an_error() {
    let frame = stored(Role::Changes, 2, (5, 10));
    let mut records = Records::new("it", 0, &frame, Bytes::from_static(&[2, 0, 0, 10, 0, 0]));
    assert!(records.next().unwrap().is_err());
    assert!(records.next().is_none());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), count in any::<u64>()) {
        for role in [Role::Live, Role::Changes] {
            let _ = read(role, count, &bytes);
        }
        let gone = Gone::new("it", 0, &stored(Role::Gone, count, (0, 0)), bytes.into());
        prop_assert!(gone.take(1000).count() <= 101);
    }
}
