use super::{Asked, first_sound};
use estate::PointId;

#[test]
fn the_newest_and_the_newest_not_after_a_time() {
    let points: Vec<PointId> = [
        "000002-20261122T220300.000Z-cccc",
        "000001-20261122T220200.000Z-bbbb",
        "000001-20261122T220100.000Z-aaaa",
    ]
    .iter()
    .map(|id| id.parse().unwrap())
    .collect();
    let at = |time: &str| Asked::At(time.parse().unwrap());
    let told = |asked: Asked| asked.among(&points).map_or("none", |id| &id.as_str()[28..]).to_owned();
    assert_eq!(told(Asked::Newest), "cccc");
    assert_eq!(told(at("2026-11-22T22:02:00Z")), "bbbb");
    assert_eq!(told(at("2026-11-22T22:01:59.999Z")), "aaaa");
    assert_eq!(told(at("2026-11-22T22:00:00Z")), "none");
    assert_eq!(Asked::Newest.among(&[]), None);
}

#[tokio::test]
async fn the_newest_sound_one_is_found_wherever_it_is() {
    for count in 0..20 {
        for first in 0..=count {
            let found = first_sound(count, async |at| at >= first).await;
            assert_eq!(found, (first < count).then_some(first), "{first} of {count}");
        }
    }
}
