//! One object as the API server would store it: [`Object::key`] and [`Object::value`].
//!
//! All that an object holds follows from the seed, its number, how often it was replaced and how often changed. So an update changes
//! what updates change (a status, a time), and the rest stays, as in life.

use super::message::Message;
use measure::Random;

/// What there is in a cluster. Numbers of fields: Kubernetes `k8s.io/api/*/generated.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Of a replica set.
    Pod,
    /// Of an application.
    ReplicaSet,
    /// One in twenty holds a Helm release.
    Secret,
    /// Settings as text.
    ConfigMap,
    /// A custom resource, in JSON.
    Custom,
    /// Of a service.
    EndpointSlice,
    /// By which a node says that it lives.
    NodeLease,
    /// Hangs on a lease of etcd.
    Event,
}

/// An object in one of its states.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object {
    /// What it is.
    pub(crate) kind: Kind,
    /// Which of its kind.
    pub(crate) number: u64,
    /// How often another took its place (pods: a new name).
    pub(crate) replaced: u64,
    /// How often it was changed since.
    pub(crate) changed: u64,
    /// When, in Unix milliseconds.
    pub(crate) at_ms: u64,
}

/// Objects of one application have most of their text in common.
const PODS_OF_AN_APPLICATION: u64 = 3;
const TEAMS: [&str; 12] = [
    "billing",
    "catalog",
    "checkout",
    "identity",
    "inventory",
    "ledger",
    "mail",
    "orders",
    "pricing",
    "search",
    "shipping",
    "support",
];
const APPS: [&str; 10] = [
    "api", "batch", "cache", "front", "gateway", "importer", "indexer", "proxy", "queue", "worker",
];
const WORDS: [&str; 16] = [
    "cache",
    "connection",
    "database",
    "enabled",
    "endpoint",
    "false",
    "interval",
    "limit",
    "log",
    "pool",
    "retry",
    "size",
    "timeout",
    "true",
    "upstream",
    "worker",
];
/// What server-side apply remembers; every object of a kind has about the same.
const FIELDS: &str = r#"{"f:metadata":{"f:annotations":{".":{},"f:lab.test/contact":{}},"f:labels":{".":{},"f:app":{},"f:pod-template-hash":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"UID\"}":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"main\"}":{".":{},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:resources":{".":{},"f:limits":{".":{},"f:memory":{}}},"f:terminationMessagePath":{}}},"f:dnsPolicy":{},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{}}}"#;
/// What the kubelet writes is remembered apart.
const STATUS_FIELDS: &str = r#"{"f:status":{"f:conditions":{"k:{\"type\":\"ContainersReady\"}":{".":{},"f:lastProbeTime":{},"f:lastTransitionTime":{},"f:status":{},"f:type":{}},"k:{\"type\":\"Ready\"}":{".":{},"f:lastProbeTime":{},"f:lastTransitionTime":{},"f:status":{},"f:type":{}}},"f:containerStatuses":{},"f:hostIP":{},"f:hostIPs":{},"f:phase":{},"f:podIP":{},"f:podIPs":{".":{},"k:{\"ip\":\"10.0.0.1\"}":{".":{},"f:ip":{}}},"f:startTime":{}}}"#;

impl Object {
    /// As it is at the start.
    pub(crate) fn new(kind: Kind, number: u64, at_ms: u64) -> Self {
        Self { kind, number, replaced: 0, changed: 0, at_ms }
    }

    /// What it keeps for its life.
    fn own(&self, seed: u64) -> Random {
        Random::of(seed, self.kind as u64 ^ self.replaced << 8, self.number)
    }

    /// What its present state brought.
    fn state(&self, seed: u64) -> Random {
        Random::of(seed, self.kind as u64 | 0x80 | self.replaced << 8 | self.changed << 32, self.number)
    }

