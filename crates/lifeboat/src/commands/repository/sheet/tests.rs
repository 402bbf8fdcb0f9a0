use super::*;
use estate::Estate;

const ESTATE: &str = include_str!("../../../../../estate/src/file/tests/good.yaml");

fn sheet(with_secrets: bool) -> Sheet {
    let secret = |text: &str| with_secrets.then(|| text.to_owned());
    Sheet {
        estate: "demo".to_owned(),
        repository: "dr".to_owned(),
        url: "s3://copies/demo".to_owned(),
        endpoint: Some("http://10.1.2.2:8333".to_owned()),
        id: "k3v9k3v9k3v9k3v9".to_owned(),
        root: "5f0c".repeat(16),
        access: Access {
            region: Some("eu-central-1".to_owned()),
            credentials: vec![
                ("AWS_ACCESS_KEY_ID".to_owned(), secret("the-id")),
                ("AWS_SECRET_ACCESS_KEY".to_owned(), secret("the-secret")),
            ],
            from_outside: false,
        },
        identity: secret("AGE-SECRET-KEY-1X"),
        identity_lacks: None,
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

/// The sheet's text where the estate's store is `store`, and the environment has `variables`.
fn of(store: &str, variables: &[(&str, &str)]) -> String {
    let begin = ESTATE.find("    url: s3:").unwrap();
    let end = ESTATE.find("    recipients:").unwrap();
    let text = format!("{}{store}{}", &ESTATE[..begin], &ESTATE[end..]);
    let world = World::new(Estate::parse("lifeboat.yaml", &text).unwrap(), text, "/absent/lifeboat.yaml".into(), None);
    let repository = &world.estate.repositories[&"standby-s3".parse().unwrap()];
    let variable = |name: &str| {
        variables
            .iter()
            .find(|(it, _)| *it == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let access = Access::of(&world, repository, false, variable).unwrap();
    Sheet { access, url: repository.url.to_string(), ..sheet(false) }.text()
}

#[test]
fn what_the_estate_leaves_to_the_environment_or_the_cloud_is_asked_for() {
    let s3 = of(
        "    url: s3://lifeboat\n",
        &[("AWS_REGION", "eu-west-3"), ("AWS_SECRET_ACCESS_KEY", "temporary")],
    );
    for line in [
        "Region      eu-west-3\n",
        "Store needs AWS_ACCESS_KEY_ID=(write",
        "Store needs AWS_SECRET_ACCESS_KEY=(write",
        "            (the estate names no credentials",
        " --region eu-west-3 \\\n",
    ] {
        assert!(s3.contains(line), "{line}: {s3}");
    }
    let google = of("    url: gs://lifeboat\n", &[]);
    assert!(google.contains("Store needs GOOGLE_SERVICE_ACCOUNT_KEY=(write"), "{google}");
    let azure = of("    url: az://lifeboat\n    account: copies\n", &[]);
    assert!(
        azure.contains("Store needs AZURE_STORAGE_ACCOUNT_NAME=copies\nStore needs AZURE_STORAGE_ACCOUNT_KEY=(write"),
        "{azure}"
    );
    let azure = of("    url: az://lifeboat\n", &[("AZURE_STORAGE_ACCOUNT_NAME", "copies")]);
    assert!(azure.contains("Store needs AZURE_STORAGE_ACCOUNT_NAME=copies\n"), "{azure}");
    let directory = of("    url: file:copies\n", &[]);
    assert!(
        directory.contains("Store needs nothing\n") && !directory.contains("names no credentials"),
        "{directory}"
    );
    let named = of(
        "    url: s3://lifeboat\n    accessKey: file:a\n    secretKey: file:b\n    region: x-1\n",
        &[],
    );
    assert!(named.contains("Region      x-1\n") && !named.contains("names no credentials"), "{named}");
}
