use super::*;

fn file(contents: &mut Contents, directory: u64, name: &str, bytes: &str) -> u64 {
    let held = Held::Bytes(Arc::new(bytes.as_bytes().to_vec()));
    let number = contents.add(Node::new(held, 0o100644));
    contents.names(directory).unwrap().insert(name.into(), number);
    number
}

fn directory(contents: &mut Contents, above: u64, name: &str) -> u64 {
    let number = contents.add(Node::new(Held::Names(Names::new()), 0o40755));
    contents.names(above).unwrap().insert(name.into(), number);
    number
}

/// All files, with what is in them.
fn all(contents: &Contents, number: u64, above: &str) -> BTreeMap<String, String> {
    let Held::Names(names) = &contents.nodes[&number].now else {
        panic!("{above}")
    };
    let below = names.iter().map(|(name, number)| {
        let path = format!("{above}/{}", String::from_utf8_lossy(name));
        match &contents.nodes[number].now {
            Held::Bytes(bytes) => [(path, String::from_utf8_lossy(bytes).into_owned())].into(),
            Held::Names(_) => all(contents, *number, &path),
        }
    });
    below.flatten().collect()
}

/// What is left, for each of many seeds.
fn left(make: impl Fn(&mut Contents)) -> BTreeSet<Vec<String>> {
    let seeds = (0..200).map(|seed| {
        let mut contents = Contents::new();
        make(&mut contents);
        contents.forget(&mut Chance::new(seed));
        let left = all(&contents, ROOT, "");
        contents.forget(&mut Chance::new(seed));
        assert_eq!(all(&contents, ROOT, ""), left, "what is left stays");
        left.into_iter().map(|(name, bytes)| format!("{name}: {bytes}")).collect()
    });
    seeds.collect()
}

fn sets(lines: &[&[&str]]) -> BTreeSet<Vec<String>> {
    lines
        .iter()
        .map(|lines| lines.iter().map(|line| (*line).to_owned()).collect())
        .collect()
}

#[test]
fn what_was_synced_is_kept_and_nothing_else_is_sure() {
    let synced = |contents: &mut Contents| {
        let one = file(contents, ROOT, "one", "1234");
        contents.sync(one);
        contents.sync(ROOT);
    };
    assert_eq!(left(synced), sets(&[&["/one: 1234"]]));
    let unnamed = |contents: &mut Contents| {
        let one = file(contents, ROOT, "one", "1234");
        contents.sync(one);
    };
    assert_eq!(left(unnamed), sets(&[&[], &["/one: 1234"]]));
    let unwritten = |contents: &mut Contents| {
        file(contents, ROOT, "one", "1234");
        contents.sync(ROOT);
    };
    assert_eq!(left(unwritten), sets(&[&["/one: "], &["/one: 12"], &["/one: 1234"], &["/one: 12\0\0"]]));
}

#[test]
fn a_name_is_kept_with_its_own_directory_and_that_one_with_the_one_above_it() {
    let below = |contents: &mut Contents| {
        let folder = directory(contents, ROOT, "a");
        let one = file(contents, folder, "one", "1");
        contents.sync(one);
        contents.sync(folder);
    };
    assert_eq!(left(below), sets(&[&[], &["/a/one: 1"]]));
    let removed = |contents: &mut Contents| {
        for name in ["one", "two"] {
            let number = file(contents, ROOT, name, "1");
            contents.sync(number);
        }
        contents.sync(ROOT);
        contents.names(ROOT).unwrap().remove(b"one".as_slice());
        contents.names(ROOT).unwrap().remove(b"two".as_slice());
    };
    assert_eq!(left(removed).len(), 4, "each for itself");
}
