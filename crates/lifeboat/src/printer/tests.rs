use super::*;

fn plain(text: String) -> String {
    anstream::adapter::strip_str(&text).to_string()
}

#[test]
fn a_table_has_no_borders_and_no_trailing_blanks() {
    let rows = [
        ["rancher-1".to_owned(), "ready".to_owned()],
        ["edge-1".to_owned(), "unreachable".to_owned()],
    ];
    insta::assert_snapshot!(plain(table(["HOST", "HEALTH"], rows)), @r"
    HOST       HEALTH
    rancher-1  ready
    edge-1     unreachable
    ");
}

#[test]
fn a_card_has_no_header() {
    insta::assert_snapshot!(plain(card([("now", "today".to_owned()), ("skew", "none".to_owned())])), @r"
    now   today
    skew  none
    ");
}

#[test]
fn text_ends_with_exactly_one_line_end() {
    for text in ["a", "a\n"] {
        let mut written = Vec::new();
        write(&mut written, text).unwrap();
        assert_eq!(written, b"a\n");
    }
}
