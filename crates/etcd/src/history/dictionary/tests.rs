use super::*;

fn sampled(records: u64) -> Sampler {
    let mut sampler = Sampler::default();
    for n in 0..records {
        let rest = blake3::hash(&n.to_le_bytes());
        sampler.offer(format!(r#"{{"kind":"Pod","metadata":{{"namespace":"{}","uid":"{rest}"}}}}"#, n % 7).as_bytes());
    }
    sampler
}

#[test]
fn samples_are_few_and_from_everywhere() {
    let mut sampler = Sampler::default();
    for n in 0..100_000_u64 {
        sampler.offer(&[&n.to_le_bytes()[..], &[0; 200]].concat());
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
    let dictionary = sampled(2000).train().unwrap();
    assert!(dictionary.bytes().len() <= DICTIONARY_BYTES);
    let value = br#"{"kind":"Pod","metadata":{"namespace":"3","uid":"0"}}"#;
    let with = zstd::bulk::Compressor::with_prepared_dictionary(dictionary.encoder().unwrap()).unwrap();
    let (mut with, without) = (with, zstd::bulk::compress(value, SEGMENT_LEVEL).unwrap());
    assert!(with.compress(value).unwrap().len() < without.len());
    assert_eq!(dictionary.id(), *blake3::hash(dictionary.bytes()).as_bytes());
}

#[test]
fn the_same_records_make_the_same_dictionary() {
    assert_eq!(sampled(1000).train().unwrap().id(), sampled(1000).train().unwrap().id());
}

#[test]
fn little_or_nothing_makes_none() {
    assert!(sampled(0).train().is_none());
    assert!(sampled(100).train().is_none());
    let mut alike = Sampler::default();
    (0..20_000).for_each(|_| alike.offer(b"aaaa"));
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
