//! `copy.fetch`: a copy is opened and laid ready on a host, all of it or a part. Start at [`Onto::fetch`].

use super::onto::Onto;
use crate::Step;
use crate::action::{Action, CopyPart, FetchCopy, Moment, Snapshot};
use crate::facts::{Chosen, State};
use crate::hand::{ByHand, Look, Undo};
use estate::Point;

/// Which state of etcd goes with a copy's files.
#[derive(Clone, Copy)]
pub(crate) enum EtcdState<'a> {
    /// The copy's own.
    Own,
    /// Another one.
    Of(&'a State),
    /// The last moment of the etcd that this step hands over.
    HandedOver(&'a str),
    /// The newest that is stored.
    Newest,
}

/// What of a copy is laid ready, with which state of etcd.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) part: CopyPart,
    pub(crate) etcd: EtcdState<'a>,
    /// Whether what is followed there becomes etcd's data instead, if that can be.
    pub(crate) is_followed: bool,
}

impl EtcdState<'_> {
    /// What is said of the copy where it is another than its own.
    fn said(self) -> String {
        match self {
            Self::HandedOver(_) => ", with the last moment of etcd that was handed over,".to_owned(),
            Self::Own => String::new(),
            Self::Newest => ", with the newest moment of etcd that is stored,".to_owned(),
            Self::Of(State::Snapshot(Snapshot { name, .. })) => format!(" without its etcd, and snapshot {name},"),
            Self::Of(State::Moment(Moment { timeline, revision })) => {
                format!(", with etcd at revision {revision} of timeline {timeline},")
            }
        }
    }
}

