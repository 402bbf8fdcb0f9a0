//! The steps by which a cluster comes up on a host, alike for a failover and for a restore. Start at [`Onto`].

use crate::Step;
use crate::action::Snapshot;
use crate::action::{
    Action, FetchCopy, IssueCertificates, JoinNodes, Moment, PrepareHost, ResetEtcd, RestoreEtcd, RestoreFiles,
    StartControlPlane, StopControlPlane, Word,
};
use crate::make::{Chosen, Member};
use crate::restore::State;
use estate::{Distribution, Name, Standing};

/// How far revisions are bumped, beyond the newest that is known. More than any cluster writes after that.
pub(crate) const BUMP: u64 = 1_000_000_000;

/// Where manifests are put that are not to run. `protect` knows the same place.
const PARKED: &str = "/etc/kubernetes/lifeboat-parked";

/// A host that a cluster comes up on.
pub(crate) struct Onto<'a> {
    pub(crate) cluster: &'a Name,
    pub(crate) repository: &'a Name,
    pub(crate) distribution: Distribution,
    pub(crate) host: &'a Name,
    /// What is put behind the ids of its steps, so that those of several hosts are told apart.
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
    fn id(&self, of: &str) -> String {
        format!("{of}{}", self.suffix)
    }

    /// The service of k3s or RKE2, which is also the word behind its command.
    fn service(&self) -> String {
        match self.distribution {
            Distribution::Rke2 => "rke2-server".to_owned(),
            other => other.to_string(),
        }
    }

    fn is_rancher(&self) -> bool {
        matches!(self.distribution, Distribution::K3s | Distribution::Rke2)
    }

    /// What the steps call there.
    fn programs(&self) -> Vec<String> {
        let words = match self.distribution {
            Distribution::K3s => "k3s tar pgrep pkill flock",
            Distribution::Rke2 => "rke2 tar pgrep pkill flock",
            _ => "etcdutl kubeadm tar pgrep pkill flock",
        };
        words.split(' ').map(str::to_owned).collect()
    }

    /// `empty`: it has no control plane yet that the keys would have to fit.
    pub(crate) fn fetch(&self, chosen: &Chosen, etcd: Option<&State>, empty: bool) -> Step {
        let (at, directory, point) = (self.host, &self.directory, &chosen.point);
        let (signed, flag) = match &chosen.unsigned {
            None => ("", ""),
            Some(_) => (", which nobody who is trusted has signed,", " --accept-unsigned"),
        };
        let (as_of, by_hand) = match etcd {
            None => (
                String::new(),
                format!(
                    "lifeboat points fetch {} {} --into DIRECTORY{flag}, then copy it to {at}:{directory}",
                    self.cluster, point.id
                ),
            ),
            Some(State::Snapshot(Snapshot { name, place, .. })) => (
                format!(" without its etcd, and snapshot {name},"),
                match self.is_rancher() {
                    false => format!(
                        "lifeboat points fetch {} {} --files-only --into DIRECTORY{flag}; then copy it to {at}:{directory}, and snapshot {name} (at {place}) there as etcd, unpacked",
                        self.cluster, point.id
                    ),
                    true => format!(
                        "lifeboat points fetch {} {} --files-only --into DIRECTORY{flag}; lifeboat etcd import SNAPSHOT --into HISTORY, of the file of snapshot {name} (at {place}); lifeboat etcd export HISTORY --bump {} --into FILE; then copy them to {at}:{directory}, FILE as etcd",
                        self.cluster, point.id, self.bump
                    ),
                },
            ),
            Some(State::Moment(Moment { timeline, revision })) => (
                format!(", with etcd at revision {revision} of timeline {timeline},"),
                format!(
                    "lifeboat points fetch {0} {1} --files-only --into DIRECTORY{flag}; lifeboat etcd export --cluster {0} --at {revision} --timeline {timeline} {2} --into FILE; then copy them to {at}:{directory}, FILE as etcd",
                    self.cluster,
                    point.id,
                    match self.is_rancher() {
                        true => format!("--bump {}", self.bump),
                        false => "--no-bump".to_owned(),
                    }
                ),
            ),
        };
        Step {
            id: self.id("fetch"),
            what: format!(
                "Open copy {}{signed}{as_of} and lay it ready on {at}: a damaged copy is found before anything is changed.",
                point.id
            ),
            by_hand,
            check: format!("{directory} holds etcd and files; sha256sum files is as the manifest has it"),
            undo: format!("rm -r {directory} on {at}"),
            timeout_s: 300,
            attempts: 3,
            action: Action::FetchCopy(FetchCopy {
                cluster: self.cluster.clone(),
                repository: self.repository.clone(),
                point: point.id.clone(),
                accept_unsigned: chosen.unsigned.is_some(),
                parts: point.parts.clone(),
                moment: match etcd {
                    Some(State::Moment(moment)) => Some(*moment),
                    _ => None,
                },
                snapshot: match etcd {
                    Some(State::Snapshot(snapshot)) => Some(snapshot.clone()),
                    _ => None,
                },
                bump: self.is_rancher().then_some(self.bump),
                host: self.host.clone(),
                directory: directory.clone(),
                data_dir: self.member.data_dir.clone(),
                programs: self.programs(),
                files: if empty || self.is_rancher() {
                    Vec::new()
                } else {
                    vec![self.kubeadm_config.to_owned()]
                },
                fits: !empty && !self.is_rancher() && !self.alone,
            }),
        }
    }

    pub(crate) fn stop(&self, manager_stop: Option<&str>) -> Step {
        let at = self.host;
        let by_hand = match self.is_rancher() {
            true => format!(
                "on {at}: systemctl stop {0}; {1}-killall.sh, where there is one",
                self.service(),
                self.distribution
            ),
            false => format!("on {at}: mkdir -p {PARKED} && mv /etc/kubernetes/manifests/*.yaml {PARKED}/"),
        };
        Step {
            id: self.id("stop"),
            what: format!(
                "Stop the control plane that {at} runs of its own, so that nothing holds the files that are replaced."
            ),
            by_hand,
            check: "no etcd and no kube-apiserver runs there".to_owned(),
            undo: match self.is_rancher() {
                true => format!("on {at}: systemctl start {}", self.service()),
                false => format!("on {at}: mv {PARKED}/*.yaml /etc/kubernetes/manifests/; systemctl restart kubelet"),
            },
            timeout_s: 90,
            attempts: 3,
            action: Action::StopControlPlane(StopControlPlane {
                host: at.clone(),
                distribution: self.distribution,
                manager_stop: manager_stop.map(str::to_owned),
            }),
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
            id: self.id("host"),
            what: format!(
                "Put the settings and keys of the copied host {from} onto {at}; what differs there is kept in {aside}.{renamed}"
            ),
            by_hand: self.prepared_by_hand(from, words, &aside),
            check: format!("lifeboat restore files {} --from {from} --to {at} --dry-run", self.cluster),
            undo: format!(
                "on {at}: [ ! -d {aside}/old ] || tar -C {aside}/old -cf - . | tar -C / -xpf - --no-overwrite-dir; [ ! -e {aside}/made ] || sort -rz {aside}/made | xargs -0r rm -df --"
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
        }
    }

    /// A kubelet would start the manifests while they are unpacked, so it stands still until they are parked.
    fn prepared_by_hand(&self, from: &str, words: &[Word], aside: &str) -> String {
        let (at, directory) = (self.host, &self.directory);
        let keep = |more: &str| {
            format!(
                "mkdir -p -m 700 {aside}/old; (zstd -dc {directory}/files | tar -t {from} | grep -v '/$' | sed 's|^{from}||'; find {more} -type f) 2>/dev/null | tar -C / -cf - --ignore-failed-read -T - 2>/dev/null | tar -C {aside}/old -xpf -"
            )
        };
        let unpack = format!("zstd -dc {directory}/files | tar -xp -C / --strip-components=1 {from}");
        let edits: Vec<String> = words.iter().map(|word| format!("{} by {}", word.from, word.to)).collect();
        let edit = |files: &str| match edits.is_empty() {
            true => String::new(),
            false => format!("; in {files} replace {}, as whole words", edits.join(" and ")),
        };
        match self.is_rancher() {
            true => {
                let program = self.distribution;
                let settings = format!("/etc/rancher/{program}/config.yaml and config.yaml.d");
                format!(
                    "on {at}: {}; {unpack}{}; take the lines `server:` out of them; rm -rf /etc/rancher/node if the host is called otherwise",
                    keep("/etc/rancher/node"),
                    edit(&settings)
                )
            }
            false => format!(
                "on {at}: systemctl stop kubelet; {}; {unpack}; mkdir -p {PARKED} && mv /etc/kubernetes/manifests/*.yaml {PARKED}/; rm -rf /var/lib/kubelet/pki{}",
                keep("/var/lib/kubelet/pki"),
                edit(&format!("{PARKED}, {} and the kubelet's settings", self.kubeadm_config))
            ),
        }
    }

    pub(crate) fn etcd(&self) -> Step {
        let (at, directory, member) = (self.host, &self.directory, self.member);
        Step {
            id: self.id("etcd"),
            what: format!(
                "Build etcd's data from the copy, beside the data in use, with revisions {} higher: no client has seen those.",
                self.bump
            ),
            by_hand: format!(
                "on {at}: etcdutl snapshot restore {directory}/etcd --data-dir {}/lifeboat-restored --name {} --initial-cluster {} --initial-advertise-peer-urls {} --bump-revision {} --mark-compacted",
                member.data_dir, member.name, self.initial_cluster, member.peer_url, self.bump
            ),
            check: format!("{}/lifeboat-restored is there", member.data_dir),
            undo: format!("rm -r {}/lifeboat-restored", member.data_dir),
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
        }
    }

    pub(crate) fn reset(&self) -> Step {
        let (at, directory, program) = (self.host, &self.directory, self.distribution);
        let data_dir = &self.member.data_dir;
        Step {
            id: self.id("etcd"),
            what: format!(
                "Have {program} reset its etcd to the copy, as the only member; its former one stays beside it as etcd-old-TIME."
            ),
            by_hand: format!(
                "on {at}: {program} server --cluster-reset --cluster-reset-restore-path={directory}/etcd --data-dir={data_dir} --etcd-s3=false"
            ),
            check: format!("{data_dir}/server/db/etcd is new, and etcd-old-TIME is beside it"),
            undo: format!(
                "on {at}: rm -r {data_dir}/server/db/etcd, then move {data_dir}/server/db/etcd-old-TIME to its place"
            ),
            timeout_s: 600,
            attempts: 2,
            action: Action::ResetEtcd(ResetEtcd {
                host: at.clone(),
                distribution: program,
                directory: directory.clone(),
                data_dir: data_dir.clone(),
            }),
        }
    }

    pub(crate) fn files(&self) -> Step {
        let (at, directory, data_dir, label) = (self.host, &self.directory, &self.member.data_dir, &self.label);
        let (old, kept) = (
            format!("{data_dir}/lifeboat-replaced-{label}"),
            format!("/etc/kubernetes/lifeboat-replaced-{label}"),
        );
        let move_away = format!(
            "mkdir -p -m 700 {old} {kept}; mv {data_dir}/member {old}/; touch {old}/done; mv /etc/kubernetes/pki {kept}/"
        );
        let keys = match self.alone {
            false => "the CAs, the service-account keys and the encryption configuration",
            true => "the CA of etcd",
        };
        Step {
            id: self.id("files"),
            what: format!("Put etcd's data, {keys} in place; what was there is kept aside."),
            by_hand: match self.alone {
                false => format!(
                    "on {at}: systemctl stop kubelet; {move_away}; mv /etc/kubernetes/*.conf {kept}/; mv /var/lib/kubelet/pki {kept}/kubelet-pki; mv {data_dir}/lifeboat-restored/member {data_dir}/; out of {directory}/files (zstd -dc files | tar -xp, into an empty directory) put the keys of etc/kubernetes/pki there, and each file that a flag of the copied API server names (as encryption-provider-config) where the same flag names it on {at}"
                ),
                true => format!(
                    "on {at}: {move_away}; mv {data_dir}/lifeboat-restored/member {data_dir}/; out of {directory}/files (zstd -dc files | tar -xp, into an empty directory) put etc/kubernetes/pki/etcd/ca.crt and ca.key there"
                ),
            },
            check: "the CA in /etc/kubernetes/pki is the copy's".to_owned(),
            undo: {
                // What was not put aside is not taken away either.
                let data = format!(
                    "on {at}, with the manifests parked: [ ! -e {old}/done ] || {{ rm -rf {data_dir}/member; [ ! -d {old}/member ] || mv {old}/member {data_dir}/; }}; [ ! -d {kept}/pki ] || {{ rm -rf /etc/kubernetes/pki && mv {kept}/pki /etc/kubernetes/; }}"
                );
                match self.alone {
                    true => data,
                    false => format!(
                        "{data}; find {kept} -maxdepth 1 -name '*.conf' -exec mv -t /etc/kubernetes/ {{}} +; [ ! -d {kept}/kubelet-pki ] || {{ rm -rf /var/lib/kubelet/pki && mv {kept}/kubelet-pki /var/lib/kubelet/pki; }}; what else lies in {kept} goes where the API server's flag of its name says; then systemctl restart kubelet"
                    ),
                }
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
        }
    }

    pub(crate) fn certificates(&self) -> Step {
        let (at, config) = (self.host, self.kubeadm_config);
        let by_hand = match self.alone {
            false => format!(
                "on {at}: kubeadm init phase certs all --config {config} && kubeadm init phase kubeconfig all --config {config}"
            ),
            true => format!(
                "on {at}: for c in etcd-server etcd-peer etcd-healthcheck-client; do kubeadm init phase certs $c --config {config}; done"
            ),
        };
        Step {
            id: self.id("certificates"),
            what: match self.alone {
                false => format!("Issue serving certificates and kubeconfigs for {at} from the restored CA."),
                true => format!("Issue etcd's certificates for {at} from the restored CA."),
            },
            by_hand,
            check: "kubeadm certs check-expiration".to_owned(),
            undo: "none is needed: they are issued anew each time".to_owned(),
            timeout_s: 60,
            attempts: 2,
            action: Action::IssueCertificates(IssueCertificates {
                host: at.clone(),
                config: config.to_owned(),
                alone: self.alone,
            }),
        }
    }

    pub(crate) fn start(&self, standing: Option<&Standing>) -> Step {
        let at = self.host;
        let by_hand = match self.is_rancher() {
            true => format!("on {at}: systemctl start {}", self.service()),
            false => format!("on {at}: mv {PARKED}/*.yaml /etc/kubernetes/manifests/; systemctl start kubelet"),
        };
        let (what, check) = match self.alone {
            false => (
                format!("Start the control plane on {at} and see that a controller acts on something written now."),
                "kubectl get --raw /readyz; a new namespace gets its default service account",
            ),
            true => (format!("Start the member of etcd on {at}."), "etcdctl endpoint status"),
        };
        Step {
            id: self.id(if self.alone { "start" } else { "control-plane" }),
            what,
            by_hand,
            check: check.to_owned(),
            undo: match self.is_rancher() {
                true => format!("on {at}: systemctl stop {}", self.service()),
                false => format!("on {at}: mv /etc/kubernetes/manifests/*.yaml {PARKED}/"),
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
        Step {
            id: "nodes".to_owned(),
            what: format!("See the kubelets of {} in the cluster again.{mapped}", names.join(", ")),
            by_hand: "kubectl get nodes --show-labels; kubectl label node, kubectl taint node".to_owned(),
            check: "each node is Ready".to_owned(),
            undo: "none is needed: nodes are what their kubelets say".to_owned(),
            timeout_s: 300,
            attempts: 2,
            action: Action::JoinNodes(JoinNodes {
                host: self.host.clone(),
                distribution: self.distribution,
                nodes,
            }),
        }
    }
}
