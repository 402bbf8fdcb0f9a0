//! The steps by which a cluster comes up on a host, alike for a failover and for a restore. Start at [`Onto`].

use crate::Step;
use crate::action::{
    Action, AwaitHost, IssueCertificates, JoinNodes, Moment, PrepareHost, PromoteEtcd, ResetEtcd, RestoreEtcd,
    RestoreFiles, StartControlPlane, StopControlPlane, Word,
};
use crate::facts::Member;
use crate::hand::{ByHand, Look, Undo};
use crate::scene::Way;
use estate::{Distribution, Name, Point, Standing};

/// How far revisions are bumped, beyond the newest that is known. More than any cluster writes after that.
pub(crate) const BUMP: u64 = 1_000_000_000;

/// Where manifests are put that are not to run. `protect` knows the same place.
pub const PARKED: &str = "/etc/kubernetes/lifeboat-parked";

/// The flags of the API server whose files are the cluster's. `protect` knows the same ones: a test of `recovery`, which sees both, compares them.
pub const FLAGS: &str = "encryption-provider-config token-auth-file audit-policy-file authentication-config authorization-config authentication-token-webhook-config-file admission-control-config-file";

/// Waits until a control plane has stopped: an etcd that still runs goes on with its files, wherever they were moved.
const STOPPED: &str = "while pgrep -x 'etcd|kube-apiserver' >/dev/null 2>&1; do sleep 1; done";

/// What is noted of a host on which nothing of a control plane ran before the run.
pub const STOOD_STILL: &str = "stood-still";

/// Does something with each of some files that is there.
fn each_of(files: &str, run: &str) -> String {
    format!("for f in {files}; do [ ! -f \"$f\" ] || {run}; done")
}

/// Parks the manifests of a control plane, where there are any.
pub(crate) fn park() -> String {
    format!(
        "mkdir -p {PARKED} && find /etc/kubernetes/manifests -maxdepth 1 -name '*.yaml' -exec mv -t {PARKED}/ {{}} +"
    )
}

/// A script of somebody else's as it is typed: what ends it must not end the shell that it is typed into.
pub(crate) fn in_parentheses(script: &str) -> String {
    match script.contains("exit") || script.trim_end().contains('\n') {
        true => format!("(\n{}\n)", script.trim_end()),
        false => script.to_owned(),
    }
}

/// Puts parked manifests back.
pub(crate) fn unpark() -> String {
    format!(
        "mkdir -p /etc/kubernetes/manifests; [ ! -d {PARKED} ] || find {PARKED} -maxdepth 1 -name '*.yaml' -exec mv -t /etc/kubernetes/manifests/ {{}} +"
    )
}

/// A host that a cluster comes up on.
pub(crate) struct Onto<'a> {
    pub(crate) cluster: &'a Name,
    pub(crate) repository: &'a Name,
    pub(crate) distribution: Distribution,
    pub(crate) host: &'a Name,
    /// How it is entered.
    pub(crate) way: Way,
    /// The id of the step.
    pub(crate) id: String,
    /// What is put behind the names of directories where the person is, so that those of several hosts are told apart.
    pub(crate) suffix: String,
    /// Where the copy lies ready there.
    pub(crate) directory: String,
    /// What is replaced is kept under this name.
    pub(crate) label: String,
    pub(crate) member: &'a Member,
    /// `NAME=URL` of all members that the restored etcd begins with.
    pub(crate) initial_cluster: String,
    /// kubeadm's configuration there.
    pub(crate) kubeadm_config: &'a str,
    /// Whether it has a member of etcd and nothing else.
    pub(crate) alone: bool,
    /// How far revisions are bumped.
    pub(crate) bump: u64,
}

