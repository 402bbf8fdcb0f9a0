use super::Spool;

#[test]
fn what_a_killed_one_left_is_cleared_and_what_a_living_one_holds_is_not() {
    let place = tempfile::tempdir().unwrap();
    let left = place.path().join("lifeboat-fetch-killed");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("files"), "keys").unwrap();
    let other = place.path().join("lifeboat-other");
    std::fs::create_dir(&other).unwrap();

    let first = Spool::below(place.path()).unwrap();
    std::fs::write(first.path().join("files"), "keys").unwrap();
    assert!(!left.exists());
    assert!(other.exists(), "only what a fetch left is ours to remove");

    let second = Spool::below(place.path()).unwrap();
    assert!(first.path().join("files").exists());
    assert_ne!(first.path(), second.path());

    let was = first.path().to_owned();
    drop(first);
    assert!(!was.exists());
}
