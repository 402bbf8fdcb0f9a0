//! What is beside the target: leftovers, and others at work.

use super::*;

#[test]
fn what_a_killed_rebuild_left_goes() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join(".db.lifeboat-bbbbbbbb");
    std::fs::create_dir_all(left.join("data/member")).unwrap();
    let other = folder.path().join(".db2.lifeboat-bbbbbbbb");
    std::fs::create_dir(&other).unwrap();
    let place = Beside::of_file(&folder.path().join("db"), &|_| Ok(())).unwrap();
    assert!(!left.exists() && other.exists() && place.folder().exists());
    drop(place);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn somebody_at_work_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let first = Beside::of_file(&path, &|_| Ok(())).unwrap();
    assert!(matches!(Beside::of_file(&path, &|_| Ok(())), Err(RebuildError::Busy { .. })));
    assert!(first.folder().exists());
    drop(first);
    Beside::of_file(&path, &|_| Ok(())).unwrap();
}

#[test]
fn a_target_that_appears_meanwhile_wins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let place = Beside::of_file(&path, &|_| Ok(())).unwrap();
    place.file("result", b"new", 0).unwrap();
    std::fs::write(&path, "old").unwrap();
    assert!(matches!(place.publish(), Err(RebuildError::Occupied { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"old");

    let path = folder.path().join("data");
    let place = Beside::of_directory(&path, &|_| Ok(())).unwrap();
    place.directory("data").unwrap();
    std::fs::create_dir(&path).unwrap();
    assert!(matches!(place.publish(), Err(RebuildError::Occupied { .. })));
}

#[test]
fn a_file_is_laid_out_with_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let place = Beside::of_file(&path, &|_| Ok(())).unwrap();
    place.file("result", b"abc", 1000).unwrap();
    place.publish().unwrap();
    let content = std::fs::read(&path).unwrap();
    assert_eq!((content.len(), &content[..4]), (1000, b"abc\0".as_slice()));
}

#[test]
fn a_path_without_a_name_is_refused() {
    assert!(matches!(
        Beside::of_file(Path::new(".."), &|_| Ok(())),
        Err(RebuildError::Occupied { .. })
    ));
    assert!(matches!(
        Beside::of_directory(Path::new("none/.."), &|_| Ok(())),
        Err(RebuildError::File(_))
    ));
}
