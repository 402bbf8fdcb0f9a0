use super::*;
use proptest::prelude::*;

#[test]
fn lengths_of_many_bytes_shift_as_the_crate_does() {
    let shifts = Shifts::new();
    for bytes in [0, 1, 255, 256, 65_537, (1 << 40) + 3, u64::from(u32::MAX)] {
        let by_crate = crc32c::crc32c_combine(0x1234_5678, 0x9abc_def0, bytes as usize);
        // The crate leaves the second out when it has no bytes; one of no bytes has the CRC 0.
        let second = if bytes == 0 { 0 } else { 0x9abc_def0 };
        assert_eq!(shifts.combine(0x1234_5678, second, bytes), by_crate, "{bytes} bytes");
    }
}

proptest! {
    #[test]
    fn two_strings_hash_as_one(a: Vec<u8>, b: Vec<u8>) {
        let whole = crc32c::crc32c(&[a.clone(), b.clone()].concat());
        prop_assert_eq!(Shifts::new().combine(crc32c::crc32c(&a), crc32c::crc32c(&b), b.len() as u64), whole);
    }
}