    /// The application that it belongs to, and what all of its objects share.
    fn application(&self, seed: u64) -> (Random, String, String) {
        let number = match self.kind {
            Kind::Pod | Kind::Event => self.number / PODS_OF_AN_APPLICATION,
            _ => self.number,
        };
        let mut shared = Random::of(seed, 0xa11, number);
        let team = format!("{}-{}", shared.pick(&TEAMS), shared.below(20));
        let name = format!("{}-{}", shared.pick(&APPS), number);
        (shared, team, name)
    }

    /// Where it stands in etcd.
    pub(crate) fn key(&self, seed: u64) -> String {
        let (_, team, app) = self.application(seed);
        let name = self.name(seed, &app);
        match self.kind {
            Kind::Pod => format!("/registry/pods/{team}/{name}"),
            Kind::ReplicaSet => format!("/registry/replicasets/{team}/{name}"),
            Kind::Secret => format!("/registry/secrets/{team}/{name}"),
            Kind::ConfigMap => format!("/registry/configmaps/{team}/{name}"),
            Kind::Custom => format!("/registry/fleet.lab.test/boats/{team}/{name}"),
            Kind::EndpointSlice => format!("/registry/endpointslices/{team}/{name}"),
            Kind::NodeLease => format!("/registry/leases/kube-node-lease/{name}"),
            Kind::Event => format!("/registry/events/{team}/{name}"),
        }
    }

    fn name(&self, seed: u64, app: &str) -> String {
        let mut own = self.own(seed);
        match self.kind {
            Kind::Pod => format!(
                "{app}-{}-{}",
                Random::of(seed, 1, self.number / PODS_OF_AN_APPLICATION).suffix(10),
                own.suffix(5)
            ),
            Kind::ReplicaSet | Kind::EndpointSlice => format!("{app}-{}", own.suffix(10)),
            Kind::Secret if self.number.is_multiple_of(20) => format!("sh.helm.release.v1.{app}.v{}", 1 + own.below(9)),
            Kind::Secret | Kind::ConfigMap | Kind::Custom => format!("{app}-{}", own.pick(&WORDS)),
            Kind::NodeLease => format!("node-{:04}.lab.test", self.number),
            Kind::Event => format!("{app}-{}.{}", own.suffix(5), own.hex(16)),
        }
    }

    /// What stands there.
    pub(crate) fn value(&self, seed: u64) -> Vec<u8> {
        match self.kind {
            Kind::Pod => self.pod(seed).stored("v1", "Pod"),
            Kind::ReplicaSet => self.replica_set(seed).stored("apps/v1", "ReplicaSet"),
            Kind::Secret => self.secret(seed).stored("v1", "Secret"),
            Kind::ConfigMap => self.config_map(seed).stored("v1", "ConfigMap"),
            Kind::Custom => self.custom(seed).into_bytes(),
            Kind::EndpointSlice => self.endpoint_slice(seed).stored("discovery.k8s.io/v1", "EndpointSlice"),
            Kind::NodeLease => self.node_lease(seed).stored("coordination.k8s.io/v1", "Lease"),
            Kind::Event => self.event(seed).stored("v1", "Event"),
        }
    }

    fn seconds(&self) -> u64 {
        self.at_ms / 1000
    }

    /// An `ObjectMeta`.
    fn metadata(&self, seed: u64, manager: &str) -> Message {
        let (mut shared, team, app) = self.application(seed);
        let mut own = self.own(seed);
        let managed = |manager: &str, fields: &str| {
            Message::new()
                .text(1, manager)
                .text(2, "Update")
                .text(3, "v1")
                .time(4, self.seconds())
                .text(6, "FieldsV1")
                .put(7, Message::new().text(1, fields))
        };
        let mut all = vec![managed(manager, &FIELDS.replace("UID", &shared.uid()))];
        if self.kind == Kind::Pod {
            all.push(managed("kubelet", STATUS_FIELDS));
        }
        Message::new()
            .text(1, &self.name(seed, &app))
            .text(3, &team)
            .text(5, &own.uid())
            .number(7, self.changed)
            .time(8, 1_767_225_600 + own.below(20_000_000))
            .entry(11, "app", &app)
            .entry(
                11,
                "pod-template-hash",
                &Random::of(seed, 1, self.number / PODS_OF_AN_APPLICATION).suffix(10),
            )
            .entry(12, "checksum/config", &own.hex(64))
            .entry(12, "lab.test/contact", &format!("team-{team}@lab.test"))
            .put(
                13,
                Message::new()
                    .text(1, "ReplicaSet")
                    .text(3, &app)
                    .text(4, &shared.uid())
                    .text(5, "apps/v1"),
            )
            .all(17, all)
    }