impl Onto<'_> {
    /// The service of k3s or RKE2, which is also the word behind its command.
    fn service(&self) -> String {
        match self.distribution {
            Distribution::Rke2 => "rke2-server".to_owned(),
            other => other.to_string(),
        }
    }

    fn kubectl(&self) -> String {
        match self.is_rancher() {
            true => format!("{} kubectl", self.distribution),
            false => "kubectl --kubeconfig /etc/kubernetes/admin.conf".to_owned(),
        }
    }

    pub(super) fn is_rancher(&self) -> bool {
        matches!(self.distribution, Distribution::K3s | Distribution::Rke2)
    }

    /// What the steps call there.
    pub(super) fn programs(&self) -> Vec<String> {
        let words = match self.distribution {
            Distribution::K3s => "k3s tar pgrep pkill flock",
            Distribution::Rke2 => "rke2 tar pgrep pkill flock",
            _ => "etcdutl kubeadm tar pgrep pkill flock",
        };
        words.split(' ').map(str::to_owned).collect()
    }

    pub(crate) fn await_host(&self, node: &str) -> Step {
        let at = self.host;
        Step {
            id: self.id.clone(),
            what: format!("Wait until {at} can be entered, and see that it is {node}, as its node will be called."),
            by_hand: ByHand::here([format!(
                "until {} -o ConnectTimeout=5 {} true; do sleep 5; done",
                self.way.ssh(),
                self.way.at
            )]),
            check: Look::new(ByHand::on(at, ["uname -n".to_owned()]), node),
            undo: Undo::none("none is needed: nothing is changed"),
            // A machine that is made has to start, and to be given its name and its keys.
            timeout_s: 900,
            attempts: 1,
            action: Action::AwaitHost(AwaitHost { host: at.clone(), node: node.to_owned() }),
            ..Step::blank()
        }
    }

    pub(crate) fn stop(&self, manager_stop: Option<&str>) -> Step {
        let at = self.host;
        let by_hand = match self.is_rancher() {
            true => ByHand::on(
                at,
                [
                    format!("systemctl stop {}", self.service()),
                    format!("command -v {0}-killall.sh >/dev/null && {0}-killall.sh || true", self.distribution),
                ],
            ),
            false => ByHand::on(at, manager_stop.map(in_parentheses).into_iter().chain([park(), STOPPED.to_owned()])),
        };
        Step {
            id: self.id.clone(),
            what: format!(
                "Stop the control plane that {at} runs of its own, so that nothing holds the files that are replaced."
            ),
            by_hand,
            check: Look::new(ByHand::on(at, ["pgrep -l -x 'etcd|kube-apiserver' 2>&1".to_owned()]), "nothing"),
            undo: match self.is_rancher() {
                true => Undo::on(at, [format!("systemctl start {}", self.service())]),
                // What stood still before, as a site that was fenced does, is not started.
                false => Undo::on(
                    at,
                    [
                        format!("[ -e {}/{STOOD_STILL} ] || {{ {}; }}", self.directory, unpark()),
                        "systemctl restart kubelet".to_owned(),
                    ],
                ),
            },
            timeout_s: 90,
            attempts: 3,
            action: Action::StopControlPlane(StopControlPlane {
                host: at.clone(),
                distribution: self.distribution,
                manager_stop: manager_stop.map(str::to_owned),
                noted: (!self.is_rancher()).then(|| self.directory.clone()),
            }),
            ..Step::blank()
        }
    }

    pub(crate) fn prepare(&self, from: &str, words: &[Word]) -> Step {
        let (at, directory) = (self.host, &self.directory);
        let aside = format!("/var/lib/lifeboat/replaced/{}", self.label);
        let renamed: Vec<String> = words.iter().map(|word| format!("{} becomes {}", word.from, word.to)).collect();
        let renamed = match renamed.is_empty() {
            true => String::new(),
            false => format!(" In its settings {}.", renamed.join(", ")),
        };
        Step {
            id: self.id.clone(),
            what: format!(
                "Put the settings and keys of the copied host {from} onto {at}; what differs there is kept in {aside}.{renamed}"
            ),
            by_hand: self.prepared_by_hand(from, words, &aside),
            check: Look::new(
                ByHand::here([format!(
                    "lifeboat restore files {} --from {from} --to {at} --dry-run",
                    self.cluster
                )]),
                "nothing is to be put back",
            ),
            undo: Undo::on(
                at,
                [format!(
                    "[ ! -d {aside}/old ] || tar -C {aside}/old -cf - . | tar -C / -xpf - --no-overwrite-dir; [ ! -e {aside}/made ] || sort -rz {aside}/made | xargs -0r rm -df --"
                )],
            ),
            timeout_s: 120,
            attempts: 2,
            action: Action::PrepareHost(PrepareHost {
                host: at.clone(),
                distribution: self.distribution,
                directory: directory.clone(),
                from: from.to_owned(),
                words: words.to_vec(),
                kubeadm_config: self.kubeadm_config.to_owned(),
                aside,
            }),
            ..Step::blank()
        }
    }

    /// A kubelet would start the manifests while they are unpacked, so it stands still until they are parked.
    fn prepared_by_hand(&self, from: &str, words: &[Word], aside: &str) -> ByHand {
        let (at, directory) = (self.host, &self.directory);
        let keep = |more: &str| {
            format!(
                "mkdir -p -m 700 {aside}/old; (zstd -dc {directory}/files | tar -t {from} | grep -v '/$' | sed 's|^{from}||'; find {more} -type f) 2>/dev/null | tar -C / -cf - --ignore-failed-read -T - 2>/dev/null | tar -C {aside}/old -xpf -"
            )
        };
        let unpack = format!("zstd -dc {directory}/files | tar -xp -C / --strip-components=1 {from}");
        // Whole words, as `protect` replaces them.
        let edit = |files: &str| {
            let each = words
                .iter()
                .map(|word| format!("s/(?<![\\w.-]){}(?![\\w.-])/{}/g;", word.from.replace('.', "\\."), word.to));
            let each: String = each.collect();
            (!each.is_empty()).then(|| each_of(files, &format!("perl -pi -e '{each}' \"$f\"")))
        };
        match self.is_rancher() {
            true => {
                let settings =
                    format!("/etc/rancher/{0}/config.yaml /etc/rancher/{0}/config.yaml.d/*.yaml", self.distribution);
                let lines = [keep("/etc/rancher/node"), unpack].into_iter().chain(edit(&settings));
                let renamed = (!words.is_empty()).then(|| "rm -rf /etc/rancher/node".to_owned());
                ByHand::on(
                    at,
                    lines
                        .chain([each_of(&settings, "sed -i 's/^server:/# &/' \"$f\"")])
                        .chain(renamed),
                )
            }
            false => {
                let settings = format!(
                    "{PARKED}/*.yaml {} /var/lib/kubelet/kubeadm-flags.env /var/lib/kubelet/config.yaml /etc/default/kubelet",
                    self.kubeadm_config
                );
                let lines = [
                    "systemctl stop kubelet".to_owned(),
                    keep("/var/lib/kubelet/pki"),
                    unpack,
                    park(),
                    "rm -rf /var/lib/kubelet/pki".to_owned(),
                ];
                ByHand::on(at, lines.into_iter().chain(edit(&settings)))
            }
        }
    }

    /// Where data waits to be put in place. `protect` knows the same place.
    pub(super) fn restored(&self) -> String {
        format!("{}/lifeboat-restored", self.member.data_dir)
    }

    /// What becomes etcd's data of what is followed here, with the files of `point`.
    pub(super) fn promotion(&self, point: &Point) -> PromoteEtcd {
        PromoteEtcd {
            cluster: self.cluster.clone(),
            host: self.host.clone(),
            point: point.id.clone(),
            least: Moment {
                timeline: point.timeline,
                revision: u64::try_from(point.revision).unwrap_or(0),
            },
            etcd_cluster_id: point.etcd_cluster_id,
            member: self.member.name.clone(),
            initial_cluster: self.initial_cluster.clone(),
            data_dir: self.member.data_dir.clone(),
            bump: self.bump,
        }
    }

    pub(crate) fn promote(&self, point: &Point) -> Step {
        let (at, action, into) = (self.host, self.promotion(point), self.restored());
        Step {
            id: self.id.clone(),
            what: format!(
                "Let what is followed on {at} become etcd's data, with all that was stored since the copy, and revisions {} higher: no client has seen those.",
                self.bump
            ),
            by_hand: ByHand::on(at, [action.typed(&into)]),
            check: Look::new(ByHand::on(at, [format!("ls {into}")]), "member"),
            undo: Undo::on(at, [format!("rm -rf {into}")]),
            timeout_s: 300,
            attempts: 2,
            action: Action::PromoteEtcd(action),
            ..Step::blank()
        }
    }

    pub(crate) fn etcd(&self) -> Step {
        let (at, directory, member) = (self.host, &self.directory, self.member);
        Step {
            id: self.id.clone(),
            what: format!(
                "Build etcd's data from the copy, beside the data in use, with revisions {} higher: no client has seen those.",
                self.bump
            ),
            by_hand: ByHand::on(
                at,
                [format!(
                    "etcdutl snapshot restore {directory}/etcd --data-dir {}/lifeboat-restored --name {} --initial-cluster {} --initial-advertise-peer-urls {} --bump-revision {} --mark-compacted",
                    member.data_dir, member.name, self.initial_cluster, member.peer_url, self.bump
                )],
            ),
            check: Look::new(ByHand::on(at, [format!("ls {}/lifeboat-restored", member.data_dir)]), "member"),
            undo: Undo::on(at, [format!("rm -rf {}/lifeboat-restored", member.data_dir)]),
            timeout_s: 300,
            attempts: 2,
            action: Action::RestoreEtcd(RestoreEtcd {
                host: at.clone(),
                directory: directory.clone(),
                member: member.name.clone(),
                peer_url: member.peer_url.clone(),
                initial_cluster: self.initial_cluster.clone(),
                data_dir: member.data_dir.clone(),
                bump: self.bump,
            }),
            ..Step::blank()
        }
    }

    pub(crate) fn reset(&self) -> Step {
        let (at, directory, program) = (self.host, &self.directory, self.distribution);
        let data_dir = &self.member.data_dir;
        Step {
            id: self.id.clone(),
            what: format!(
                "Have {program} reset its etcd to the copy, as the only member; its former one stays beside it as etcd-old-TIME."
            ),
            by_hand: ByHand::on(
                at,
                [format!(
                    "{program} server --cluster-reset --cluster-reset-restore-path={directory}/etcd --data-dir={data_dir} --etcd-s3=false"
                )],
            ),
            check: Look::new(
                ByHand::on(at, [format!("ls -ld {data_dir}/server/db/etcd*")]),
                "etcd is new, and etcd-old-TIME is beside it",
            ),
            // Without a former one nothing is taken away. A reset that was repeated has put aside what the first had made as well: the
            // oldest since the copy was laid ready is what was there, and those of earlier restores are none of this run's.
            undo: Undo::on(
                at,
                [format!(
                    "all=$(find {data_dir}/server/db -maxdepth 1 -name 'etcd-old-*' -cnewer {directory}/etcd 2>/dev/null | sort); old=$(echo \"$all\" | head -n 1); [ -z \"$old\" ] || {{ rm -rf {data_dir}/server/db/etcd $(echo \"$all\" | tail -n +2) && mv \"$old\" {data_dir}/server/db/etcd; }}"
                )],
            ),
            timeout_s: 600,
            attempts: 2,
            action: Action::ResetEtcd(ResetEtcd {
                host: at.clone(),
                distribution: program,
                directory: directory.clone(),
                data_dir: data_dir.clone(),
            }),
            ..Step::blank()
        }
    }

    pub(crate) fn files(&self) -> Step {
        let (at, directory, data_dir, label) = (self.host, &self.directory, &self.member.data_dir, &self.label);
        let (old, kept) = (
            format!("{data_dir}/lifeboat-replaced-{label}"),
            format!("/etc/kubernetes/lifeboat-replaced-{label}"),
        );
        let keys = match self.alone {
            false => "the CAs, the service-account keys and the encryption configuration",
            true => "the CA of etcd",
        };
        Step {
            id: self.id.clone(),
            what: format!("Put etcd's data, {keys} in place; what was there is kept aside."),
            by_hand: self.keys_by_hand(&old, &kept),
            check: Look::new(
                ByHand::on(at, ["sha256sum /etc/kubernetes/pki/etcd/ca.crt".to_owned()]),
                "what it says of the file of that name in the copy",
            ),
            undo: {
                // What was not put aside is not taken away either; and what was put back already is what was there before, which must
                // not be taken for the copy's.
                let mut lines = vec![
                    STOPPED.to_owned(),
                    format!(
                        "if [ -d {old}/member ]; then rm -rf {data_dir}/member {old}/done && mv {old}/member {data_dir}/; elif [ -e {old}/done ]; then rm -rf {data_dir}/member {old}/done; fi"
                    ),
                    format!(
                        "[ ! -d {kept}/pki ] || {{ rm -rf /etc/kubernetes/pki && mv {kept}/pki /etc/kubernetes/; }}"
                    ),
                ];
                if !self.alone {
                    lines.extend([
                        format!("[ ! -d {kept} ] || find {kept} -maxdepth 1 -name '*.conf' -exec mv -t /etc/kubernetes/ {{}} +"),
                        format!(
                            "[ ! -d {kept}/kubelet-pki ] || {{ rm -rf /var/lib/kubelet/pki && mv {kept}/kubelet-pki /var/lib/kubelet/pki; }}"
                        ),
                        format!(
                            "for f in {FLAGS}; do to=$(grep -ho -- \"--$f=.*\" {PARKED}/kube-apiserver.yaml | head -n 1); to=${{to#*=}}; [ -z \"$to\" ] || [ ! -e {kept}/$f ] || cp -p {kept}/$f \"$to\"; done"
                        ),
                        "systemctl restart kubelet".to_owned(),
                    ]);
                }
                Undo::on(at, lines)
            },
            timeout_s: 60,
            attempts: 2,
            action: Action::RestoreFiles(RestoreFiles {
                host: at.clone(),
                distribution: self.distribution,
                directory: directory.clone(),
                data_dir: data_dir.clone(),
                label: label.clone(),
                alone: self.alone,
            }),
            ..Step::blank()
        }
    }

    /// What is replaced lies where the automatic step would have put it, so that the same undo holds.
    fn keys_by_hand(&self, old: &str, kept: &str) -> ByHand {
        let (directory, data_dir) = (&self.directory, &self.member.data_dir);
        let away = |from: &str, to: &str| format!("[ ! -d {from} ] || mv {from} {to}");
        let mut lines = vec![
            format!("mkdir -p -m 700 {old} {kept}"),
            away(&format!("{data_dir}/member"), &format!("{old}/")),
            format!("touch {old}/done; mv {data_dir}/lifeboat-restored/member {data_dir}/"),
            away("/etc/kubernetes/pki", &format!("{kept}/")),
            format!(
                "mkdir -p -m 700 {directory}/unpacked && zstd -dc {directory}/files | tar -xp -C {directory}/unpacked"
            ),
        ];
        // A copied host that had an API server: the keys are those of all.
        let find = format!(
            "h=$(ls {directory}/unpacked/*/etc/kubernetes/*/kube-apiserver.yaml | head -n 1); h=${{h%/etc/kubernetes/*}}"
        );
        lines.push(format!(
            "{find}; mkdir -p /etc/kubernetes/pki/etcd; cp -p $h/etc/kubernetes/pki/etcd/ca.* /etc/kubernetes/pki/etcd/"
        ));
        if !self.alone {
            lines.insert(0, "systemctl stop kubelet".to_owned());
            lines.push(format!("find /etc/kubernetes -maxdepth 1 -name '*.conf' -exec mv -t {kept}/ {{}} +"));
            lines.push(away("/var/lib/kubelet/pki", &format!("{kept}/kubelet-pki")));
            lines.push(format!(
                "{find}; cp -p $h/etc/kubernetes/pki/ca.* $h/etc/kubernetes/pki/front-proxy-ca.* $h/etc/kubernetes/pki/sa.* /etc/kubernetes/pki/"
            ));
            lines.push(format!(
                "{find}; for f in {FLAGS}; do from=$(grep -ho -- \"--$f=.*\" $h/etc/kubernetes/*/kube-apiserver.yaml | head -n 1); to=$(grep -ho -- \"--$f=.*\" {PARKED}/kube-apiserver.yaml | head -n 1); from=${{from#*=}} to=${{to#*=}}; [ -z \"$from\" ] || {{ [ ! -e \"$to\" ] || cp -p \"$to\" {kept}/$f; cp -p \"$h$from\" \"$to\"; }}; done"
            ));
        }
        ByHand::on(self.host, lines)
    }

    pub(crate) fn certificates(&self) -> Step {
        let (at, config) = (self.host, self.kubeadm_config);
        let by_hand = match self.alone {
            false => ["certs all", "kubeconfig all"]
                .map(|phase| format!("kubeadm init phase {phase} --config {config}"))
                .to_vec(),
            true => ["etcd-server", "etcd-peer", "etcd-healthcheck-client"]
                .map(|name| format!("kubeadm init phase certs {name} --config {config}"))
                .to_vec(),
        };
        let by_hand = ByHand::on(at, by_hand);
        Step {
            id: self.id.clone(),
            what: match self.alone {
                false => format!("Issue serving certificates and kubeconfigs for {at} from the restored CA."),
                true => format!("Issue etcd's certificates for {at} from the restored CA."),
            },
            by_hand,
            check: Look::new(
                ByHand::on(at, ["kubeadm certs check-expiration".to_owned()]),
                "no certificate is expired",
            ),
            undo: Undo::none("none is needed: they are issued anew each time"),
            timeout_s: 60,
            attempts: 2,
            action: Action::IssueCertificates(IssueCertificates {
                host: at.clone(),
                config: config.to_owned(),
                alone: self.alone,
            }),
            ..Step::blank()
        }
    }

    pub(crate) fn start(&self, standing: Option<&Standing>) -> Step {
        let at = self.host;
        // The host's own Lifeboat lets nothing serve of whose start it does not know, and stops what it knows of when the right is gone.
        let note = standing.map(|standing| {
            let served = format!("/var/lib/lifeboat/served-{}", self.cluster);
            format!("mkdir -p -m 700 /var/lib/lifeboat && echo {} >{served} && sync {served}", standing.epoch)
        });
        let started = match self.is_rancher() {
            true => vec![format!("systemctl start {}", self.service())],
            false => vec![unpark(), "systemctl start kubelet".to_owned()],
        };
        let by_hand = ByHand::on(at, note.into_iter().chain(started));
        let kubectl = self.kubectl();
        let (what, check) = match self.alone {
            false => (
                format!("Start the control plane on {at} and see that a controller acts on something written now."),
                Look::new(
                    ByHand::on(
                        at,
                        [
                            format!("{kubectl} get --raw /readyz"),
                            format!(
                                "{kubectl} create namespace lifeboat-look && sleep 3 && {kubectl} get serviceaccount default -n lifeboat-look; {kubectl} delete namespace lifeboat-look"
                            ),
                        ],
                    ),
                    "ok; and the service account is there, which a controller has made",
                ),
            ),
            true => (
                format!("Start the member of etcd on {at}."),
                Look::new(ByHand::on(at, ["pgrep -x etcd".to_owned()]), "a number"),
            ),
        };
        Step {
            id: self.id.clone(),
            what,
            by_hand,
            check,
            undo: match self.is_rancher() {
                true => Undo::on(at, [format!("systemctl stop {}", self.service())]),
                false => Undo::on(at, [park(), STOPPED.to_owned()]),
            },
            timeout_s: if self.is_rancher() { 600 } else { 180 },
            attempts: 2,
            action: Action::StartControlPlane(StartControlPlane {
                cluster: self.cluster.clone(),
                host: at.clone(),
                distribution: self.distribution,
                standing: standing.cloned(),
                alone: self.alone,
            }),
            ..Step::blank()
        }
    }

    pub(crate) fn join(&self, nodes: Vec<Word>) -> Step {
        let names: Vec<&str> = nodes.iter().map(|node| node.to.as_str()).collect();
        let renamed = nodes.iter().filter(|node| node.from != node.to);
        let renamed: Vec<String> = renamed.map(|node| format!("{} gets what {} had", node.to, node.from)).collect();
        let mapped = match renamed.is_empty() {
            true => String::new(),
            false => format!(" Of labels and taints {}.", renamed.join(", ")),
        };
        let list = ByHand::on(self.host, [format!("{} get nodes --show-labels", self.kubectl())]);
        let by_hand = match mapped.is_empty() {
            true => list,
            false => list.then(ByHand::act(format!(
                "{} It is done with kubectl label node and kubectl taint node.",
                mapped.trim()
            ))),
        };
        Step {
            id: self.id.clone(),
            what: format!("See the kubelets of {} in the cluster again.{mapped}", names.join(", ")),
            by_hand,
            check: Look::new(ByHand::on(self.host, [format!("{} get nodes", self.kubectl())]), "each node is Ready"),
            undo: Undo::none("none is needed: nodes are what their kubelets say"),
            timeout_s: 300,
            attempts: 2,
            action: Action::JoinNodes(JoinNodes {
                host: self.host.clone(),
                distribution: self.distribution,
                nodes,
            }),
            ..Step::blank()
        }
    }
}
