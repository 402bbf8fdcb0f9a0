use super::*;

fn user() -> User {
    User { name: "root".to_owned(), password: "secret".into() }
}

#[test]
fn a_password_is_never_shown() {
    let shown = format!("{:?} {:#?}", user(), Password::from("secret".to_owned()));
    assert!(shown.contains("root") && !shown.contains("secret"), "{shown}");
}

#[test]
fn only_a_stale_token_of_a_user_is_worth_another_try() {
    let (somebody, nobody) = (Login::new(Some(&user())), Login::new(None));
    for said in [
        "etcdserver: invalid auth token",
        "etcdserver: user name is empty",
        "etcdserver: revision of auth store is old",
    ] {
        assert!(somebody.can_renew(said) && !nobody.can_renew(said), "{said}");
    }
    assert!(!somebody.can_renew("etcdserver: permission denied"));
}

#[test]
fn a_token_goes_with_every_request() {
    let login = Login::new(Some(&user()));
    assert!(login.request(()).metadata().is_empty());
    *login.clone().token.lock().unwrap() = Some("abc.1".parse().unwrap());
    assert_eq!(login.request(()).metadata().get(TOKEN).unwrap(), "abc.1");
}
