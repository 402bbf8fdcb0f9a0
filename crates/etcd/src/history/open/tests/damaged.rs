//! What is damaged is passed over where something else does as well, and told.

use super::*;

/// Changes the last byte of the index: the hash in the footer is another one then.
fn damage(story: &Story, written: &Written) {
    let path = story.directory.path().join(written.name.to_string());
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.len() - 50;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
}

fn names(damaged: &[(Name, String)]) -> Vec<Name> {
    damaged.iter().map(|it| it.0).collect()
}

/// A base at 100, segments to 110 and 120, a merged base at 110.
fn two_bases() -> (Story, [Written; 2], [Written; 2]) {
    let mut story = Story::new();
    let first = story.base(100, 90);
    let dictionary = story.dictionary.clone();
    let one = story.segment(110);
    let second = story.base_for(110, 105, Some(one.chain));
    story.dictionary = dictionary;
    let two = story.segment(120);
    (story, [first, second], [one, two])
}

#[test]
fn an_older_base_stands_in_for_a_damaged_one() {
    let (story, [_, second], _) = two_bases();
    assert_eq!(told(&story.history().moment(1, 115).unwrap()), (110, vec![120]));
    damage(&story, &second);
    let history = story.history();
    assert_eq!(history.damaged(), []);
    let moment = history.moment(1, 115).unwrap();
    assert_eq!(told(&moment), (100, vec![110, 120]));
    assert!(crate::selection::Packs::of(&moment).is_ok());
    assert_eq!(history.windows(1).unwrap(), [(90, 120)]);
    assert_eq!(history.holes(1).unwrap(), []);
    assert_eq!(names(&history.damaged()), [second.name]);
    let tail = history.tail().unwrap().unwrap();
    assert_eq!((tail.through, tail.base.revision, names(&tail.damaged)), (120, 100, vec![second.name]));
}

#[test]
fn without_its_first_base_a_way_begins_at_the_second() {
    let (story, [first, _], _) = two_bases();
    damage(&story, &first);
    let history = story.history();
    assert_eq!(told(&history.moment(1, 107).unwrap()), (110, vec![]));
    assert_eq!(told(&history.moment(1, 120).unwrap()), (110, vec![120]));
    assert_eq!(history.windows(1).unwrap(), [(105, 120)]);
    let refused = history.moment(1, 102).unwrap_err();
    assert!(matches!(&refused, MomentError::File(e) if e.is_damage()), "{refused}");
    assert_eq!(history.tail().unwrap().map(|it| (it.through, it.damaged)), Some((120, vec![])));
}

#[test]
fn damaged_segments_at_the_end_are_stored_again() {
    let (mut story, [_, second], [one, two]) = two_bases();
    let quiet = story.segment(120);
    damage(&story, &two);
    damage(&story, &quiet);
    let tail = story.history().tail().unwrap().unwrap();
    assert_eq!((tail.through, tail.link, tail.base.revision), (110, one.chain, 110));
    assert_eq!(names(&tail.damaged), [two.name, quiet.name]);
    (story.chain, story.through) = (tail.link, tail.through);
    story.segment(118);
    story.segment(125);
    let history = story.history();
    assert_eq!(told(&history.moment(1, 121).unwrap()), (110, vec![118, 125]));
    assert_eq!(history.tail().unwrap().map(|it| (it.through, it.damaged)), Some((125, vec![])));
    assert_eq!(history.unused(), [two.name, quiet.name]);
    assert_eq!(second.chain, one.chain);
}

#[test]
fn a_history_without_a_whole_base_has_no_tail() {
    let mut story = Story::new();
    let base = story.base(100, 90);
    story.segment(110);
    damage(&story, &base);
    let history = story.history();
    assert!(history.tail().unwrap().is_none());
    assert_eq!(names(&history.damaged()), [base.name]);
    assert_eq!(history.windows(1).unwrap(), []);
    assert!(history.moment(1, 110).unwrap_err().to_string().contains("damaged"));
}

#[test]
fn a_damaged_segment_that_lacks_versions_ends_a_window() {
    let mut story = Story::new();
    story.base(100, 0);
    let lacking = story.segment_of(150, Kind::Coalesced { stands_for: Link([5; 32]) });
    story.segment(160);
    damage(&story, &lacking);
    assert_eq!(story.history().windows(1).unwrap(), [(1, 100)]);
}

#[test]
fn a_revision_is_rebuilt_without_damaged_news_that_nothing_changed() {
    let mut story = Story::new();
    story.base(100, 0);
    story.segment(110);
    story.segment(110);
    let quiet = story.segment(110);
    assert_eq!(told(&story.history().moment(1, 110).unwrap()), (100, vec![110; 3]));
    damage(&story, &quiet);
    assert_eq!(told(&story.history().moment(1, 110).unwrap()), (100, vec![110; 2]));
}
