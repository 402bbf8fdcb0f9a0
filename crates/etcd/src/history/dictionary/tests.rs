use super::*;

fn sampled(records: u64) -> Sampler {
    let mut sampler = Sampler::default();
    for n in 0..records {
        let rest = blake3::hash(&n.to_le_bytes());
        sampler.offer(
            n,
            format!(r#"{{"kind":"Pod","metadata":{{"namespace":"{}","uid":"{rest}"}}}}"#, n % 7).as_bytes(),
        );
    }
    sampler
}

fn trained(sampler: Sampler) -> Option<Dictionary> {
    sampler.train().end(Favourites::default())
}

#[test]
fn samples_are_few_and_from_everywhere_in_whatever_order_they_come() {
    let sample = |n: u64| [&n.to_le_bytes()[..], &[0; 200]].concat();
    let (mut sampler, mut backwards) = (Sampler::default(), Sampler::default());
    for n in 0..100_000_u64 {
        sampler.offer(n, &sample(n));
        backwards.offer(99_999 - n, &sample(99_999 - n));
    }
    assert!(sampler.bytes <= SAMPLE_BYTES && sampler.bytes > SAMPLE_BYTES / 4);
    let numbers: Vec<u64> = sampler.samples.iter().map(|it| it.0).collect();
    let widest = numbers.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(widest < 100_000 / numbers.len() as u64 * 3, "they are not evenly spread");
    assert!(numbers.first().unwrap() <= &widest && numbers.last().unwrap() + widest >= 100_000);
    backwards.samples.reverse();
    assert!(backwards.samples == sampler.samples);
}

#[test]
fn a_dictionary_makes_small_frames_smaller() {
    let dictionary = trained(sampled(20_000)).unwrap();
    assert!(dictionary.bytes().len() <= TRAINED_BYTES);
    let value = br#"{"kind":"Pod","metadata":{"namespace":"3","uid":"0"}}"#;
    let with = zstd::bulk::Compressor::with_prepared_dictionary(dictionary.encoder().unwrap()).unwrap();
    let (mut with, without) = (with, zstd::bulk::compress(value, SEGMENT_LEVEL).unwrap());
    assert!(with.compress(value).unwrap().len() < without.len());
    assert_eq!(dictionary.id(), *blake3::hash(dictionary.bytes()).as_bytes());
}

#[test]
fn the_same_records_make_the_same_dictionary() {
    let train = || trained(sampled(5000)).unwrap();
    assert_eq!(train().id(), train().id());
}

#[test]
fn little_or_nothing_makes_none() {
    assert!(trained(sampled(0)).is_none());
    assert!(trained(sampled(100)).is_none());
    let mut alike = Sampler::default();
    (0..100_000).for_each(|n| alike.offer(n, b"aaaa"));
    // Whether zstd takes such a thing is its affair; that it is no error is ours.
    let _ = trained(alike);
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
    let mut favourites = Favourites::default();
    for n in 0..10_000 {
        favourites.offer(n, &value(n));
    }
    favourites.offer(u64::MAX, &vec![7; OFTEN_RECORD_BYTES + 1]);
    assert!(favourites.bytes <= OFTEN_BYTES && favourites.bytes > OFTEN_BYTES - 1000);
    let dictionary = sampled(20_000).train().end(favourites).unwrap();
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
