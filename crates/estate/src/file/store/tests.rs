use super::*;

fn read(text: &str) -> StoreUrl {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn each_kind_of_store_has_its_url() {
    for (text, path) in [
        ("file:copies", "copies"),
        ("file:../copies", "../copies"),
        ("file:/srv/copies", "/srv/copies"),
        ("file:///srv/copies at home", "/srv/copies at home"),
        ("file:///srv/50%40", "/srv/50%40"),
    ] {
        assert_eq!(read(text), StoreUrl::Directory(PathBuf::from(path)));
    }
    let s3 = |bucket: &str, prefix: &str| StoreUrl::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
    assert_eq!(read("s3://copies"), s3("copies", ""));
    assert_eq!(read("s3://copies/"), s3("copies", ""));
    assert_eq!(read("s3://copies/estate/a/"), s3("copies", "estate/a"));
    let (bucket, prefix) = ("my.copies_1".to_owned(), "a".to_owned());
    assert_eq!(read("gs://my.copies_1/a"), StoreUrl::Gcs { bucket, prefix });
    let (container, prefix) = ("copies".to_owned(), "a".to_owned());
    assert_eq!(read("az://copies/a"), StoreUrl::Azure { container, prefix });
}

#[test]
fn what_is_no_url_is_told() {
    for (text, told) in [
        ("copies", "a store is file:DIRECTORY, "),
        ("", "a store is file:DIRECTORY, "),
        ("gcs://copies", "a store is file:DIRECTORY, "),
        ("file:", "after file: comes the path"),
        ("file://srv/copies", "after file:// comes a path that begins with /"),
        ("s3:copies", "after s3:// comes a name"),
        ("gs://", "after gs:// comes a name"),
        ("s3:///copies", "after s3:// comes a name"),
        ("s3://copies?region=x", "after s3:// comes a name"),
        ("az://copies/a//b", "a prefix is names"),
        ("s3://copies/../a", "a prefix is names"),
        ("s3://copies/a b", "a prefix is names"),
        ("s3://key:secret@copies", NO_CREDENTIALS),
        ("https://key:secret@s3.example.org", NO_CREDENTIALS),
    ] {
        let error = text.parse::<StoreUrl>().unwrap_err().to_string();
        assert!(error.starts_with(told), "{text}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    assert!(
        "s33://copies"
            .parse::<StoreUrl>()
            .unwrap_err()
            .to_string()
            .ends_with("is it \"s3\"?")
    );
}
