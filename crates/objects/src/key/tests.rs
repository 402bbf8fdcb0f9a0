use super::*;

#[test]
fn a_key_tells_its_object() {
    let place = |key: &str| Place::of(REGISTRY, key.as_bytes()).map(|it| it.to_string());
    for (key, shown) in [
        ("/registry/deployments/shop/web", "deployments/shop/web"),
        ("/registry/minions/a", "nodes/a"),
        ("/registry/services/specs/shop/web", "services/shop/web"),
        ("/registry/services/endpoints/shop/web", "endpoints/shop/web"),
        ("/registry/cert-manager.io/certificates/shop/web", "certificates.cert-manager.io/shop/web"),
        ("/registry/management.cattle.io/clusters/local", "clusters.management.cattle.io/local"),
        ("/registry/apiregistration.k8s.io/apiservices/v1.", "apiservices/v1."),
        ("/registry/ranges/serviceips", "ranges/serviceips"),
        ("/registry/clusterroles/system:node", "clusterroles/system:node"),
    ] {
        assert_eq!(place(key).as_deref(), Some(shown));
    }
    for other in [
        "/bootstrap/abc",
        "compact_rev_key",
        "/registry/x",
        "/registry/pods/",
        "k3s/apiaddresses",
    ] {
        assert_eq!(place(other), None, "{other}");
    }
    assert_eq!(Place::of(REGISTRY, b"/registry/pods/\xff/x"), None);
    assert!(Place::of("/kubernetes.io", b"/kubernetes.io/pods/a/b").is_some());
}

#[test]
fn what_a_person_types_leads_to_the_key_and_back() {
    let key = |text: &str| text.parse::<Wanted>().map(|it| it.key(REGISTRY));
    for (typed, wanted) in [
        ("deploy/shop/web", "/registry/deployments/shop/web"),
        ("Deployment/shop/web", "/registry/deployments/shop/web"),
        ("deployments.apps/shop/web", "/registry/deployments/shop/web"),
        ("ingresses.networking.k8s.io/shop/web", "/registry/ingress/shop/web"),
        ("no/a", "/registry/minions/a"),
        ("svc/shop/web", "/registry/services/specs/shop/web"),
        ("certificates.cert-manager.io/shop/web", "/registry/cert-manager.io/certificates/shop/web"),
        ("clusters.management.cattle.io/local", "/registry/management.cattle.io/clusters/local"),
        ("crd/a.b", "/registry/apiextensions.k8s.io/customresourcedefinitions/a.b"),
        ("/registry/x/y", "/registry/x/y"),
    ] {
        assert_eq!(key(typed).as_deref(), Ok(wanted));
    }
    for odd in ["", "web", "a/b/c/d", "pods//web"] {
        assert!(key(odd).is_err(), "{odd}");
    }
    // A custom resource of the same short name keeps its group.
    assert_eq!(resource("services.serving.knative.dev"), "services.serving.knative.dev");
}

#[test]
fn a_filter_takes_a_namespace_with_what_is_in_it() {
    let of = |text: &str| Place::of(REGISTRY, text.as_bytes()).expect("it is an object");
    let filter = Filter { resources: vec![], namespace: Some("shop".to_owned()) };
    assert!(filter.admits(&of("/registry/pods/shop/a")));
    assert!(filter.admits(&of("/registry/namespaces/shop")));
    assert!(!filter.admits(&of("/registry/namespaces/other")));
    assert!(!filter.admits(&of("/registry/minions/shop")));
    let filter = Filter { resources: vec!["certificates".to_owned()], namespace: None };
    assert!(filter.admits(&of("/registry/cert-manager.io/certificates/shop/web")));
    assert!(!filter.admits(&of("/registry/certificatesigningrequests/a")));
}
