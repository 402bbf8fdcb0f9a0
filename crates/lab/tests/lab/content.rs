//! What clusters hold, and how busy they can be.

use crate::world::{block_on, cli, shared, text};
use cluster::KindRef;
use lab::content::{self, Size};

#[test]
#[ignore = "builds a lab: cargo xtask test"]
fn clusters_hold_what_estates_have_and_can_be_kept_busy() {
    block_on(async {
        let lab = shared().await;
        let client = lab.client("edge-2").await.unwrap();
        let before = content::fill(&client, 77, Size::of_objects(300), content::PARALLEL)
            .await
            .unwrap();
        assert!(before.total() >= 250, "{before:?}");
        let again = content::fill(&client, 77, Size::of_objects(300), content::PARALLEL)
            .await
            .unwrap();
        assert_eq!(again.created.values().sum::<usize>(), 0, "the same seed gives the same objects");
        for kind in [
            KindRef::new("v1", "Secret"),
            KindRef::new("v1", "ConfigMap"),
            KindRef::new("apps/v1", "Deployment"),
            KindRef::new("rbac.authorization.k8s.io/v1", "Role"),
            KindRef::new("coordination.k8s.io/v1", "Lease"),
            KindRef::new("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ] {
            assert!(!client.list(&kind, None).await.unwrap().items.is_empty(), "{kind:?}");
        }
        let churn = [
            "lab",
            "churn",
            "--name",
            "test",
            "--cluster",
            "edge-2",
            "--objects",
            "50",
            "--rate",
            "50",
        ];
        let output = cli(&[&["--output", "json"], &churn[..], &["--duration", "4"]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let done: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(done["done"].as_u64().unwrap() > 0 && done["failed"] == 0, "{done}");
    });
}
