//! Which works are done.

use super::*;

#[test]
fn works_are_asked_for_by_what_their_names_begin_with() {
    let some = Bench::of(vec!["bytes".to_owned(), "risk".to_owned()]);
    assert!(some.wants("risk-100") && !some.wants("rebuild"));
    assert!(Bench::of(Vec::new()).wants("rebuild"));
}

#[tokio::test]
async fn only_what_is_asked_for_is_done() {
    let row = Row {
        work: "w".into(),
        unit: "s",
        ours: vec![1.0],
        peer: None,
        goal: crate::Goal::None,
    };
    let mut bench = Bench::of(vec!["a".to_owned()]);
    bench.work("a", "first", async || Ok(vec![row.clone()])).await.unwrap();
    bench.work("b", "second", async || panic!("nobody asked for it")).await.unwrap();
    let failed = bench.work("ab", "third", async || anyhow::bail!("it broke")).await.unwrap_err();
    assert_eq!(format!("{failed:#}"), "ab: it broke");
    assert_eq!(bench.rows.len(), 1);
}
