use super::*;

/// How many files of a directory this process has open.
pub(crate) fn open_in(directory: &Path) -> usize {
    let all = fs::read_dir("/proc/self/fd").unwrap();
    let paths = all.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    paths.filter(|path| path.starts_with(directory)).count()
}

#[test]
fn of_many_objects_only_a_few_keep_their_file_open() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open(directory.path()).unwrap();
    let names: Vec<_> = (0..200).map(|n| format!("{n:03}")).collect();
    names
        .iter()
        .for_each(|name| fs::write(directory.path().join(name), name).unwrap());
    let objects: Vec<_> = names.iter().map(|name| disk.open(name, false).unwrap()).collect();
    let mut content = [0; 3];
    for (name, object) in names.iter().zip(&objects) {
        object.read_at(0, &mut content).unwrap();
        assert_eq!(content, name.as_bytes());
    }
    assert_eq!(open_in(directory.path()), KEPT_OPEN);
    drop(objects);
    assert_eq!(open_in(directory.path()), 0);
    let _again: Vec<_> = names.iter().map(|name| disk.open(name, false).unwrap()).collect();
    assert_eq!(open_in(directory.path()), KEPT_OPEN);
}

#[test]
fn what_is_removed_while_it_is_read_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::open(directory.path()).unwrap();
    fs::write(directory.path().join("object"), "content").unwrap();
    let objects: Vec<_> = (0..=KEPT_OPEN).map(|_| disk.open("object", false).unwrap()).collect();
    fs::remove_file(directory.path().join("object")).unwrap();
    let mut content = [0; 7];
    objects.first().unwrap().read_at(0, &mut content).unwrap();
    assert_eq!(&content, b"content");
    let gone = objects.last().unwrap().read_at(0, &mut content).unwrap_err();
    assert_eq!(gone.kind(), io::ErrorKind::NotFound);
    assert!(gone.to_string().contains("do the same again"), "{gone}");
}

#[test]
fn without_links_a_file_is_renamed_and_replaces_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let [draft, name] = ["draft", "name"].map(|it| directory.path().join(it));
    fs::write(&draft, "new").unwrap();
    rename_to_new(&draft, &name).unwrap();
    assert_eq!((draft.exists(), fs::read(&name).unwrap()), (false, b"new".to_vec()));
    fs::write(&draft, "newer").unwrap();
    let taken = rename_to_new(&draft, &name).unwrap_err();
    assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(fs::read(&name).unwrap(), b"new");
}

#[test]
fn only_a_file_system_without_links_is_one() {
    let says = |code: Errno| has_no_links(&code.into());
    assert!([Errno::EPERM, Errno::EOPNOTSUPP].into_iter().all(says));
    assert!(![Errno::EEXIST, Errno::ENOSPC, Errno::EIO, Errno::ENOENT].into_iter().any(says));
}
