//! What is true of one cloud and not of all providers.

use super::super::super::relay::Mode;
use super::{Cloud, Kind, RANCHER, Subject, cloud};
use crate::{Error, Held, How, Records, Wanted};
use std::collections::BTreeSet;
use std::net::IpAddr;

const BOTH: &str = "both.lab.test";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

async fn all() -> [Cloud; 4] {
    [
        cloud(Kind::Route53).await,
        cloud(Kind::Cloudflare).await,
        cloud(Kind::Google).await,
        cloud(Kind::Azure).await,
    ]
}

#[tokio::test]
async fn the_other_kind_of_address_goes_along_and_comes_back() {
    for cloud in all().await {
        let provider = cloud.provider();
        let before = provider.read(BOTH).await.unwrap();
        let to = Wanted::new([ip("192.0.2.2")], 60);
        let left = provider.change(BOTH, &before, &to).await.unwrap().left;
        assert_eq!(
            left,
            Held::Records {
                a: Some(Records { addresses: to.addresses, ttl: 60 }),
                aaaa: None
            }
        );
        assert_eq!(cloud.sets.lock().unwrap().held(BOTH), left);
        provider.restore(BOTH, &before, &left).await.unwrap();
        // Each kind with a TTL of its own.
        assert_eq!(cloud.sets.lock().unwrap().held(BOTH), before);
    }
}

#[tokio::test]
async fn a_new_name_is_made_and_its_undo_removes_it() {
    for cloud in all().await {
        let provider = cloud.provider();
        let before = provider.read("new.lab.test").await.unwrap();
        assert_eq!(before, Held::NOTHING);
        let to = Wanted::new([ip("192.0.2.2"), ip("2001:db8::2")], 60);
        let left = provider.change("New.Lab.Test.", &before, &to).await.unwrap().left;
        assert_eq!(cloud.sets.lock().unwrap().held("new.lab.test"), left);
        provider.restore("new.lab.test", &before, &left).await.unwrap();
        assert_eq!(cloud.sets.lock().unwrap().held("new.lab.test"), Held::NOTHING);
    }
}

#[tokio::test]
async fn sets_of_several_addresses_overlap_and_shrink() {
    for cloud in all().await {
        let provider = cloud.provider();
        let before = provider.read("many.lab.test").await.unwrap();
        for to in [
            &["192.0.2.2", "192.0.2.7"][..],
            &["192.0.2.7"],
            &["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.7"],
        ] {
            let to: BTreeSet<IpAddr> = to.iter().map(|it| ip(it)).collect();
            let now = provider.read("many.lab.test").await.unwrap();
            let left = provider
                .change("many.lab.test", &now, &Wanted::new(to.clone(), 60))
                .await
                .unwrap()
                .left;
            assert_eq!((left.addresses(), &cloud.sets.lock().unwrap().held("many.lab.test")), (to, &left));
        }
        let now = provider.read("many.lab.test").await.unwrap();
        provider.restore("many.lab.test", &before, &now).await.unwrap();
        assert_eq!(cloud.sets.lock().unwrap().held("many.lab.test"), before);
    }
}

#[tokio::test]
async fn azure_completes_what_was_made_in_part() {
    let cloud = cloud(Kind::Azure).await;
    let provider = cloud.provider();
    let before = provider.read(BOTH).await.unwrap();
    let to = Wanted::new([ip("192.0.2.2")], 60);
    // The first of its two requests was made, and then the line was cut.
    let (a, aaaa) = (Records { addresses: to.addresses.clone(), ttl: 60 }, before.records(false).cloned());
    cloud.sets.lock().unwrap().put(BOTH, &Held::Records { a: Some(a), aaaa });
    let changed = provider.change(BOTH, &before, &to).await.unwrap();
    assert_eq!((changed.how, changed.left.addresses()), (How::Made, to.addresses));
    assert_eq!(cloud.sets.lock().unwrap().held(BOTH), changed.left);
}

#[tokio::test]
async fn cloudflare_takes_no_ttl_below_a_minute() {
    let cloud = cloud(Kind::Cloudflare).await;
    let provider = cloud.provider();
    let before = provider.read(RANCHER).await.unwrap();
    let left = provider
        .change(RANCHER, &before, &Wanted::new([ip("192.0.2.2")], 5))
        .await
        .unwrap()
        .left;
    assert_eq!(left.ttl(), Some(60));
    assert_eq!((provider.ttl(1), provider.kept_for(1)), (1, 300));
}

#[tokio::test]
async fn a_skewed_clock_is_told_with_both_times() {
    for kind in [Kind::Route53, Kind::Google] {
        let cloud = cloud(kind).await;
        let error = cloud.late().await.unwrap().read(RANCHER).await.unwrap_err();
        let Error::Skewed { ours, theirs: Some(theirs), .. } = error else {
            panic!("{error}")
        };
        let apart = theirs.as_second() - ours.as_second();
        assert!((3500..3700).contains(&apart), "{apart}");
    }
}

#[tokio::test]
async fn a_second_page_is_no_answer_about_one_name() {
    for (kind, body) in [
        (Kind::Cloudflare, r#"{"success":true,"result":[],"result_info":{"total_pages":2}}"#),
        (Kind::Google, r#"{"rrsets":[],"nextPageToken":"x"}"#),
    ] {
        let cloud = cloud(kind).await;
        let provider = cloud.provider();
        // With a token at hand, the next request is the list.
        provider.read(RANCHER).await.unwrap();
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        cloud.relay.set(Mode::AnswerAll(answer.into()));
        let error = provider.read(RANCHER).await.unwrap_err();
        assert!(error.to_string().contains("more pages"), "{error}");
    }
}

#[tokio::test]
async fn what_is_typed_is_the_vendors_own_tool() {
    let [route53, cloudflare, google, azure] = all().await;
    let to = super::super::wanted();
    let lines = |cloud: &Cloud| {
        cloud
            .provider()
            .by_hand(RANCHER, &cloud.sets.lock().unwrap().held(RANCHER), &to)
    };
    let typed = lines(&route53).join("\n");
    let (_, batch) = typed.split_once("--change-batch '").unwrap();
    let batch: serde_json::Value = serde_json::from_str(batch.trim_end_matches('\'')).unwrap();
    assert_eq!(batch["Changes"][0]["Action"], "DELETE");
    assert_eq!(batch["Changes"][1]["ResourceRecordSet"]["ResourceRecords"][0]["Value"], "192.0.2.2");
    assert!(
        lines(&cloudflare)[1].contains("\"posts\":[{\"content\":\"192.0.2.2\""),
        "{:?}",
        lines(&cloudflare)
    );
    assert_eq!(
        lines(&google)[1..3],
        [
            "gcloud dns record-sets transaction remove --name=rancher.lab.test. --type=A --ttl=300 192.0.2.1 --zone=lab --project=estate",
            "gcloud dns record-sets transaction add --name=rancher.lab.test. --type=A --ttl=60 192.0.2.2 --zone=lab --project=estate",
        ]
    );
    assert_eq!(
        lines(&azure),
        [
            "az network dns record-set a add-record -g dns -z lab.test -n rancher --ipv4-address 192.0.2.2 --ttl 60",
            "az network dns record-set a remove-record -g dns -z lab.test -n rancher --ipv4-address 192.0.2.1",
            "az network dns record-set a update -g dns -z lab.test -n rancher --set ttl=60",
        ]
    );
}
