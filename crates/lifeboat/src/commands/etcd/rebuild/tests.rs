use super::*;

#[test]
fn a_member_is_a_name_and_its_urls() {
    let it = member("m1=https://a:2380,https://b:2380").unwrap();
    assert_eq!((it.name.as_str(), it.peer_urls.len()), ("m1", 2));
    for wrong in ["m1", "=https://a:2380", "m1=", ""] {
        assert!(member(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn directories_are_for_the_one_named_or_for_all() {
    let two = [member("a=http://a:2380").unwrap(), member("b=http://b:2380").unwrap()];
    let into = Path::new("/x");
    let of = |members: &[Member], name, every| directories(members, name, every, into);
    assert_eq!(of(&two[..1], None, false).unwrap(), [("a".to_owned(), PathBuf::from("/x"))]);
    assert_eq!(of(&two, Some("b"), false).unwrap(), [("b".to_owned(), PathBuf::from("/x"))]);
    assert_eq!(of(&two, None, true).unwrap().len(), 2);
    assert_eq!(of(&two, None, true).unwrap()[1].1, Path::new("/x/b"));
    assert!(of(&two, None, false).is_err());
}
