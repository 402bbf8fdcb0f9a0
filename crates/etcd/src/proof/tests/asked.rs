//! Members that answer from a table.

use super::*;
use crate::selection::made;
use std::sync::{Arc, Mutex};

/// Each member's model, and its compactions at each question in turn (the last for all later ones).
///
/// As etcd does, each repeats the hash of its last compaction, taken under the one before, for that revision.
#[derive(Default)]
struct Table {
    members: BTreeMap<&'static str, (Model, Vec<u64>)>,
    asked: Mutex<Vec<(String, u64)>>,
}

impl Table {
    fn member(mut self, name: &'static str, model: &Model, compactions: &[u64]) -> Self {
        self.members.insert(name, (model.clone(), compactions.to_vec()));
        self
    }
}

impl Ask for Table {
    async fn revision(&self, member: &str) -> Result<u64, Refused> {
        self.members
            .get(member)
            .map(|(model, _)| model.last)
            .ok_or(Refused::Unreachable("no route".to_owned()))
    }

    async fn hash_kv(&self, member: &str, revision: u64) -> Result<HashAnswer, Refused> {
        let mut asked = self.asked.lock().unwrap();
        let before = asked.iter().filter(|(name, _)| name == member).count();
        asked.push((member.to_owned(), revision));
        let (model, compactions) = &self.members[member];
        let compact = compactions[before.min(compactions.len() - 1)];
        match revision {
            it if it < compact => Err(Refused::Compacted),
            it if it > model.last => Err(Refused::Future),
            it if it == compact => Ok(hash_kv(model, revision, compact - 1).unwrap()),
            _ => Ok(hash_kv(model, revision, compact).unwrap()),
        }
    }
}

/// Ten revisions of two keys.
fn model() -> Model {
    let of = |main: u64| put(main, if main.is_multiple_of(2) { "a" } else { "b" }, 1);
    Model { records: (2..=10).map(of).collect(), last: 10 }
}

async fn verified(history: &Model, table: &Table) -> Vec<Finding> {
    let names: Vec<_> = table.members.keys().map(|it| (*it).to_owned()).collect();
    let verified = verify_members(Arc::new(history.clone()), &names, table).await.unwrap();
    verified.members.into_iter().map(|it| it.finding).collect()
}

#[tokio::test]
async fn equal_members_are_equal_at_the_revision_that_all_have() {
    let model = model();
    let behind = Model { records: model.records[..7].to_vec(), last: 8 };
    let table = Table::default().member("m1", &model, &[0]).member("m2", &behind, &[3]);
    let names = ["m1".to_owned(), "m2".to_owned()];
    let verified = verify_members(Arc::new(model), &names, &table).await.unwrap();
    assert!(verified.all_equal());
    assert!(table.asked.lock().unwrap().iter().all(|(_, revision)| *revision == 8));
}

#[tokio::test]
async fn the_member_whose_disk_lies_is_named() {
    let model = model();
    let mut lies = model.clone();
    lies.records[8] = put(10, "a", 2);
    let table = Table::default()
        .member("m1", &model, &[4])
        .member("m2", &lies, &[4])
        .member("m3", &model, &[4]);
    let names = ["m1", "m2", "m3", "m4"].map(str::to_owned);
    let verified = verify_members(Arc::new(model), &names, &table).await.unwrap();
    assert_eq!(verified.differing().collect::<Vec<_>>(), ["m2"]);
    assert!(!verified.all_equal());
    assert_eq!(verified.members[3].finding, Finding::Unreachable("no route".to_owned()));
}

#[tokio::test]
async fn a_member_that_was_compacted_meanwhile_is_asked_again() {
    let model = model();
    let behind = Model { records: model.records[..4].to_vec(), last: 5 };
    let table = Table::default().member("m1", &behind, &[0]).member("m2", &model, &[7, 8]);
    let found = verified(&model, &table).await;
    assert!(matches!(found[0], Finding::Equal(HashAnswer { revision: 5, .. })));
    assert!(matches!(found[1], Finding::Equal(HashAnswer { revision: 10, compact_revision: 8, .. })));
}

#[tokio::test]
async fn a_hash_that_is_repeated_from_a_compaction_is_passed_by() {
    let model = model();
    let cuts = made::Cuts { compaction: 5, base: 6, segments: [7].into(), gap: None };
    let history = made::History::of(model.clone(), &cuts).packs;
    let behind = Model { records: model.records[..4].to_vec(), last: 5 };
    let table = Table::default().member("m1", &behind, &[2]).member("m2", &model, &[5]);
    let names = ["m1".to_owned(), "m2".to_owned()];
    let found = verify_members(Arc::new(history), &names, &table).await.unwrap().members;
    assert!(
        matches!(&found[0].finding, Finding::NotComparable { why, since: 5 } if why.contains("compacted at revision 2"))
    );
    assert!(
        matches!(found[1].finding, Finding::Equal(HashAnswer { revision: 6, compact_revision: 5, .. })),
        "{found:?}"
    );
}

#[tokio::test]
async fn what_the_history_no_longer_has_is_said() {
    let model = model();
    let short = Model { records: model.records[..4].to_vec(), last: 5 };
    let found = verified(&short, &Table::default().member("m1", &model, &[7])).await;
    assert!(
        matches!(&found[0], Finding::NotComparable { why, .. } if why.contains("past revision 5")),
        "{found:?}"
    );
}
