use super::below;
use protect::files::{Entry, Tree, What};

#[test]
fn below_a_directory_there_are_no_labels_and_owners_only_for_root() {
    let entry = Entry {
        mode: 0o640,
        owner: (7, 8),
        label: Some("system_u:object_r:cert_t:s0".to_owned()),
        what: What::Directory,
    };
    let tree = Tree([("/etc".to_owned(), entry)].into());
    let told = |owner| format!("{:?}", below(&tree, "/home/me", owner).0);
    assert_eq!(told(None), r#"{"/home/me/etc": Directory 640 7:8 -}"#);
    assert_eq!(told(Some((1000, 1000))), r#"{"/home/me/etc": Directory 640 1000:1000 -}"#);
}
