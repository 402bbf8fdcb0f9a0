use super::*;

fn sheet(with_secrets: bool) -> Sheet {
    let secret = |text: &str| with_secrets.then(|| text.to_owned());
    Sheet {
        estate: "demo".to_owned(),
        repository: "dr".to_owned(),
        url: "s3://copies/demo".to_owned(),
        endpoint: Some("http://10.1.2.2:8333".to_owned()),
        id: "k3v9k3v9k3v9k3v9".to_owned(),
        root: "5f0c".repeat(16),
        credentials: vec![
            ("AWS_ACCESS_KEY_ID".to_owned(), secret("the-id")),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), secret("the-secret")),
        ],
        identity: secret("AGE-SECRET-KEY-1X"),
        recipients: vec!["safe (age1safe)".to_owned(), "cellar (age1cellar)".to_owned()],
    }
}

#[test]
fn a_sheet_says_all_that_an_empty_host_needs() {
    insta::assert_snapshot!(sheet(true).text());
}

#[test]
fn a_bare_sheet_says_where_to_write_what_it_leaves_out() {
    let text = sheet(false).text();
    assert!(!text.contains("the-secret") && !text.contains("AGE-SECRET"), "{text}");
    insta::assert_snapshot!(text);
}
