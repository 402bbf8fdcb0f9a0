use super::*;

const TAIL: Seen = Seen {
    through: 1000,
    cluster_id: 0xc1,
    raft_term: 4,
    raft_index: 2000,
    base: 500,
    seen_ms: 1_000_000,
    users: Some(AuthStatus { enabled: false, revision: 1 }),
};
const LIVE: Live = Live {
    cluster_id: 0xc1,
    revision: 1200,
    raft_term: 4,
    raft_index: 2400,
    compaction: None,
    db_bytes: 400_000_000,
    same_last_change: None,
    same_hash: None,
    now_ms: 1_000_000,
    users: Some(AuthStatus { enabled: false, revision: 1 }),
};

/// The decision in words.
fn told(tail: Option<Seen>, live: Live) -> String {
    shown(&Facts { tail, live, rates: Rates::default(), rests: false })
}

fn shown(facts: &Facts) -> String {
    match decide(facts) {
        Go::Resume { from } => format!("resume from {from}"),
        Go::Rebase { why } => format!("rebase: {why}"),
        Go::NewTimeline { why } => format!("new timeline: {why}"),
    }
}

#[test]
fn stories() {
    let table = [
        ("the first start", None, LIVE, "new timeline: there was no history"),
        ("a restart", Some(TAIL), LIVE, "resume from 1001"),
        (
            "nothing happened meanwhile",
            Some(TAIL),
            Live { revision: 1000, ..LIVE },
            "resume from 1001",
        ),
        (
            "a new leader",
            Some(TAIL),
            Live { raft_term: 9, same_last_change: Some(true), ..LIVE },
            "resume from 1001",
        ),
        (
            "compacted, but not past it",
            Some(TAIL),
            Live { compaction: Some(1000), ..LIVE },
            "resume from 1001",
        ),
        (
            "compacted past it",
            Some(TAIL),
            Live { compaction: Some(1001), ..LIVE },
            "rebase: etcd has compacted through revision 1001, and the history ends at 1000",
        ),
        (
            "a backlog that a base would beat",
            Some(TAIL),
            Live { revision: 1_101_000, raft_index: 1_300_000, ..LIVE },
            "rebase: catching up 1100000 revisions would take 200 s, a base takes 2 s",
        ),
        (
            "a backlog that it would not",
            Some(TAIL),
            Live { revision: 1_101_000, db_bytes: 60_000_000_000, ..LIVE },
            "resume from 1001",
        ),
        (
            "a short backlog",
            Some(TAIL),
            Live { revision: 51_000, db_bytes: 1, ..LIVE },
            "resume from 1001",
        ),
        (
            "another cluster",
            Some(TAIL),
            Live { cluster_id: 0xc2, revision: 5, ..LIVE },
            "new timeline: the cluster is 00000000000000c2, and the history is of 00000000000000c1",
        ),
        (
            "restored to an older snapshot",
            Some(TAIL),
            Live { revision: 900, raft_term: 2, raft_index: 3, ..LIVE },
            "new timeline: etcd went back to revision 900, and the history ends at 1000",
        ),
        (
            "restored, and written to since",
            Some(TAIL),
            Live { revision: 1300, raft_term: 4, raft_index: 400, ..LIVE },
            "new timeline: etcd was restored: its raft is at term 4 and index 400, and was at term 4 and index 2000",
        ),
        (
            "restored, with a lower term",
            Some(TAIL),
            Live { raft_term: 2, ..LIVE },
            "new timeline: etcd was restored: its raft is at term 2 and index 2400, and was at term 4 and index 2000",
        ),
        (
            "restored, and written to for long",
            Some(TAIL),
            Live { raft_term: 7, same_last_change: Some(false), ..LIVE },
            "new timeline: etcd was restored: its change at revision 1000 is not the history's",
        ),
        (
            "restored and compacted: what it is comes first",
            Some(TAIL),
            Live { raft_index: 1, compaction: Some(1100), ..LIVE },
            "new timeline: etcd was restored: its raft is at term 4 and index 1, and was at term 4 and index 2000",
        ),
        (
            "an imported history",
            Some(Seen { through: 1000, ..Seen::default() }),
            LIVE,
            "new timeline: the history was imported, and nothing proves that it is this etcd's",
        ),
        (
            "an imported history of another cluster",
            Some(Seen { through: 1000, ..Seen::default() }),
            Live { same_hash: Some(false), ..LIVE },
            "new timeline: the history was imported, and nothing proves that it is this etcd's",
        ),
        (
            "an imported history of this cluster",
            Some(Seen { through: 1000, ..Seen::default() }),
            Live { same_hash: Some(true), ..LIVE },
            "resume from 1001",
        ),
        (
            "restored with the same cluster id, and the revision raised",
            Some(Seen { through: 32, raft_index: 40, ..TAIL }),
            Live {
                revision: 1_000_000_011,
                raft_index: 50,
                compaction: Some(1_000_000_000),
                ..LIVE
            },
            "new timeline: etcd was restored, and its revision raised: it is 1000000011, and the history ends at 32",
        ),
        (
            "away while as much was written",
            Some(Seen { through: 32, raft_index: 40, ..TAIL }),
            Live {
                revision: 1_000_000_011,
                raft_index: 1_000_000_100,
                compaction: Some(1_000_000_000),
                ..LIVE
            },
            "rebase: etcd has compacted through revision 1000000000, and the history ends at 32",
        ),
        (
            "a clock that was put right by a little",
            Some(Seen { seen_ms: 1_060_000, ..TAIL }),
            LIVE,
            "resume from 1001",
        ),
        (
            "a clock that was wrong for a while",
            Some(Seen { seen_ms: 19_000_000, ..TAIL }),
            Live { compaction: Some(1100), ..LIVE },
            "rebase: the clock is 18000 s behind the history's latest time: the times of revisions up to 1000 cannot be trusted",
        ),
        (
            "a user more",
            Some(TAIL),
            Live {
                users: Some(AuthStatus { enabled: false, revision: 2 }),
                ..LIVE
            },
            "rebase: etcd's users or roles were changed",
        ),
        (
            "a user more, and nothing written since the base",
            Some(Seen { base: 1000, seen_ms: 19_000_000, ..TAIL }),
            Live {
                revision: 1000,
                users: Some(AuthStatus { enabled: false, revision: 2 }),
                ..LIVE
            },
            "resume from 1001",
        ),
        (
            "authentication from now on",
            Some(TAIL),
            Live {
                users: Some(AuthStatus { enabled: true, revision: 9 }),
                ..LIVE
            },
            "rebase: etcd's authentication was switched on",
        ),
        (
            "users that are not known",
            Some(Seen { users: None, ..TAIL }),
            Live {
                users: Some(AuthStatus { enabled: true, revision: 9 }),
                ..LIVE
            },
            "resume from 1001",
        ),
        (
            "a database that says nothing of users, since there never were any",
            Some(Seen { users: Some(AuthStatus::default()), ..TAIL }),
            LIVE,
            "resume from 1001",
        ),
        (
            "an etcd without any record",
            Some(Seen { through: 1, ..TAIL }),
            Live { revision: 1, ..LIVE },
            "resume from 2",
        ),
    ];
    for (story, tail, live, expected) in table {
        assert_eq!(told(tail, live), expected, "{story}");
    }
}

#[test]
fn a_base_that_is_only_wished_for_waits() {
    let tail = Some(Seen { seen_ms: 19_000_000, ..TAIL });
    let users = Some(AuthStatus { enabled: true, revision: 9 });
    let facts = Facts {
        tail,
        live: Live { users, ..LIVE },
        rates: Rates::default(),
        rests: true,
    };
    assert_eq!(shown(&facts), "resume from 1001");
    let live = Live { compaction: Some(1100), ..facts.live };
    assert!(shown(&Facts { live, ..facts }).starts_with("rebase: etcd has compacted"));
}