    /// A `PodSpec`, the same for all of an application.
    fn pod_spec(&self, seed: u64) -> Message {
        let (mut shared, _, _) = self.application(seed);
        let options = 2 + shared.below(5);
        let environment: Vec<_> = (0..options)
            .map(|i| {
                Message::new()
                    .text(1, &format!("OPTION_{i}"))
                    .text(2, &format!("{}-{}", shared.pick(&WORDS), shared.hex(8)))
            })
            .collect();
        let container = Message::new()
            .text(1, "main")
            .text(
                2,
                &format!("registry.lab.test/{}:v{}.{}", shared.pick(&APPS), shared.below(9), shared.below(30)),
            )
            .all(7, environment)
            .put(
                8,
                Message::new()
                    .entry(1, "memory", "256Mi")
                    .entry(2, "cpu", "100m")
                    .entry(2, "memory", "128Mi"),
            )
            .put(9, Message::new().text(1, "scratch").text(3, "/tmp"))
            .text(13, "/dev/termination-log")
            .text(14, "IfNotPresent");
        let tolerate = |key: &str| {
            Message::new()
                .text(1, key)
                .text(2, "Exists")
                .text(4, "NoExecute")
                .number(5, 300)
        };
        Message::new()
            .put(1, Message::new().text(1, "scratch").put(2, Message::new().put(2, Message::new())))
            .put(2, container)
            .text(3, "Always")
            .number(4, 30)
            .text(6, "ClusterFirst")
            .text(8, "app")
            .text(10, &format!("node-{:04}.lab.test", self.own(seed).below(400)))
            .text(19, "default-scheduler")
            .put(22, tolerate("node.kubernetes.io/not-ready"))
            .put(22, tolerate("node.kubernetes.io/unreachable"))
    }

    fn pod(&self, seed: u64) -> Message {
        let mut own = self.own(seed);
        // A container's id changes when it is started anew; most changes are of conditions and times.
        let restarts = self.changed / 8;
        let mut start = Self { changed: restarts, ..*self }.state(seed);
        let condition = |kind: &str| Message::new().text(1, kind).text(2, "True").time(4, self.seconds());
        let running = |name: &str, start: &mut Random| {
            Message::new()
                .text(1, name)
                .put(2, Message::new().put(2, Message::new().time(1, self.seconds())))
                .number(4, 1)
                .number(5, restarts)
                .text(6, "registry.lab.test/app:v1")
                .text(
                    7,
                    &format!(
                        "registry.lab.test/app@sha256:{}",
                        Random::of(seed, 2, self.number / PODS_OF_AN_APPLICATION).hex(64)
                    ),
                )
                .text(8, &format!("containerd://{}", start.hex(64)))
        };
        let address = format!("10.{}.{}.{}", own.below(64), own.below(256), own.below(256));
        let status = Message::new()
            .text(1, "Running")
            .all(
                2,
                [
                    "PodReadyToStartContainers",
                    "Initialized",
                    "Ready",
                    "ContainersReady",
                    "PodScheduled",
                ]
                .map(condition),
            )
            .text(5, &format!("192.168.{}.{}", own.below(4), own.below(256)))
            .text(6, &address)
            .time(7, self.seconds())
            .put(8, running("main", &mut start))
            .put(8, running("proxy", &mut start))
            .text(9, "Burstable");
        Message::new()
            .put(1, self.metadata(seed, "kube-controller-manager"))
            .put(2, self.pod_spec(seed))
            .put(3, status)
    }

