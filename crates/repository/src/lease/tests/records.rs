//! The form of a record, and what is not one.

use super::*;
use estate::Kind;
use proptest::prelude::*;
use std::time::Duration;

fn example() -> Record {
    let mut record = record(12, 9);
    record.floor = 8;
    record.writer = "k7xqbcdfghjmnpqrstvw".to_owned();
    record
        .accepts
        .insert("runs/000001".to_owned(), vec![acceptance(4, None), acceptance(9, Some(6))]);
    record
}

#[test]
fn a_record_is_this_json() {
    let text = String::from_utf8(example().to_bytes().unwrap()).unwrap();
    let digest = hash(&6_u64.to_be_bytes());
    assert_eq!(
        text,
        format!(
            "{{\"number\":12,\"epoch\":9,\"holder\":\"host 9\",\"writer\":\"k7xqbcdfghjmnpqrstvw\",\"ttlMs\":1000,\
             \"state\":\"held\",\"floor\":8,\"accepted\":9,\"accepts\":{{\"runs/000001\":[{{\"epoch\":4}},\
             {{\"epoch\":9,\"last\":{{\"number\":6,\"hash\":\"{digest}\"}}}}]}}}}"
        )
    );
    assert_eq!(Record::parse(12, text.as_bytes()).unwrap(), example());
    let first = Record::takeover(None, "main-1", "bcdf".to_owned(), 5000).unwrap();
    assert_eq!(
        String::from_utf8(first.to_bytes().unwrap()).unwrap(),
        r#"{"number":1,"epoch":1,"holder":"main-1","writer":"bcdf","ttlMs":5000,"state":"held","floor":0}"#
    );
    assert_eq!(hash(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[test]
fn each_contradiction_is_named() {
    type Change = fn(&mut Record);
    let change: [(&str, Change); 11] = [
        ("it has another number inside", |r| r.number = 13),
        ("its epoch is not one of its number or before", |r| r.epoch = Epoch(13)),
        ("its epoch is not one of its number or before", |r| r.epoch = Epoch(0)),
        ("its floor is above itself", |r| r.floor = 13),
        ("its time to live is none that a lease can have", |r| r.ttl_ms = 0),
        ("its time to live is none that a lease can have", |r| r.ttl_ms = u64::MAX),
        ("it accepts for a later epoch", |r| r.accepted = Some(Epoch(10))),
        ("its acceptances lack the newest", |r| r.accepted = Some(Epoch(8))),
        ("a takeover accepts before it is won", |r| {
            r.epoch = Epoch(12);
            r.accepted = Some(Epoch(12));
        }),
        ("its acceptances are not in order", |r| {
            r.accepts
                .insert("x".to_owned(), vec![acceptance(4, Some(1)), acceptance(9, Some(1))]);
        }),
        ("a hash in it is not one", |r| {
            let last = Some(Position { number: 1, hash: "00".to_owned() });
            r.accepts.insert("x".to_owned(), vec![Acceptance { epoch: Epoch(9), last }]);
        }),
    ];
    for (reason, change) in change {
        let mut record = example();
        change(&mut record);
        let error = Record::parse(12, &serde_json::to_vec(&record).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), format!("record 12 of the lease is damaged: {reason}"));
        assert_eq!(error.kind(), Kind::Damaged);
    }
    let strange = String::from_utf8(example().to_bytes().unwrap())
        .unwrap()
        .replace("floor", "flour");
    assert!(matches!(
        Record::parse(12, strange.as_bytes()),
        Err(LeaseError::Damaged { number: 12, .. })
    ));
}

#[test]
fn sizes_and_numbers_have_an_end() {
    let mut record = example();
    record.holder = "x".repeat(LONGEST);
    assert!(matches!(record.to_bytes(), Err(LeaseError::Invalid { .. })));
    assert!(Record::parse(12, &serde_json::to_vec(&record).unwrap()).is_err());
    record.number = HIGHEST;
    assert!(matches!(record.renewal(), Err(LeaseError::Invalid { .. })));
    for ttl in [Duration::ZERO, LONGEST_TTL + Duration::from_millis(1)] {
        let terms = Terms { holder: "x".to_owned(), ttl };
        let error = Lease::new(shelf::Shelf::default(), terms, || Duration::ZERO).err().unwrap();
        assert_eq!(error.kind(), Kind::Invalid);
    }
}

#[test]
fn what_follows_a_record_carries_on_what_it_said() {
    let before = example();
    let takeover = Record::takeover(Some(&before), "standby-1", "w".to_owned(), 7).unwrap();
    assert_eq!((takeover.number, takeover.epoch, takeover.floor), (13, Epoch(13), 8));
    assert_eq!((takeover.accepted, &takeover.accepts), (Some(Epoch(9)), &before.accepts));
    assert!(!takeover.has_accepted());
    let acceptance = takeover.acceptance(std::collections::BTreeMap::new()).unwrap();
    assert_eq!((acceptance.number, acceptance.epoch, acceptance.floor), (14, Epoch(13), 10));
    assert!(acceptance.has_accepted());
    let release = acceptance.release().unwrap();
    assert_eq!((release.number, release.epoch, release.state), (15, Epoch(13), State::Released));
}

proptest! {
    #[test]
    fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..300, byte in any::<u8>()) {
        let _ = Record::parse(12, &bytes);
        let mut almost = example().to_bytes().unwrap();
        let at = at % almost.len();
        almost[at] = byte;
        let _ = Record::parse(12, &almost);
    }
}
