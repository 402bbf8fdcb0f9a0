use super::*;
use proptest::prelude::*;

fn sorted(pairs: &[(Vec<u8>, Vec<u8>)], budget_bytes: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
    let directory = tempfile::tempdir().unwrap();
    let mut sorter = Sorter::new(directory.path(), budget_bytes);
    for (key, payload) in pairs {
        sorter.push(key, payload).unwrap();
    }
    let sorted = sorter.finish().unwrap();
    // Nothing is left behind, even if the process were killed now.
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    sorted
        .map(|pair| pair.map(|(key, payload)| (key.to_vec(), payload.to_vec())).unwrap())
        .collect()
}

#[test]
fn what_does_not_fit_goes_to_disk_and_comes_back_in_order() {
    // Some 11 MiB through buffers of 64 KiB, with pairs that are larger than a buffer.
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = (0..3000_u32)
        .map(|n| {
            let scattered = n.wrapping_mul(2_654_435_761) % 1000;
            let payload = vec![n as u8; if n % 500 == 0 { 200_000 } else { (n % 5000) as usize }];
            (format!("/registry/{scattered}").into_bytes(), [&n.to_be_bytes(), &*payload].concat())
        })
        .collect();
    let mut expected = pairs.clone();
    expected.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(sorted(&pairs, 0) == expected);
    assert!(sorted(&pairs, 4 << 20) == expected);
    assert!(sorted(&pairs, 1 << 30) == expected);
}

#[test]
fn nothing_sorted_is_nothing() {
    assert_eq!(sorted(&[], 0), []);
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let mut sorter = Sorter::new(Path::new("/nowhere/at/all"), 0);
    let failed = (0..10_000).find_map(|_| sorter.push(b"key", &[0; 1000]).err()).unwrap();
    assert!(failed.to_string().starts_with("/nowhere/at/all cannot be used for sorting"), "{failed}");
}

proptest! {
    #[test]
    fn any_pairs_are_sorted_and_equal_keys_stay_in_order(
        keys in prop::collection::vec(prop::collection::vec(0..3_u8, 0..12), 0..200),
        size in 0..2000_usize,
    ) {
        let pairs: Vec<_> = keys.into_iter().enumerate().map(|(n, key)| {
            (key, [&n.to_be_bytes()[..], &vec![0; size]].concat())
        }).collect();
        let mut expected = pairs.clone();
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        prop_assert_eq!(sorted(&pairs, 0), expected);
    }
}
