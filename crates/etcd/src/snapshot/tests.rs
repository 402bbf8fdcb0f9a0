use super::*;
use proptest::prelude::*;

const PAGE: usize = 4096;

/// A snapshot of a database of five pages, of which only the first is more than filling.
pub(crate) fn sound() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..5 * PAGE).map(|at| (at / 7) as u8).collect();
    bytes[..80].fill(0);
    bytes[8] = 4;
    bytes[16..20].copy_from_slice(&0xED0C_DAED_u32.to_le_bytes());
    bytes[20] = 2;
    bytes[24..28].copy_from_slice(&(PAGE as u32).to_le_bytes());
    bytes[56] = 5;
    sealed(bytes)
}

/// Makes checksum and hash fit again.
fn sealed(mut database: Vec<u8>) -> Vec<u8> {
    let checksum = fnv_1a(&database[16..72]);
    database[72..80].copy_from_slice(&checksum.to_le_bytes());
    let hash = Sha256::digest(&database);
    database.extend_from_slice(&hash);
    database
}

fn changed(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = sound();
    change(&mut bytes);
    sealed(bytes[..5 * PAGE].to_vec())
}

async fn verify(bytes: &[u8]) -> Result<SnapshotInfo, Error> {
    verify_snapshot(bytes).await
}

#[tokio::test]
async fn a_sound_snapshot_is_told_by_size_and_hash() {
    let bytes = sound();
    let info = verify(&bytes).await.unwrap();
    assert_eq!(info.bytes, 5 * 4096 + 32);
    assert_eq!(info.sha256.as_slice(), Sha256::digest(&bytes).as_slice());
}

#[tokio::test]
async fn it_does_not_matter_in_which_pieces_it_is_read() {
    let bytes = sound();
    let whole = verify(&bytes).await.unwrap();
    for piece in [1, 31, 32, 33, 80, 5 * 4096] {
        let mut inspection = Inspection::default();
        bytes.chunks(piece).for_each(|chunk| inspection.take(chunk));
        assert_eq!(inspection.finish("it").unwrap(), whole, "in pieces of {piece}");
    }
}

#[tokio::test]
async fn what_is_missing_is_told_in_bytes() {
    let bytes = sound();
    let lengths = [
        (0, 16416),
        (31, 16416),
        (79, 16416),
        (16415, 16416),
        (16416, 20512),
        (5 * 4096, 20512),
        (20511, 20512),
    ];
    for (length, least) in lengths {
        match verify(&bytes[..length]).await {
            Err(Error::Truncated { expected, got, .. }) => assert_eq!((expected, got), (least, length as u64)),
            other => panic!("{length}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_flipped_bit_is_found_wherever_it_is() {
    let bytes = sound();
    // In a field of the first page, in its unused part, in a page, in the last byte hashed, in the hash.
    for at in [56, 64, 200, 9000, 5 * PAGE - 1, 5 * PAGE, 5 * PAGE + 31] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        match (at, verify(&flipped).await) {
            (..80, Err(Error::NotSnapshot { reason, .. })) => assert_eq!(reason, "its first page is damaged"),
            (80.., Err(Error::HashMismatch { .. })) => {}
            (_, other) => panic!("{at}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_goes_on_after_its_end_is_no_snapshot() {
    let mut bytes = sound();
    bytes.push(0);
    let error = verify(&bytes).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "the snapshot is no snapshot of etcd: it has 20513 bytes, but its first page says 20512"
    );
}

#[tokio::test]
async fn what_is_no_database_is_no_snapshot() {
    let cases = [
        (vec![0; 20512], "it does not begin as a database of etcd does"),
        (changed(|b| b[16] = 0), "it does not begin as a database of etcd does"),
        (changed(|b| b[8] = 2), "it does not begin as a database of etcd does"),
        (changed(|b| b[20] = 3), "its database is of an unknown version"),
        (changed(|b| b[24] = 1), "its first page says an impossible page size"),
        (changed(|b| b[24..28].fill(0)), "its first page says an impossible page size"),
        (changed(|b| b[56..64].fill(0xff)), "its first page says an impossible size"),
    ];
    for (bytes, why) in cases {
        match verify(&bytes).await {
            Err(Error::NotSnapshot { reason, .. }) => assert_eq!(reason, why),
            other => panic!("{why}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_reader_that_fails_is_no_end() {
    struct Failing;
    impl AsyncRead for Failing {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()))
        }
    }
    let bytes = sound();
    let error = verify_snapshot(bytes[..20000].chain(Failing)).await.unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error:?}");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), valid in any::<bool>()) {
        // Every other one begins well, so that what comes after it is reached.
        if valid && bytes.len() >= 80 {
            bytes[..28].copy_from_slice(&sound()[..28]);
            let checksum = fnv_1a(&bytes[16..72]);
            bytes[72..80].copy_from_slice(&checksum.to_le_bytes());
        }
        bytes.resize(bytes.len() + SMALLEST_BYTES as usize, 0);
        let mut inspection = Inspection::default();
        inspection.take(&bytes);
        prop_assert!(inspection.finish("it").is_err());
    }
}