    fn replica_set(&self, seed: u64) -> Message {
        let replicas = self.state(seed).below(9);
        let template = Message::new()
            .put(1, self.metadata(seed, "template"))
            .put(2, self.pod_spec(seed));
        let spec = Message::new().number(1, replicas).put(3, template);
        let status = Message::new().number(1, replicas).number(3, self.changed).number(4, replicas);
        Message::new()
            .put(1, self.metadata(seed, "kube-controller-manager"))
            .put(2, spec)
            .put(3, status)
    }

    fn secret(&self, seed: u64) -> Message {
        let mut state = self.state(seed);
        let (name, letters, kind) = match self.number % 20 {
            0 => ("release", 12_000, "helm.sh/release.v1"),
            _ => ("tls.key", 40 + state.below(2_000) as usize, "Opaque"),
        };
        let data = Message::new().text(1, name).text(2, &state.base64(letters));
        Message::new().put(1, self.metadata(seed, "helm")).put(2, data).text(3, kind)
    }

    fn config_map(&self, seed: u64) -> Message {
        let mut own = self.own(seed);
        let lines = 4 + own.below(40);
        let mut text = format!("revision = {}\n", self.changed);
        for _ in 0..lines {
            text += &format!(
                "{}.{}.{} = {}\n",
                own.pick(&WORDS),
                own.pick(&WORDS),
                own.pick(&WORDS),
                own.below(100_000)
            );
        }
        Message::new()
            .put(1, self.metadata(seed, "kubectl"))
            .entry(2, "application.properties", &text)
    }

