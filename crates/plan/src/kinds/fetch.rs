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
}

impl EtcdState<'_> {
    /// What is said of the copy where it is another than its own.
    fn said(self, part: CopyPart) -> String {
        match (self, part) {
            (_, CopyPart::Files) => ", its etcd apart,".to_owned(),
            (EtcdState::HandedOver(_), _) => ", with the last moment of etcd that was handed over,".to_owned(),
            (EtcdState::Own, _) => String::new(),
            (EtcdState::Of(State::Snapshot(Snapshot { name, .. })), _) => {
                format!(" without its etcd, and snapshot {name},")
            }
            (EtcdState::Of(State::Moment(Moment { timeline, revision })), _) => {
                format!(", with etcd at revision {revision} of timeline {timeline},")
            }
        }
    }
}

impl Onto<'_> {
    /// `empty`: it has no control plane yet that the keys would have to fit.
    pub(crate) fn fetch(&self, chosen: &Chosen, (etcd, part): (EtcdState<'_>, CopyPart), empty: bool) -> Step {
        let (at, directory, point) = (self.host, &self.directory, &chosen.point);
        let signed = match &chosen.unsigned {
            None => "",
            Some(_) => ", which nobody who is trusted has signed,",
        };
        let copy = format!("copy{}", self.suffix);
        let (laid, check) = match part {
            CopyPart::Files => (format!("{copy}/files"), ""),
            CopyPart::All | CopyPart::Etcd => (format!("{copy}/etcd {copy}/files"), "; etcd lies beside it"),
        };
        let by_hand = self
            .gathered(chosen, (etcd, part), &copy)
            .then_on(at, [format!("mkdir -p -m 700 {directory}")])
            .then(ByHand::here([format!("{} {laid} {}:{directory}/", self.way.scp(), self.way.at)]));
        let has_keys = part != CopyPart::Etcd && !empty && !self.is_rancher();
        Step {
            id: self.id.clone(),
            what: match part {
                CopyPart::Etcd => format!("Lay etcd's part of copy {} ready on {at}, too.", point.id),
                _ => format!(
                    "Open copy {}{signed}{} and lay it ready on {at}: a damaged copy is found before anything is changed.",
                    point.id,
                    etcd.said(part)
                ),
            },
            by_hand,
            check: Look::new(
                ByHand::on(at, [format!("sha256sum {directory}/files")]),
                format!("what lifeboat points {} --output json has of files{check}", self.cluster),
            ),
            undo: match part {
                CopyPart::Etcd => Undo::on(at, [format!("rm -f {directory}/etcd")]),
                _ => Undo::on(at, [format!("rm -rf {directory}")]),
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
    fn gathered(&self, chosen: &Chosen, (etcd, part): (EtcdState<'_>, CopyPart), copy: &str) -> ByHand {
        let (cluster, point) = (self.cluster, &chosen.point);
        let flag = match &chosen.unsigned {
            None => "",
            Some(_) => " --accept-unsigned",
        };
        let fetch = |more: &str| {
            let fetch = format!("lifeboat points fetch {cluster} {}{more} --into {copy}{flag}", point.id);
            ByHand::here([format!("mkdir -m 700 {copy} && {fetch}")])
        };
        let anew = ByHand::here([format!("rm -rf {copy}")]);
        let files = match (etcd, part) {
            (EtcdState::Own, CopyPart::All) => return fetch(""),
            // A runbook is made long before its day: the newest copy then has other files as well.
            (EtcdState::Own, CopyPart::Etcd) => return anew.then(fetch("")),
            (_, CopyPart::Files) => return fetch(" --files-only"),
            // What was opened before the handover is not taken.
            (EtcdState::HandedOver(_), CopyPart::All) => anew.then(fetch(" --files-only")),
            (_, CopyPart::All) => fetch(" --files-only"),
            (_, CopyPart::Etcd) => ByHand::default(),
        };
        files.then(self.etcd_part(point, etcd, copy))
    }

    /// The same for etcd's part alone.
    fn etcd_part(&self, point: &Point, etcd: EtcdState<'_>, copy: &str) -> ByHand {
        let cluster = self.cluster;
        let (timeline, revision) = match etcd {
            EtcdState::HandedOver(_) => {
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
