use super::*;

fn row(what: &'static str, number: usize, note: Option<&str>) -> Row {
    Row {
        item: "volumes".to_owned(),
        what,
        object: format!("persistentvolumes/p{number}"),
        changes: Vec::new(),
        note: note.map(str::to_owned),
    }
}

fn text(profile: Profile, objects: Vec<Row>) -> String {
    let shown = Shown {
        profile: profile.to_string(),
        revision: 7,
        objects,
        list: false,
    };
    shown.text()
}

#[test]
fn what_waits_for_a_person_is_named_up_to_a_limit() {
    let all = |count: usize| {
        (0..count)
            .map(|number| row("stays", number, Some("it has to be there")))
            .collect()
    };
    let few = text(Profile::DrSite, all(2));
    assert!(few.contains("persistentvolumes/p1") && few.contains("it has to be there"), "{few}");
    let many = text(Profile::DrSite, all(MOST + 3));
    assert!(
        many.contains("persistentvolumes/p19") && !many.contains("persistentvolumes/p20"),
        "{many}"
    );
    assert!(many.contains("\nand 3 more\n"), "{many}");
    let none = text(Profile::DrSite, vec![row("goes", 0, None)]);
    assert!(!none.contains("STAYS"), "{none}");
}

#[test]
fn what_is_not_in_etcd_is_told_of_other_hosts_only() {
    assert!(text(Profile::NewNodes, Vec::new()).ends_with(BEYOND));
    assert!(text(Profile::SameNodes, Vec::new()).ends_with("nothing would be otherwise"));
}