    fn custom(&self, seed: u64) -> String {
        let (_, team, app) = self.application(seed);
        let (mut own, mut state) = (self.own(seed), self.state(seed));
        let name = self.name(seed, &app);
        let crew: Vec<_> = (0..3 + own.below(8))
            .map(|_| format!(r#"{{"name":"{}-{}","role":"{}"}}"#, own.pick(&TEAMS), own.suffix(4), own.pick(&APPS)))
            .collect();
        let conditions = ["Ready", "Synced", "Sailing"].map(|kind| {
            format!(
                r#"{{"lastTransitionTime":{},"message":"{} {} after {} ms","reason":"Reconciled","status":"True","type":"{kind}"}}"#,
                self.seconds(), state.pick(&WORDS), state.pick(&WORDS), state.below(5000)
            )
        });
        format!(
            r#"{{"apiVersion":"fleet.lab.test/v1","kind":"Boat","metadata":{{"creationTimestamp":{},"generation":{},"labels":{{"app":"{app}"}},"managedFields":[{{"apiVersion":"fleet.lab.test/v1","fieldsType":"FieldsV1","fieldsV1":{FIELDS},"manager":"boat-operator","operation":"Update"}}],"name":"{name}","namespace":"{team}","uid":"{}"}},"spec":{{"crew":[{}],"harbor":"{}","length":{}}},"status":{{"conditions":[{}],"observedGeneration":{}}}}}"#,
            1_767_225_600 + own.below(20_000_000),
            self.changed,
            own.uid(),
            crew.join(","),
            own.pick(&TEAMS),
            own.below(400),
            conditions.join(","),
            self.changed
        )
    }

    fn endpoint_slice(&self, seed: u64) -> Message {
        let (mut own, mut state) = (self.own(seed), self.state(seed));
        let count = 1 + own.below(7);
        let endpoints = (0..count).map(|_| {
            Message::new()
                .text(1, &format!("10.{}.{}.{}", own.below(64), own.below(256), own.below(256)))
                .put(2, Message::new().number(1, state.below(2)).number(2, 1).number(3, 0))
                .put(
                    4,
                    Message::new()
                        .text(1, "Pod")
                        .text(3, &format!("pod-{}", own.suffix(5)))
                        .text(4, &own.uid()),
                )
                .text(6, &format!("node-{:04}.lab.test", own.below(400)))
        });
        let endpoints: Vec<_> = endpoints.collect();
        let port = Message::new().text(1, "http").text(2, "TCP").number(3, 8080);
        Message::new()
            .put(1, self.metadata(seed, "endpointslice-controller"))
            .all(2, endpoints)
            .put(3, port)
            .text(4, "IPv4")
    }

    /// Small: Kubernetes writes one for each node every ten seconds.
    fn node_lease(&self, seed: u64) -> Message {
        let mut own = self.own(seed);
        let node = format!("node-{:04}.lab.test", self.number);
        let fields = r#"{"f:metadata":{"f:ownerReferences":{".":{},"k:{\"uid\":\"UID\"}":{}}},"f:spec":{"f:holderIdentity":{},"f:leaseDurationSeconds":{},"f:renewTime":{}}}"#;
        let (uid, owner) = (own.uid(), own.uid());
        let managed = Message::new()
            .text(1, "kubelet")
            .text(2, "Update")
            .text(3, "coordination.k8s.io/v1");
        let managed = managed.time(4, self.seconds()).text(6, "FieldsV1");
        let managed = managed.put(7, Message::new().text(1, &fields.replace("UID", &owner)));
        let metadata = Message::new()
            .text(1, &node)
            .text(3, "kube-node-lease")
            .text(5, &uid)
            .time(8, 1_767_225_600 + own.below(1 << 24));
        let metadata = metadata
            .put(13, Message::new().text(1, "Node").text(3, &node).text(4, &owner).text(5, "v1"))
            .put(17, managed);
        let micros = self.at_ms % 1000 * 1_000_000 + self.state(seed).below(1000) * 1000;
        let renewed = Message::new().number(1, self.seconds()).number(2, micros);
        Message::new()
            .put(1, metadata)
            .put(2, Message::new().text(1, &node).number(2, 40).put(4, renewed))
    }

    fn event(&self, seed: u64) -> Message {
        let mut own = self.own(seed);
        let (_, team, app) = self.application(seed);
        let fields = r#"{"f:count":{},"f:firstTimestamp":{},"f:involvedObject":{},"f:lastTimestamp":{},"f:message":{},"f:reason":{},"f:source":{"f:component":{},"f:host":{}},"f:type":{}}"#;
        let managed = Message::new()
            .text(1, "kubelet")
            .text(2, "Update")
            .text(3, "v1")
            .time(4, self.seconds());
        let metadata = Message::new()
            .text(1, &self.name(seed, &app))
            .text(3, &team)
            .text(5, &own.uid())
            .time(8, self.seconds())
            .put(17, managed.text(6, "FieldsV1").put(7, Message::new().text(1, fields)));
        let reasons = [
            "Scheduled",
            "Pulled",
            "Created",
            "Started",
            "Killing",
            "Unhealthy",
            "BackOff",
            "FailedMount",
        ];
        let reason = own.pick(&reasons);
        let involved = Message::new()
            .text(1, "Pod")
            .text(2, &team)
            .text(3, &format!("{app}-{}", own.suffix(5)))
            .text(4, &own.uid());
        let message =
            format!("{reason}: {} of container main in {} took {} ms", own.pick(&WORDS), app, own.below(9000));
        Message::new()
            .put(1, metadata)
            .put(2, involved)
            .text(3, reason)
            .text(4, &message)
            .put(
                5,
                Message::new()
                    .text(1, "kubelet")
                    .text(2, &format!("node-{:04}.lab.test", own.below(400))),
            )
            .time(6, self.seconds())
            .time(7, self.seconds())
            .number(8, 1)
            .text(9, "Normal")
    }
}
