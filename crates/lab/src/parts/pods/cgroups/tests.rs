use super::*;

#[test]
fn no_two_labs_share_a_group() {
    let name_of = |lab: &str, host: &str| name(&lab.parse().unwrap(), &host.parse().unwrap());
    assert_eq!(name_of("lab", "main-1"), "lifeboat-lab.main-1");
    assert_ne!(name_of("a-b", "c"), name_of("a", "b-c"));
}

#[tokio::test]
async fn a_tree_goes_from_its_leaves() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("group");
    for below in [
        "kubepods/besteffort/pod1/a",
        "kubepods/besteffort/pod1/b",
        "kubepods/burstable",
    ] {
        std::fs::create_dir_all(root.join(below)).unwrap();
    }
    let order = deepest_first(&root);
    for (at, group) in order.iter().enumerate() {
        assert!(
            !order[at + 1..].iter().any(|later| later.starts_with(group)),
            "{} goes too early",
            group.display()
        );
    }
    remove_tree(&root).await.unwrap();
    assert!(!root.exists());
    // What is gone already is no error.
    remove_tree(&root).await.unwrap();
}
