//! The bytes are those of the seed, and as many as were asked for.

use super::*;

fn all(seed: u64, bytes: u64) -> Vec<u8> {
    let mut all = Vec::new();
    Stuff::new(seed, bytes).read_to_end(&mut all).unwrap();
    all
}

#[test]
fn a_seed_makes_the_same_bytes_again() {
    let bytes = 3 * BLOCK as u64 + 17;
    let first = all(1, bytes);
    assert_eq!(first.len() as u64, bytes);
    assert_eq!(first, all(1, bytes));
    assert_ne!(first, all(2, bytes));
    // And a longer stream begins as a shorter one.
    assert_eq!(first, all(1, 10 * BLOCK as u64)[..first.len()]);
    assert!(all(1, 0).is_empty());
}

#[test]
fn no_block_occurs_twice() {
    let all = all(1, 200 * BLOCK as u64);
    let blocks: std::collections::BTreeSet<_> = all.chunks(BLOCK).collect();
    assert_eq!(blocks.len(), 200);
}

#[test]
fn a_tree_has_the_size_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let files = tree(folder.path(), 1, 4_000_000).unwrap();
    let folders = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().path());
    let sizes: Vec<u64> = folders
        .flat_map(|it| std::fs::read_dir(it).unwrap())
        .map(|it| it.unwrap().metadata().unwrap().len())
        .collect();
    assert_eq!((sizes.len() as u64, sizes.iter().sum::<u64>()), (files, 4_000_000));
}
