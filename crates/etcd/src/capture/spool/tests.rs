use super::*;
use proptest::prelude::*;
use std::thread;

fn read(spool: &Spool, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut into = vec![0; length];
    spool.read_at(offset, &mut into).map(|()| into)
}

#[test]
fn a_reader_waits_for_bytes_that_are_on_their_way() {
    let folder = tempfile::tempdir().unwrap();
    let (spool, mut writer) = Spool::create(folder.path()).unwrap();
    writer.append(b"pages").unwrap();
    let reader = thread::spawn({
        let spool = spool.clone();
        move || read(&spool, 5, 4)
    });
    assert_eq!(read(&spool, 0, 5).unwrap(), b"pages");
    writer.append(b" an").unwrap();
    assert!(!reader.is_finished());
    writer.append(b"d more").unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), b" and");
    writer.complete();
    assert_eq!((spool.wait().unwrap(), spool.bytes()), (14, 14));
    assert_eq!(read(&spool, 10, 5).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(read(&spool, u64::MAX, 5).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_stream_that_breaks_wakes_its_readers_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    for (end, expected) in [
        (
            Box::new(|w: SpoolWriter| w.broken("etcd is gone".to_owned())) as Box<dyn Fn(_)>,
            "etcd is gone",
        ),
        (Box::new(drop), "the stream was given up"),
    ] {
        let (spool, mut writer) = Spool::create(folder.path()).unwrap();
        writer.append(b"pages").unwrap();
        let reader = thread::spawn({
            let spool = spool.clone();
            move || read(&spool, 0, 99)
        });
        end(writer);
        assert_eq!(reader.join().unwrap().unwrap_err().to_string(), expected);
        assert_eq!(spool.wait().unwrap_err().to_string(), expected);
        // What had come is still there.
        assert_eq!(read(&spool, 1, 4).unwrap(), b"ages");
    }
}

#[tokio::test]
async fn a_reader_is_told_when_much_has_come_and_when_it_is_flushed() {
    use tokio::io::AsyncWriteExt;
    let folder = tempfile::tempdir().unwrap();
    let (spool, mut writer) = Spool::create(folder.path()).unwrap();
    let most = usize::try_from(AT_ONCE_BYTES).unwrap();
    writer.write_all(&vec![1; most - 1]).await.unwrap();
    assert_eq!(spool.bytes(), 0);
    writer.write_all(&[2]).await.unwrap();
    assert_eq!(spool.bytes(), AT_ONCE_BYTES);
    writer.write_all(&[3]).await.unwrap();
    assert_eq!(spool.bytes(), AT_ONCE_BYTES);
    writer.flush().await.unwrap();
    assert_eq!(read(&spool, AT_ONCE_BYTES - 1, 2).unwrap(), [2, 3]);
    // What comes before the end is told of with it, be it good or bad.
    writer.write_all(&[4]).await.unwrap();
    writer.broken("etcd is gone".to_owned());
    assert_eq!(read(&spool, AT_ONCE_BYTES + 1, 1).unwrap(), [4]);
}

proptest! {
    /// Any pieces in, any reads out: the same bytes.
    #[test]
    fn what_goes_in_comes_out(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20),
        offset in 0_usize..600, length in 0_usize..300) {
        let folder = tempfile::tempdir().unwrap();
        let (spool, mut writer) = Spool::create(folder.path()).unwrap();
        for piece in &pieces {
            writer.append(piece).unwrap();
        }
        writer.complete();
        let all = pieces.concat();
        match (read(&spool, offset as u64, length), all.get(offset..offset + length)) {
            (Ok(got), Some(expected)) => prop_assert_eq!(got, expected),
            (got, expected) => prop_assert!(got.is_err() && expected.is_none()),
        }
    }
}
