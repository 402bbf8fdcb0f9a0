mod power;

use super::*;
use crate::history::{SegmentName, name::Mark};
use power::{Power, Volatile};

fn name(link: u8) -> Name {
    Name::Segment(SegmentName {
        timeline: 1,
        after: 1,
        through: 2,
        prev: Mark([0; 8]),
        chain: Mark([link; 8]),
        link: Mark([link; 8]),
        kept: super::super::name::Kept::Captured,
    })
}

fn content(shelf: &dyn Shelf, name: &Name) -> Vec<u8> {
    let object = shelf.open(name).unwrap();
    let mut bytes = vec![0; usize::try_from(object.len()).unwrap()];
    object.read_at(0, &mut bytes).unwrap();
    bytes
}

/// The content of the object with link `n`: more than is written at once.
fn body(n: u8) -> Vec<u8> {
    vec![n; CHUNK_BYTES + 100]
}

#[test]
fn what_is_stored_is_there_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let shelf = Directory::open(&directory.path().join("new")).unwrap();
    assert_eq!(shelf.list().unwrap(), []);
    assert_eq!(shelf.create(&name(2), &mut &*body(2)).unwrap(), Put::Created);
    assert_eq!(shelf.create(&name(1), &mut &*body(1)).unwrap(), Put::Created);
    assert_eq!(shelf.list().unwrap(), [name(1), name(2)]);
    assert_eq!(content(&shelf, &name(2)), body(2));
    assert_eq!(shelf.path().read_dir().unwrap().count(), 2);
    shelf.remove(&name(1)).unwrap();
    shelf.remove(&name(1)).unwrap();
    assert_eq!(shelf.list().unwrap(), [name(2)]);
    assert!(shelf.open(&name(1)).is_err());
}

#[test]
fn what_is_there_is_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let shelf = Directory::open(directory.path()).unwrap();
    shelf.create(&name(1), &mut &*body(1)).unwrap();
    assert_eq!(shelf.create(&name(1), &mut &*body(1)).unwrap(), Put::Existed);
    let refused = shelf.create(&name(1), &mut &*body(2)).unwrap_err();
    assert!(refused.to_string().contains("other content"), "{refused}");
    assert_eq!(content(&shelf, &name(1)), body(1));
    assert_eq!(directory.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_directory_in_its_place_is_not_written_into() {
    let folder = tempfile::tempdir().unwrap();
    let (path, away) = (folder.path().join("history"), folder.path().join("away"));
    let shelf = Directory::open(&path).unwrap();
    shelf.create(&name(1), &mut &*body(1)).unwrap();
    std::fs::rename(&path, &away).unwrap();
    assert!(shelf.create(&name(2), &mut &*body(2)).is_err());
    // As where a disk is not mounted any more.
    std::fs::create_dir(&path).unwrap();
    let why = shelf.create(&name(2), &mut &*body(2)).unwrap_err().to_string();
    assert!(why.contains("another directory is in the place"), "{why}");
    assert_eq!(path.read_dir().unwrap().count(), 0);
    // Mounted again it may be another device, and is known by what it holds.
    for file in away.read_dir().unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), path.join(file.file_name())).unwrap();
    }
    shelf.create(&name(2), &mut &*body(2)).unwrap();
    assert_eq!(shelf.list().unwrap(), [name(1), name(2)]);
}

#[test]
fn leftovers_go_unless_their_writer_lives() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(".tmp-killed"), "x").unwrap();
    let held = File::create(directory.path().join(".tmp-at-work")).unwrap();
    held.lock().unwrap();
    let shelf = Directory::open(directory.path()).unwrap();
    shelf.create(&name(1), &mut &*body(1)).unwrap();
    assert!(!directory.path().join(".tmp-killed").exists());
    assert!(directory.path().join(".tmp-at-work").exists());
    assert_eq!(shelf.list().unwrap(), [name(1)]);
}

#[test]
fn a_body_that_fails_leaves_nothing() {
    struct Broken(usize);
    impl Read for Broken {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(1).ok_or(io::ErrorKind::ConnectionReset)?;
            into.fill(1);
            Ok(into.len())
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let shelf = Directory::open(directory.path()).unwrap();
    assert!(shelf.create(&name(1), &mut Broken(3)).is_err());
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
}

#[test]
fn one_adds_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let (one, other) = (Directory::open(directory.path()).unwrap(), Directory::open(directory.path()).unwrap());
    let lock = one.lock().unwrap();
    assert!(matches!(other.lock(), Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::WouldBlock));
    drop(lock);
    other.lock().unwrap();
    assert_eq!(one.list().unwrap(), []);
}

/// Whatever a shelf said was stored is there after the power comes back, and what is there is whole.
#[test]
fn power_can_go_at_any_moment() {
    let mut went = 0;
    for calls in 0.. {
        let disk = Volatile::default();
        disk.cut(Power::GoesAfter(calls));
        let shelf = Directory::over(Path::new("disk"), Box::new(disk.clone()));
        let mut stored = Vec::new();
        for n in 1..=3 {
            if shelf.create(&name(n), &mut &*body(n)).is_ok() {
                stored.push(n);
            }
        }
        let whole_run = disk.is_on();
        for lost in [true, false] {
            let after = disk.after_power_cut(lost);
            let shelf = Directory::over(Path::new("disk"), Box::new(after));
            let there = shelf.list().unwrap();
            for name in &there {
                let n = name.link().0[0];
                assert_eq!(content(&shelf, name), body(n), "after {calls} calls");
            }
            for n in &stored {
                assert!(there.contains(&name(*n)), "{n} was acknowledged, and is gone after {calls} calls");
            }
            // And the same again goes on from there.
            for n in 1..=3 {
                shelf.create(&name(n), &mut &*body(n)).unwrap();
            }
            assert_eq!(shelf.list().unwrap().len(), 3);
        }
        went = calls;
        if whole_run {
            break;
        }
    }
    assert!(went > 15, "only {went} calls were made");
}

#[test]
fn a_full_disk_leaves_nothing() {
    for calls in 0..12 {
        let disk = Volatile::default();
        disk.cut(Power::DiskFullAfter(calls));
        let shelf = Directory::over(Path::new("disk"), Box::new(disk.clone()));
        let put = shelf.create(&name(1), &mut &*body(1));
        let names = disk.names().unwrap();
        match put {
            Ok(_) => assert_eq!(names, [name(1).to_string()]),
            Err(e) => {
                assert!(e.to_string().contains(&name(1).to_string()), "{e}");
                assert_eq!(names, [""; 0], "after {calls} calls");
            }
        }
    }
}

#[test]
fn a_disk_that_gives_back_something_else_is_found_out() {
    let disk = Volatile::default();
    disk.cut(Power::Lies);
    let shelf = Directory::over(Path::new("disk"), Box::new(disk.clone()));
    let refused = shelf.create(&name(1), &mut &*body(1)).unwrap_err();
    assert!(refused.to_string().contains("gives back something else"), "{refused}");
    assert_eq!(shelf.list().unwrap(), []);
}
