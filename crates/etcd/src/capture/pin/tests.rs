use super::*;
use std::io::Write;

/// A meta page of a database with pages of 4 KiB.
fn meta(transaction: u64, root: u64) -> Vec<u8> {
    let mut page = vec![0; 4096];
    let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
    put(16, &0xED0C_DAED_u32.to_le_bytes());
    put(20, &2_u32.to_le_bytes());
    put(24, &4096_u32.to_le_bytes());
    put(32, &root.to_le_bytes());
    put(56, &100_u64.to_le_bytes());
    put(64, &transaction.to_le_bytes());
    let sum = fnv_1a(&page[16..72]);
    page[72..80].copy_from_slice(&sum.to_le_bytes());
    page
}

/// What opening a file says that begins with these metas, where the stream begins with a transaction 8 at root 5.
fn opened(metas: [Vec<u8>; 2]) -> Result<Option<PinnedPages>, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&metas.concat()).unwrap();
    file.write_all(&[9; 4096]).unwrap();
    let head = [meta(8, 5), meta(7, 5), vec![1; 2 * 65536]].concat();
    open(file.path(), head)
}

#[test]
fn the_file_must_hold_the_transaction_of_the_stream() {
    assert!(opened([meta(8, 5), meta(7, 4)]).unwrap().is_some());
    // One commit later.
    assert!(opened([meta(8, 5), meta(9, 6)]).unwrap().is_some());
    // Two commits later, a copy from before, another member's, and a page that is being written.
    let torn = [meta(8, 5)[..60].to_vec(), vec![0; 4036]].concat();
    for metas in [
        [meta(10, 7), meta(9, 6)],
        [meta(6, 5), meta(7, 5)],
        [meta(8, 6), meta(7, 5)],
        [torn, meta(7, 5)],
    ] {
        assert!(opened(metas).unwrap().is_none());
    }
    let folder = tempfile::tempdir().unwrap();
    let missing = open(&folder.path().join("db"), meta(8, 5));
    assert!(missing.err().unwrap().contains("cannot be opened"));
    let none = open(Path::new("/dev/null"), vec![0; 200]);
    assert_eq!(none.err().unwrap(), "the snapshot does not begin as a database does");
}

#[test]
fn metas_come_from_the_stream_and_all_else_from_the_file() {
    let pages = opened([meta(8, 5), meta(9, 6)]).unwrap().unwrap();
    let read = |offset, length| {
        let mut into = vec![0; length];
        Pages::read_at(&pages, offset, &mut into).map(|()| into)
    };
    assert_eq!(read(0, 8192).unwrap(), [meta(8, 5), meta(7, 5)].concat());
    assert_eq!(read(4096, 4096).unwrap(), meta(7, 5));
    assert_eq!(read(8192, 4096).unwrap(), [9; 4096]);
    assert_eq!(read(8190, 4).unwrap(), [0, 0, 9, 9]);
    assert_eq!(read(8192, 4097).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert!(read(u64::MAX, 1).is_err());
}
