use super::*;
use crate::Revision;

fn records(mains: &[u64]) -> Vec<Record> {
    let record = |&main| Record::deletion(Revision { main, sub: 0 }, "key".into());
    mains.iter().map(record).collect()
}

#[test]
fn what_is_whole_is_known_at_every_point() {
    let mut course = Course::new(10);
    course.take(&records(&[9, 10, 11, 12]), true).unwrap();
    assert_eq!(course.complete(), 11);
    course.take(&records(&[12]), true).unwrap();
    course.take(&records(&[12, 13]), false).unwrap();
    assert_eq!((course.complete(), course.forget_open()), (13, false));
    course.take(&records(&[14]), true).unwrap();
    assert_eq!((course.complete(), course.forget_open()), (13, true));
    course.take(&records(&[14]), false).unwrap();
    assert_eq!(course.complete(), 14);
}

#[test]
fn what_is_skipped_is_counted_until_it_comes() {
    let mut course = Course::new(0);
    course.take(&records(&[2]), false).unwrap();
    for times in 1..=3 {
        assert_eq!(course.take(&records(&[4]), false), Err(Skipped { expected: 3, got: 4 }));
        assert_eq!((course.skips(), course.complete()), (times, 2));
    }
    course.take(&records(&[3, 4]), false).unwrap();
    assert_eq!((course.skips(), course.complete()), (0, 4));
}
