use super::*;

#[test]
fn all_that_is_missing_is_told() {
    assert_eq!(lacking(Missing::default()), [String::new(); 0]);
    let all = lacking(Missing { entries: 4, requests: 3, uncertain: 2, gap: true });
    assert_eq!(all.len(), 3);
    for (text, begins) in all.iter().zip([
        "4 entries of the member's log are not in it, 3 of them requests",
        "2 more entries",
        "the log begins behind",
    ]) {
        assert!(text.starts_with(begins), "{text}");
    }
    assert_eq!(lacking(Missing { uncertain: 2, ..Missing::default() }).len(), 1);
}
