use super::*;

fn of(kind: io::ErrorKind, directory: Option<&str>) -> Error {
    let error = object_store::Error::Generic { store: "any", source: io::Error::from(kind).into() };
    let directory = directory.map(PathBuf::from);
    of_store("/srv/copies", directory.as_ref(), &Path::from("a/b"), &error)
}

#[test]
fn a_disks_errors_are_told_apart() {
    for (kind, told) in [
        (io::ErrorKind::StorageFull, "/srv/copies/a/b cannot be read or written: no storage space"),
        (io::ErrorKind::QuotaExceeded, "/srv/copies/a/b cannot be read or written: quota exceeded"),
        (
            io::ErrorKind::ReadOnlyFilesystem,
            "/srv/copies refuses a/b: read-only filesystem or storage medium",
        ),
        (io::ErrorKind::PermissionDenied, "/srv/copies refuses a/b: permission denied"),
    ] {
        assert_eq!(of(kind, Some("/srv/copies")).to_string(), told);
    }
    assert!(matches!(of(io::ErrorKind::TimedOut, None), Error::Unreachable { .. }));
}

#[test]
fn a_url_is_told_without_what_signs_it_and_a_cloud_without_credentials_is_named() {
    let of = |text: &str| told(&object_store::Error::Generic { store: "any", source: text.into() });
    assert_eq!(
        of("no answer from https://copies.example.org/a?sv=1&sig=secret today"),
        "no answer from https://copies.example.org/a today"
    );
    let metadata = of("PUT http://169.254.169.254/latest/api/token in 1 s");
    assert!(
        metadata.starts_with("no credentials are given, and the cloud hands out none: "),
        "{metadata}"
    );
}
