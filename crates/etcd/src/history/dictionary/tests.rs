use super::*;

fn sampled(records: u64) -> Sampler {
    let mut sampler = Sampler::default();
    for n in 0..records {
        let rest = blake3::hash(&n.to_le_bytes());
        sampler.offer(
            1,
            format!(r#"{{"kind":"Pod","metadata":{{"namespace":"{}","uid":"{rest}"}}}}"#, n % 7).as_bytes(),
        );
    }
    sampler
}

#[test]
fn samples_are_few_and_from_everywhere() {
    let mut sampler = Sampler::default();
    for n in 0..100_000_u64 {
        sampler.offer(1, &[&n.to_le_bytes()[..], &[0; 200]].concat());
    }
    assert!(sampler.bytes <= SAMPLE_BYTES && sampler.bytes > SAMPLE_BYTES / 4);
    let numbers: Vec<u64> = sampler
        .samples
        .iter()
        .map(|it| u64::from_le_bytes(it[..8].try_into().unwrap()))
        .collect();
    let step = numbers[1] - numbers[0];
    assert!(numbers.windows(2).all(|pair| pair[1] - pair[0] == step), "they are not evenly spread");
    assert!(numbers.last().unwrap() + step >= 100_000);
}

#[test]
fn a_dictionary_makes_small_frames_smaller() {
    let dictionary = sampled(20_000).train().unwrap();
    assert!(dictionary.bytes().len() <= TRAINED_BYTES);
    let value = br#"{"kind":"Pod","metadata":{"namespace":"3","uid":"0"}}"#;
    let with = zstd::bulk::Compressor::with_prepared_dictionary(dictionary.encoder().unwrap()).unwrap();
    let (mut with, without) = (with, zstd::bulk::compress(value, SEGMENT_LEVEL).unwrap());
    assert!(with.compress(value).unwrap().len() < without.len());
    assert_eq!(dictionary.id(), *blake3::hash(dictionary.bytes()).as_bytes());
}

#[test]
fn the_same_records_make_the_same_dictionary() {
    assert_eq!(sampled(5000).train().unwrap().id(), sampled(5000).train().unwrap().id());
}

#[test]
fn little_or_nothing_makes_none() {
    assert!(sampled(0).train().is_none());
    assert!(sampled(100).train().is_none());
    let mut alike = Sampler::default();
    (0..100_000).for_each(|_| alike.offer(1, b"aaaa"));
    // Whether zstd takes such a thing is its affair; that it is no error is ours.
    let _ = alike.train();
}

#[test]
fn nothing_of_it_is_shown() {
    assert_eq!(
        format!("{:?}", Dictionary::new(Bytes::from_static(b"secret")).unwrap()),
        "dictionary of 6 bytes"
    );
}

#[test]
fn what_changes_often_is_in_it_as_it_is() {
    let value = |n: u64| format!(r#"{{"kind":"Lease","uid":"{}"}}"#, blake3::hash(&n.to_be_bytes())).into_bytes();
    let mut sampler = sampled(20_000);
    for n in 0..10_000 {
        sampler.offer(n, &value(n));
    }
    sampler.offer(u64::MAX, &vec![7; OFTEN_RECORD_BYTES + 1]);
    assert!(sampler.often_bytes <= OFTEN_BYTES && sampler.often_bytes > OFTEN_BYTES - 1000);
    let dictionary = sampler.train().unwrap();
    assert!(dictionary.bytes().len() <= TRAINED_BYTES + OFTEN_BYTES);
    assert!(dictionary.bytes().ends_with(&value(9_999)), "the one that changes most often stands last");
    let holds = |wanted: &[u8]| dictionary.bytes().windows(wanted.len()).any(|it| it == wanted);
    assert!(holds(&value(9_000)) && !holds(&value(100)));

    let mut with = zstd::bulk::Compressor::with_prepared_dictionary(dictionary.encoder().unwrap()).unwrap();
    let packed = with.compress(&value(9_500)).unwrap();
    assert!(packed.len() < 30, "{} bytes for what is known", packed.len());
    let mut back = zstd::bulk::Decompressor::with_prepared_dictionary(dictionary.decoder().unwrap()).unwrap();
    assert_eq!(back.decompress(&packed, 1000).unwrap(), value(9_500));
}
