//! Histories of many segments, and ones that change while they are read.

use super::*;
use crate::history::directory::open_files_in;
use crate::selection::{Packs, Source as _};

#[test]
fn many_segments_need_few_open_files() {
    let mut story = Story::new();
    story.base(100, 0);
    for through in 101..300 {
        story.segment(through);
    }
    let history = story.history();
    let packs = Packs::of(&history.moment(1, 299).unwrap()).unwrap();
    assert_eq!(packs.segments().len(), 199);
    let names = &history.timeline(1).unwrap().newest_stretch().unwrap().chain;
    let pieces: Vec<_> = names.iter().map(|it| history.segment(it).unwrap()).collect();
    let open = open_files_in(story.directory.path());
    assert!(open < 50, "{open} files are open for {} segments", pieces.len());
    let mut records = 0;
    let mut sink = |_| {
        records += 1;
        Ok(())
    };
    packs.since(0, 299, &mut sink).unwrap();
    assert_eq!(records, 2000 + 199);
}

#[test]
fn what_was_merged_meanwhile_is_taken_as_it_is_now() {
    let mut story = Story::new();
    let base = story.base(100, 0);
    let parts = [story.segment(110), story.segment(120)];
    let moment = story.history().moment(1, 115).unwrap();
    let stands_for = story.chain;
    (story.chain, story.through) = (base.chain, 100);
    story.segment_of(120, Kind::Merged { stands_for });
    parts.iter().for_each(|it| story.shelf().remove(&it.name).unwrap());
    let packs = Packs::of(&moment).unwrap();
    assert_eq!(packs.segments().len(), 1);
    assert_eq!(packs.last_revision(), 120);
    // And what is gone without a successor says so.
    let merged = *packs.segments()[0].name();
    let moment = story.history().moment(1, 115).unwrap();
    story.shelf().remove(&merged).unwrap();
    let gone = Packs::of(&moment).unwrap_err();
    assert!(gone.is_gone() && gone.to_string().contains("do the same again"), "{gone}");
}

#[test]
fn leases_looked_up_after_the_last_change_count() {
    let mut story = Story::new();
    story.base(100, 0);
    story.segment(110);
    let lease = LeaseSeen { id: 7, granted_s: 600, remaining_s: 599, at_ms: 111_000 };
    story.quiet_with(lease);
    let history = story.history();
    let moments = [history.moment(1, 110).unwrap(), {
        let base = history.timeline(1).unwrap().stretches[0].bases[0];
        history.moment_from(&base, 110).unwrap()
    }];
    for moment in moments {
        let leases = Packs::of(&moment).unwrap().leases().unwrap();
        assert_eq!(leases.get(&7).map(|it| (it.granted_s, it.remaining_s)), Some((600, 599)));
    }
}

#[test]
fn a_lease_that_is_told_of_with_the_next_changes_counts() {
    let mut story = Story::new();
    story.base(100, 0);
    story.segment(110);
    let lease = LeaseSeen { id: 7, granted_s: 600, remaining_s: 599, at_ms: 111_000 };
    story.segment_with(120, Kind::Captured, vec![lease]);
    let history = story.history();
    let leases = Packs::of(&history.moment(1, 110).unwrap()).unwrap().leases().unwrap();
    assert_eq!(leases.get(&7).map(|it| it.granted_s), Some(600));
}
