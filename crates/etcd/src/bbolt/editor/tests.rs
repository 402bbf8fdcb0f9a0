//! What is changed is read back, by a fresh reader; and whenever the power fails, what was there or what is.

use super::power::{Power, rng};
use super::*;
use crate::bbolt::tests::{Content, content, written};
use proptest::collection::vec;
use proptest::prelude::*;

/// A change: how many entries are added with values of which length, and what is in the small bucket then.
type Step = (Vec<u16>, u8);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let values = prop_oneof![8 => 0_u16..300, 2 => 300_u16..6000, 1 => 20_000_u16..50_000];
    vec((vec(values, 0..60), any::<u8>()), 1..12)
}

/// A database as a writer leaves it, with so many records.
fn begun(records: u32) -> Content {
    let mut content = Content::from([("small".to_owned(), [(b"n".to_vec(), vec![0])].into())]);
    let key = content.entry("key".to_owned()).or_default();
    (0..records).for_each(|n| drop(key.insert(n.to_be_bytes().to_vec(), vec![1; n as usize % 700])));
    content
}

/// Does one step to a database and to what it should hold.
fn step<D: Disk + 'static>(editor: &mut Editor<D>, model: &mut Content, step: &Step) -> Result<(), FileError> {
    let mut next = model.clone();
    let key = next.entry("key".to_owned()).or_default();
    let from = key
        .last_key_value()
        .map_or(0, |(last, _)| u32::from_be_bytes(last.as_slice().try_into().unwrap()) + 1);
    let mut edit = editor.edit()?;
    let mut bucket = edit.append("key")?;
    for (n, bytes) in (from..).zip(&step.0) {
        let value = vec![step.1; usize::from(*bytes)];
        bucket.put(&n.to_be_bytes(), &value)?;
        key.insert(n.to_be_bytes().to_vec(), value);
    }
    bucket.finish()?;
    let small: BTreeMap<_, _> = (0..u32::from(step.1))
        .map(|n| (n.to_be_bytes().to_vec(), vec![step.1; 40]))
        .collect();
    edit.replace("small", &small)?;
    next.insert("small".to_owned(), small);
    if step.1.is_multiple_of(2) {
        edit.remove("now and then")?;
        next.remove("now and then");
    } else {
        edit.replace("now and then", [("a", "b")])?;
        next.insert("now and then".to_owned(), [(b"a".to_vec(), b"b".to_vec())].into());
    }
    edit.commit()?;
    *model = next;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_changed_is_read_back(records in 0_u32..2000, steps in steps()) {
        let mut model = begun(records);
        let disk = Arc::new(Power::new(written(&model), None));
        let mut editor = Editor::open("db", Arc::clone(&disk)).unwrap();
        for it in &steps {
            step(&mut editor, &mut model, it).unwrap();
            let bytes = disk.whole();
            prop_assert_eq!(editor.bytes(), bytes.len() as u64);
            prop_assert!(content(bytes).unwrap() == model);
        }
    }

    #[test]
    fn the_state_before_the_last_change_can_be_had_again(records in 0_u32..500, steps in steps()) {
        let mut model = begun(records);
        let disk = Arc::new(Power::new(written(&model), None));
        let mut editor = Editor::open("db", Arc::clone(&disk)).unwrap();
        let mut before = model.clone();
        for it in &steps {
            before = model.clone();
            step(&mut editor, &mut model, it).unwrap();
        }
        let mut editor = Editor::open("db", Arc::clone(&disk)).unwrap().before_last().unwrap();
        prop_assert!(content(disk.whole()).unwrap() == before);
        for it in &steps {
            step(&mut editor, &mut before, it).unwrap();
        }
        prop_assert!(content(disk.whole()).unwrap() == before);
    }

    #[test]
    fn when_the_power_fails_nothing_but_the_last_change_is_lost(
        records in 0_u32..300, steps in vec((vec(0_u16..3000, 0..20), 0_u8..90), 1..5), seed: u64,
    ) {
        let first = begun(records);
        let all = Arc::new(Power::new(written(&first), None));
        let mut model = first.clone();
        let mut editor = Editor::open("db", Arc::clone(&all)).unwrap();
        steps.iter().for_each(|it| step(&mut editor, &mut model, it).unwrap());
        let mut rng = rng(seed);
        for left in 0..all.count() {
            let disk = Arc::new(Power::new(written(&first), Some(left)));
            let mut model = first.clone();
            let mut editor = Editor::open("db", Arc::clone(&disk)).unwrap();
            let mut next = model.clone();
            let mut rest = steps.iter();
            for it in rest.by_ref() {
                next = model.clone();
                if step(&mut editor, &mut model, it).is_err() {
                    // What it would have been.
                    let mut other = Editor::open("db", Arc::new(Power::new(written(&next), None))).unwrap();
                    step(&mut other, &mut next, it).unwrap();
                    break;
                }
            }
            let there = disk.after(&mut rng);
            let mut found = content(there.clone()).unwrap();
            prop_assert!(found == model || found == next, "after {} writes", left);
            let again = Arc::new(Power::new(there, None));
            let mut editor = Editor::open("db", Arc::clone(&again)).unwrap();
            for it in rest {
                step(&mut editor, &mut found, it).unwrap();
            }
            prop_assert!(content(again.whole()).unwrap() == found);
        }
    }
}

#[test]
fn pages_are_used_again() {
    let mut model = begun(20_000);
    let disk = Arc::new(Power::new(written(&model), None));
    let mut editor = Editor::open("db", Arc::clone(&disk)).unwrap();
    let before = editor.bytes();
    for n in 0..50 {
        step(&mut editor, &mut model, &(vec![10], n % 2 * 90)).unwrap();
    }
    // 50 entries, and the right edge three times at most: what the last two changes lead to, and what one is made of.
    assert!(editor.bytes() - before < 50 * 4096, "{}", editor.bytes() - before);
    assert!(content(disk.whole()).unwrap() == model);
}

#[test]
fn a_key_that_is_not_higher_is_refused() {
    let disk = Arc::new(Power::new(written(&begun(5)), None));
    let mut editor = Editor::open("db", Arc::clone(&disk)).unwrap();
    let mut edit = editor.edit().unwrap();
    let refused = edit.append("key").unwrap().put(&4_u32.to_be_bytes(), b"again").unwrap_err();
    assert!(refused.to_string().contains("not higher"), "{refused}");
    drop(edit);
    assert!(content(disk.whole()).unwrap() == begun(5));
}
