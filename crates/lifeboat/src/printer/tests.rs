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
fn only_the_last_column_is_wrapped_and_only_where_there_is_room() {
    let wide = |columns: u16| {
        let mut table = Table::new();
        table.set_width(columns).set_header(["OBJECT", "REASON"]);
        table.add_row([
            "configmaps/shop/a-name-that-is-long",
            "many words that do not fit beside it on one line",
        ]);
        plain(rendered(table))
    };
    assert!(
        wide(70).lines().count() > 2 && wide(70).contains("configmaps/shop/a-name-that-is-long  "),
        "{}",
        wide(70)
    );
    assert_eq!(wide(40).lines().count(), 2, "{}", wide(40));
    let mut table = Table::new();
    table
        .set_width(80)
        .add_row(["a".repeat(70_000), "b".repeat(70_000), "c".to_owned()]);
    assert!(plain(rendered(table)).contains('c'));
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

#[test]
fn lines_are_wrapped_between_words_and_indented() {
    let text = "rancher lacks: the key aesgcm/one, which opens 12 Secrets of this cluster\n  next: /a/very/long/path/that/fits/nowhere/at/all/and/stays/whole ok\n\nend";
    insta::assert_snapshot!(lines_in(Some(44), text), @r"
    rancher lacks: the key aesgcm/one, which
      opens 12 Secrets of this cluster
      next:
        /a/very/long/path/that/fits/nowhere/at/all/and/stays/whole
        ok

    end
    ");
    for columns in [1, 39, 200] {
        assert_eq!(lines_in(Some(columns), text), text);
    }
    for odd in ["", "\n", "   ", "a  b", "  a\n\n"] {
        assert_eq!(lines_in(Some(60), odd), odd);
    }
}