impl Onto<'_> {
    /// `empty`: it has no control plane yet that the keys would have to fit.
    pub(crate) fn fetch(&self, chosen: &Chosen, wanted: Wanted<'_>, empty: bool) -> Step {
        let Wanted { part, etcd, is_followed } = wanted;
        let (at, directory, point) = (self.host, &self.directory, &chosen.point);
        let signed = match &chosen.unsigned {
            None => "",
            Some(_) => ", which nobody who is trusted has signed,",
        };
        let copy = format!("copy{}", self.suffix);
        let (laid, beside) = match (part, is_followed) {
            (CopyPart::Etcd, _) => (format!("{copy}/etcd"), "; etcd lies beside it"),
            (CopyPart::All, true) => (
                format!("{copy}/files"),
                "; and which state of etcd would become the data: if none would, go on, and the copy stands in for it",
            ),
            (CopyPart::All, false) => (format!("{copy}/etcd {copy}/files"), "; etcd lies beside it"),
        };
        let by_hand = self
            .gathered(chosen, wanted, &copy)
            .then_on(at, [format!("mkdir -p -m 700 {directory}")])
            .then(ByHand::here([format!("{} {laid} {}:{directory}/", self.way.scp(), self.way.at)]));
        let has_keys = part == CopyPart::All && !empty && !self.is_rancher();
        let followed = is_followed.then(|| Box::new(self.promotion(point)));
        let mut look = vec![format!("sha256sum {directory}/files")];
        look.extend(followed.as_ref().map(|it| format!("{} --dry-run", it.typed(&self.restored()))));
        Step {
            id: self.id.clone(),
            what: match (part, is_followed) {
                (CopyPart::Etcd, _) => {
                    format!("Lay etcd's part of copy {}{} ready on {at}, too.", point.id, etcd.said())
                }
                (CopyPart::All, true) => format!(
                    "Open copy {}{signed}, lay its files ready on {at}, and see that what is followed there can become etcd's data: what is damaged is found before anything is changed.",
                    point.id
                ),
                (CopyPart::All, false) => format!(
                    "Open copy {}{signed}{} and lay it ready on {at}: a damaged copy is found before anything is changed.",
                    point.id,
                    etcd.said()
                ),
            },
            by_hand,
            check: Look::new(
                ByHand::on(at, look),
                format!("what lifeboat points {} --output json has of files{beside}", self.cluster),
            ),
            undo: match part {
                CopyPart::Etcd => Undo::on(at, [format!("rm -f {directory}/etcd")]),
                CopyPart::All => Undo::on(at, [format!("rm -rf {directory}")]),
            },
            timeout_s: 300,
            attempts: 3,
            action: Action::FetchCopy(FetchCopy {
                cluster: self.cluster.clone(),
                repository: self.repository.clone(),
                point: point.id.clone(),
                accept_unsigned: chosen.unsigned.is_some(),
                parts: point.parts.clone(),
                part,
                followed,
                newest: matches!(etcd, EtcdState::Newest),
                moment: match etcd {
                    EtcdState::Of(State::Moment(moment)) => Some(*moment),
                    _ => None,
                },
                handover: match etcd {
                    EtcdState::HandedOver(step) => Some(step.to_owned()),
                    _ => None,
                },
                snapshot: match etcd {
                    EtcdState::Of(State::Snapshot(snapshot)) => Some(snapshot.clone()),
                    _ => None,
                },
                bump: self.is_rancher().then_some(self.bump),
                host: self.host.clone(),
                directory: directory.clone(),
                data_dir: self.member.data_dir.clone(),
                programs: self.programs(),
                files: has_keys.then(|| self.kubeadm_config.to_owned()).into_iter().collect(),
                fits: has_keys && !self.alone,
            }),
            ..Step::blank()
        }
    }

    /// How a person gets it into the directory `copy` where they are.
    fn gathered(&self, chosen: &Chosen, wanted: Wanted<'_>, copy: &str) -> ByHand {
        let (cluster, point) = (self.cluster, &chosen.point);
        let flag = match &chosen.unsigned {
            None => "",
            Some(_) => " --accept-unsigned",
        };
        let fetch = |more: &str| {
            let fetch = format!("lifeboat points fetch {cluster} {}{more} --into {copy}{flag}", point.id);
            ByHand::here([format!("mkdir -m 700 {copy} && {fetch}")])
        };
        let files = match (wanted.part, wanted.etcd) {
            (CopyPart::Etcd, _) => ByHand::default(),
            (CopyPart::All, _) if wanted.is_followed => return fetch(" --files-only"),
            (CopyPart::All, EtcdState::Own) => return fetch(""),
            // What was opened before the handover is not taken.
            (CopyPart::All, EtcdState::HandedOver(_)) => {
                ByHand::here([format!("rm -rf {copy}")]).then(fetch(" --files-only"))
            }
            (CopyPart::All, _) => fetch(" --files-only"),
        };
        files.then(self.etcd_part(point, wanted.etcd, copy))
    }

    /// The same for etcd's part alone.
    fn etcd_part(&self, point: &Point, etcd: EtcdState<'_>, copy: &str) -> ByHand {
        let cluster = self.cluster;
        let (timeline, revision) = match etcd {
            EtcdState::HandedOver(_) | EtcdState::Newest => {
                return ByHand::here([format!(
                    "lifeboat etcd export --cluster {cluster} --no-bump --into {copy}/etcd"
                )]);
            }
            EtcdState::Of(State::Snapshot(Snapshot { name, place, .. })) if self.is_rancher() => {
                return ByHand::act(format!("Fetch snapshot {name}, which is {place}, as the file snapshot.")).then(
                    ByHand::here([
                        "lifeboat etcd import snapshot --into history".to_owned(),
                        format!("lifeboat etcd export history --bump {} --into {copy}/etcd", self.bump),
                    ]),
                );
            }
            EtcdState::Of(State::Snapshot(Snapshot { name, place, .. })) => {
                return ByHand::act(format!("Put snapshot {name}, which is {place}, into {copy} as etcd, unpacked."));
            }
            EtcdState::Of(State::Moment(Moment { timeline, revision })) => (*timeline, *revision),
            EtcdState::Own => (point.timeline, u64::try_from(point.revision).unwrap_or(0)),
        };
        let bump = match self.is_rancher() {
            true => format!("--bump {}", self.bump),
            false => "--no-bump".to_owned(),
        };
        ByHand::here([format!(
            "lifeboat etcd export --cluster {cluster} --at {revision} --timeline {timeline} {bump} --into {copy}/etcd"
        )])
    }
}
