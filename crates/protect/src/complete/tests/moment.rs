//! A moment of something that holds records, as what is judged.

use super::super::*;
use super::kubeadm;
use crate::resources::Moment;
use ::etcd::selection::{Aside, LeaseTtl, SelectionError, Source, Standing, Walked};
use ::etcd::{KeyValue, Record, Revision};
use bytes::Bytes;
use std::sync::Arc;

/// Keys and values, each a revision of its own.
struct Held(BTreeMap<Vec<u8>, Vec<u8>>);

impl Source for Held {
    fn name(&self) -> String {
        "what is held".to_owned()
    }

    fn last_revision(&self) -> u64 {
        self.0.len() as u64 + 1
    }

    fn compaction(&self) -> u64 {
        0
    }

    fn walk(&self, _: u64, _: u64, sink: &mut Walked<'_>) -> Result<(), SelectionError> {
        for ((key, value), main) in self.0.iter().zip(2..) {
            let (key, value) = (key.clone().into(), value.clone().into());
            let it = KeyValue {
                key,
                value,
                create_revision: main,
                mod_revision: main,
                version: 1,
                lease: 0,
            };
            sink(Record::put(Revision { main, sub: 0 }, &it), Standing { live: true, kept: true })?;
        }
        Ok(())
    }

    fn leases(&self) -> Result<BTreeMap<i64, LeaseTtl>, SelectionError> {
        Ok(BTreeMap::new())
    }

    fn others(&self) -> Result<BTreeMap<String, Vec<(Bytes, Bytes)>>, SelectionError> {
        Ok(BTreeMap::new())
    }
}

#[test]
fn a_moment_of_a_history_is_judged_as_its_records_are() {
    let world = kubeadm::good();
    let source = Held(world.records.clone());
    let revision = source.last_revision();
    let moment = Moment { source: Arc::new(source), revision, aside: Aside::default() };
    assert_eq!(judge(&Parts { records: &moment, ..world.parts() }), world.judge());
    // A key that only begins with the one that is asked for is another.
    assert!(moment.get(b"/registry/secrets/shop/d").unwrap().is_none());
    assert!(moment.get(b"/registry/secrets/shop/db").unwrap().is_some());
    let mut seen = 0;
    let each = moment.each(b"/registry/", &mut |_, _| {
        seen += 1;
        ControlFlow::Break(())
    });
    each.unwrap();
    assert_eq!(seen, 1);
}
