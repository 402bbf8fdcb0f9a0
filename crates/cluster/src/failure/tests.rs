use super::*;

fn said(message: &str) -> String {
    let failure = Failure::Refused {
        code: 422,
        reason: "Invalid".to_owned(),
        message: message.to_owned(),
        fields: vec!["data".to_owned()],
    };
    match failure.about("https://api", "Secret shop/db".to_owned(), true) {
        Error::Invalid { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_a_secret_is_told_who_refuses_it_and_nothing_that_is_in_it() {
    let withheld = "(details withheld: it is a Secret)";
    for (message, known) in [
        (
            "secrets \"db\" is forbidden: unable to create new content in namespace shop because it is being terminated",
            "because it is being terminated",
        ),
        (
            "Secret \"db\" is invalid: data: Forbidden: field is immutable when `immutable` is set",
            "field is immutable when `immutable` is set",
        ),
        (
            "admission webhook \"strict.example.com\" denied the request: PLANTED is weak",
            "admission webhook strict.example.com denied it",
        ),
        (
            "secrets \"db\" is forbidden: ValidatingAdmissionPolicy 'no-weak' with binding 'all' denied request: PLANTED",
            "ValidatingAdmissionPolicy no-weak denied it",
        ),
        ("data: Invalid value: \"PLANTED\": admission webhook \"PLANTED here\"", "Invalid in data"),
    ] {
        assert_eq!(said(message), format!("{known} {withheld}"));
    }
}
