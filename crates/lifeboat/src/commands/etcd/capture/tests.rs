//! What a capture says of how far it is.

use super::{now, said};
use ::etcd::capture::Risk;

#[test]
fn who_waits_for_another_host_says_so_and_not_that_nothing_is_at_risk() {
    let mut risk = Risk::default();
    let waits = now(&risk.behind(), Some("waits: main-1 is at work".to_owned()));
    assert_eq!(said(&waits), "waits: main-1 is at work");
    let shown = serde_json::to_value(&waits).unwrap();
    assert!(shown["atRiskS"].is_null() && shown["waiting"] == "waits: main-1 is at work", "{shown}");

    assert_eq!(said(&now(&risk.behind(), None)), "no base yet, etcd not heard yet");
    risk.heard(7, ambient::monotonic());
    risk.acknowledged(7);
    let heard = now(&risk.behind(), None);
    assert_eq!(said(&heard), "revision 7 stored, 0 behind, 0.0 s at risk");
    let shown = serde_json::to_value(&heard).unwrap();
    assert!(shown["atRiskS"] == 0.0 && shown.get("waiting").is_none(), "{shown}");
}
