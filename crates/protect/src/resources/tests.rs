use super::*;
use ::etcd::Revision;
use ::etcd::selection::{LeaseTtl, Standing, Walked};
use bytes::Bytes;
use objects::key::{REGISTRY, Wanted};
use std::collections::BTreeMap;

/// Keys with their values, all of revision 2 and on.
struct Held(Vec<(&'static str, String)>);

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
            let it = KeyValue {
                key: (*key).into(),
                create_revision: main,
                mod_revision: main,
                version: 1,
                value: value.clone().into(),
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

fn held(keys: &[(&'static str, &str)]) -> Moment {
    let value = |text: &str| format!(r#"{{"apiVersion":"v1","kind":"Thing","metadata":{{"name":"{text}"}}}}"#);
    let source = Held(keys.iter().map(|(key, text)| (*key, value(text))).collect());
    let revision = source.last_revision();
    Moment { source: Arc::new(source), revision, aside: Aside::default() }
}

fn look() -> Look {
    Look {
        registry: REGISTRY.to_owned(),
        decryption: Decryption::default(),
        reveal: false,
    }
}

#[test]
fn a_custom_resource_without_its_group_is_found_unless_several_have_it() {
    let at = held(&[
        ("/registry/a.io/things/n/x", "of a"),
        ("/registry/a.io/clusters/n/x", "of a"),
        ("/registry/b.io/clusters/n/x", "of b"),
    ]);
    let wanted = |text: &str| text.parse::<Wanted>().unwrap();
    let found = look().find(&at, &wanted("things/n/x")).unwrap().unwrap();
    assert_eq!(found.record.key, "/registry/a.io/things/n/x");
    let several = look().find(&at, &wanted("clusters/n/x")).unwrap_err().to_string();
    assert_eq!(
        several,
        "clusters/n/x may be any of /registry/a.io/clusters/n/x, /registry/b.io/clusters/n/x"
    );
    assert!(look().life(&at, &wanted("clusters/n/x")).is_err());
    assert!(look().find(&at, &wanted("clusters.b.io/n/x")).unwrap().is_some());
    assert!(look().find(&at, &wanted("things/n/y")).unwrap().is_none());
}

#[test]
fn a_custom_resource_is_found_by_every_name_that_its_definition_gives() {
    const DEFINITION: &str = r#"{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"things.a.io"},
        "spec":{"group":"a.io","names":{"plural":"things","singular":"thing","kind":"Thing","shortNames":["tg"]}}}"#;
    let source = Held(vec![
        (
            "/registry/apiextensions.k8s.io/customresourcedefinitions/things.a.io",
            DEFINITION.to_owned(),
        ),
        (
            "/registry/a.io/things/n/x",
            r#"{"apiVersion":"a.io/v1","kind":"Thing","metadata":{"name":"x"}}"#.to_owned(),
        ),
    ]);
    let at = Moment {
        source: Arc::new(source),
        revision: 3,
        aside: Aside::default(),
    };
    for name in ["things", "thing", "Thing", "tg", "things.a.io", "thing.a.io", "tg.a.io"] {
        let wanted: Wanted = format!("{name}/n/x").parse().unwrap();
        assert!(look().find(&at, &wanted).unwrap().is_some(), "{name}");
    }
    for name in ["thin", "tg.b.io", "kinds"] {
        let wanted: Wanted = format!("{name}/n/x").parse().unwrap();
        assert!(look().find(&at, &wanted).unwrap().is_none(), "{name}");
    }
}

#[test]
fn many_are_read_in_their_order() {
    let at = held(&[
        ("/registry/pods/n/a", "a"),
        ("/registry/pods/n/b", "b"),
        ("/registry/pods/n/ab", "ab"),
    ]);
    for names in [
        &["pods/n/ab", "pods/n/none", "pods/n/a"][..],
        &["pods/n/b", "pods/n/a", "pods/n/none", "pods/n/ab"],
    ] {
        let wanted: Vec<Wanted> = names.iter().map(|name| name.parse().unwrap()).collect();
        let found = look().find_all(&at, &wanted).unwrap();
        let keys: Vec<_> = found.iter().map(|it| it.as_ref().map(|it| it.record.key.clone())).collect();
        let key = |name: &&str| (!name.ends_with("none")).then(|| Bytes::from(format!("/registry/{name}")));
        assert_eq!(keys, names.iter().map(key).collect::<Vec<_>>());
    }
}

#[test]
fn differences_are_told_without_what_is_the_same() {
    let from = held(&[
        ("/registry/a/n/same", "1"),
        ("/registry/a/n/changed", "1"),
        ("/registry/a/n/gone", "1"),
    ]);
    let to = held(&[
        ("/registry/a/n/changed", "2"),
        ("/registry/a/n/came", "1"),
        ("/registry/a/n/same", "1"),
    ]);
    let told = look().differences(&from, &to, &Scope::default(), true).unwrap();
    let told: Vec<_> = told
        .iter()
        .map(|it| (String::from_utf8_lossy(&it.key), it.what, it.changes.len()))
        .collect();
    assert_eq!(
        told,
        [
            ("/registry/a/n/came".into(), Became::Created, 0),
            ("/registry/a/n/changed".into(), Became::Changed, 1),
            ("/registry/a/n/gone".into(), Became::Deleted, 0),
        ]
    );
}
