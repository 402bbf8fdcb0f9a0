//! `copy.fetch`: opens the copy, checks all of it, and lays it ready on the host.

use super::etcd_handover::HandedOver;
use super::{Carry, Context, done};
use crate::gather::{NONE_BEFORE, openable_before};
use crate::spool::Spool;
use crate::{Trouble, adopted, fitness};
use async_trait::async_trait;
use cluster::{Host, quoted};
use engine::Performed;
use estate::{Kind, Name, Point};
use plan::{CopyPart, FetchCopy, Snapshot};
use serde::Serialize;
use std::path::Path;
use std::time::Duration;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    bytes: u64,
    /// The moment of etcd that it turned out to be, where that was left open.
    #[serde(flatten)]
    taken: Option<Taken>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    timeline: u32,
    revision: i64,
}

#[async_trait]
impl Carry for FetchCopy {
    async fn perform(&self, context: &Context<'_>) -> Result<Performed, Trouble> {
        done(perform(self, context).await?)
    }

    async fn check(&self, context: &Context<'_>) -> Result<String, Trouble> {
        let host = context.world.host(&self.host)?;
        let files = format!("{}/files", self.directory);
        let etcd = format!("[ -s {}/etcd ] && ", quoted(&self.directory));
        let etcd = if self.followed.is_some() { "" } else { etcd.as_str() };
        let script = format!("{etcd}sha256sum {}", quoted(&files));
        let said = host.run("looking at the copy", &script, Duration::from_secs(60)).await?;
        let wanted = self
            .parts
            .iter()
            .find(|part| part.name == "files")
            .map(|part| part.sha256.as_str());
        match (said.split_whitespace().next(), wanted) {
            (Some(is), Some(wanted)) if is == wanted => {
                let what = if self.followed.is_some() {
                    "the files"
                } else {
                    "etcd and files"
                };
                Ok(format!("{what} lie in {} on {}", self.directory, self.host))
            }
            (is, wanted) => {
                let message = format!(
                    "{files} on {} has the SHA-256 {}, and the copy has {}",
                    self.host,
                    is.unwrap_or("of nothing"),
                    wanted.unwrap_or("none")
                );
                Err(Trouble::new("LB0803", Kind::Person, message))
            }
        }
    }

    async fn dry(&self, context: &Context<'_>) -> Result<Vec<String>, Trouble> {
        let host = context.world.host(&self.host)?;
        let point = match self.accept_unsigned {
            true => context.repository.point_unsigned(&self.cluster, &self.point).await?.0,
            false => context.repository.point(&self.cluster, &self.point).await?,
        };
        let bytes: u64 = point.parts.iter().map(|part| part.bytes).sum();
        let missing = fitness::missing(&host, &self.programs, &self.files).await?;
        match missing.is_empty() {
            true => Ok(vec![
                format!("copy {} opens; its parts have {bytes} bytes", self.point),
                format!("{} has what the steps call: {}", self.host, self.programs.join(", ")),
            ]),
            false => {
                let message = format!("{} is not ready for the cluster", self.host);
                let mut trouble = Trouble::new("LB0806", Kind::Person, message);
                trouble.causes = missing;
                Err(trouble)
            }
        }
    }

    fn hosts(&self) -> Vec<&Name> {
        vec![&self.host]
    }
}

async fn perform(it: &FetchCopy, context: &Context<'_>) -> Result<Done, Trouble> {
    match fetch(it, context).await {
        Err(trouble) if trouble.is_of_the_copy() && !is_of_snapshot(&trouble) => {
            Err(instead(it, context, trouble).await)
        }
        done => done,
    }
}

/// Another copy would have the same snapshot.
fn is_of_snapshot(trouble: &Trouble) -> bool {
    matches!(&*trouble.code, "LB0405" | "LB0406" | "LB0416")
}

fn another((run, cluster): (&str, &Name), planned: &Snapshot, is: &Snapshot) -> Trouble {
    let next = format!("lifeboat run cancel {run} --cluster {cluster} --yes, then the same command again");
    let told = |it: &Snapshot| format!("revision {}, {} bytes, at {}", it.revision, it.bytes, it.place);
    let message = format!(
        "snapshot {} is another one than the plan was made for: {}, and it was {}",
        planned.name,
        told(is),
        told(planned)
    );
    Trouble::new("LB0422", Kind::Conflict, message).hint(next)
}

async fn fetch(it: &FetchCopy, context: &Context<'_>) -> Result<Done, Trouble> {
    let host = context.world.host(&it.host)?;
    let mut point = match it.accept_unsigned {
        true => context.repository.point_unsigned(&it.cluster, &it.point).await?.0,
        false => context.repository.point(&it.cluster, &it.point).await?,
    };
    if point.parts != it.parts {
        let message = format!("the manifest of copy {} is not the one that the plan was made from", it.point);
        return Err(Trouble::new("LB0306", Kind::Damaged, message).hint("lifeboat plan"));
    }
    if let Some(moment) = it.moment {
        point.timeline = moment.timeline;
        point.revision = i64::try_from(moment.revision).unwrap_or(i64::MAX);
    }
    if let Some(step) = &it.handover {
        let moment = HandedOver::of(context, step)?;
        point.timeline = moment.timeline;
        point.revision = i64::try_from(moment.revision).unwrap_or(i64::MAX);
    }
    let spool = Spool::new().map_err(|reason| {
        Trouble::new("LB0308", Kind::Person, format!("a directory for the copy cannot be made: {reason}"))
    })?;
    let make = format!("mkdir -p -m 700 {}", quoted(&it.directory));
    host.run("making the directory of the run", &make, Duration::from_secs(30))
        .await?;
    for part in it.parts.iter().filter(|_| it.part != CopyPart::Etcd) {
        context.inside.point();
        let (file, target) = (spool.path().join(&part.name), format!("{}/{}", it.directory, part.name));
        context.repository.fetch(&it.cluster, &point, &part.name, &file).await?;
        host.put(&file, &target, 0o600, context.limit).await?;
    }
    context.inside.point();
    let (etcd, followed) = match &it.followed {
        None => (laid(it, context, &mut point, &spool, &host).await?, 0),
        Some(promotion) => match super::etcd_promote::would_be(promotion, context).await {
            Ok(would) => (0, would.bytes),
            Err(trouble) => {
                context.inside.say(&format!(
                    "what is followed there cannot be promoted, so etcd's part of the copy is laid ready, too: {trouble}"
                ));
                (laid(it, context, &mut point, &spool, &host).await?, 0)
            }
        },
    };
    // The last moment at which finding out costs nothing: the next step is the fence.
    if it.fits {
        protect::files::fits(&host, &format!("{}/files", it.directory)).await?;
    }
    let bytes = etcd + it.parts.iter().map(|part| part.bytes).sum::<u64>();
    ready(&host, it, (bytes, followed)).await?;
    let taken = it
        .newest
        .then_some(Taken { timeline: point.timeline, revision: point.revision });
    Ok(Done { bytes, taken })
}

/// Lays etcd's part ready, of the state that is wanted, and says how large it is.
async fn laid(
    it: &FetchCopy,
    context: &Context<'_>,
    point: &mut Point,
    spool: &Spool,
    host: &Host,
) -> Result<u64, Trouble> {
    if it.newest {
        newest(it, context, point).await?;
    }
    let file = spool.path().join("etcd");
    let bytes = etcd_part(it, context, point, &file).await?;
    host.put(&file, &format!("{}/etcd", it.directory), 0o600, context.limit).await?;
    context.inside.point();
    Ok(bytes)
}

/// Lets the point be of the newest moment of its timeline that is stored.
async fn newest(it: &FetchCopy, context: &Context<'_>, point: &mut Point) -> Result<(), Trouble> {
    let newest = protect::etcd::newest(context.repository, &it.cluster, point.timeline).await?;
    let revision = newest.and_then(|revision| i64::try_from(revision).ok()).unwrap_or(0);
    point.revision = point.revision.max(revision);
    Ok(())
}

/// Makes the snapshot that etcd's data is built from, and says how many bytes it has. Every piece of the history that it is made of is checked
/// meanwhile.
async fn etcd_part(it: &FetchCopy, context: &Context<'_>, point: &Point, file: &Path) -> Result<u64, Trouble> {
    let Some(snapshot) = &it.snapshot else {
        let made = protect::etcd::export(context.repository, &it.cluster, point, it.bump, file).await?;
        return Ok(made.bytes);
    };
    let found = adopted::find(context.world, &it.cluster, &snapshot.name).await?;
    let spool = file.parent().unwrap_or(file);
    let opened = found.open(spool).await?;
    let is = found.as_planned(&opened)?;
    if is != *snapshot {
        return Err(another((context.typed, &it.cluster), snapshot, &is));
    }
    Ok(protect::etcd::export_snapshot(&opened, it.bump, file).await?.bytes)
}

/// Says which copy to take instead of one that is not sound: the one before it. This run keeps to its own for ever.
async fn instead(it: &FetchCopy, context: &Context<'_>, trouble: Trouble) -> Trouble {
    let Some(older) = openable_before(context.repository, &it.cluster, &it.point).await else {
        return trouble.hint(NONE_BEFORE);
    };
    if context.is_restore {
        let (run, cluster) = (context.typed, &it.cluster);
        return trouble.hint(format!(
            "lifeboat run cancel {run} --cluster {cluster} --yes, then the same command with --at {older}: the newest sound one before it"
        ));
    }
    trouble.hint(format!(
        "lifeboat plan --copy {older}\nlifeboat run cancel {} --yes, then lifeboat failover --yes --copy {older}",
        context.typed
    ))
}

/// Whether the host has what the steps after the fence run and need, and room for etcd's data.
async fn ready(host: &Host, it: &FetchCopy, (bytes, followed): (u64, u64)) -> Result<(), Trouble> {
    let mut missing = fitness::missing(host, &it.programs, &it.files).await?;
    if missing.is_empty() {
        for config in &it.files {
            missing.extend(invalid(host, config).await?);
        }
    }
    // The database grows while it is restored, and its log is laid out beforehand.
    let need = (bytes * 3 + followed) / 1024 + 200 * 1024;
    let data = quoted(&it.data_dir);
    let script = format!("mkdir -p -m 700 {data}; df -Pk {data} | tail -n 1 | tr -s ' ' | cut -d' ' -f4");
    let free = host.run("looking for room", &script, Duration::from_secs(30)).await?;
    let full = free.trim().parse::<u64>().is_ok_and(|free| free < need);
    if full {
        missing.push(format!("{} has {} KiB free, and {need} are needed", it.data_dir, free.trim()));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let code = if full { "LB0805" } else { "LB0806" };
    let changed = match it.part {
        CopyPart::All => ", and nothing has been changed",
        CopyPart::Etcd => "",
    };
    let message = format!("{} is not ready for the cluster{changed}", it.host);
    let mut trouble = Trouble::new(code, Kind::Person, message);
    trouble.causes = missing;
    Err(trouble.hint(format!("put that right on {}, then the same command again", it.host)))
}

/// What kubeadm has against its configuration, by which the certificates are issued later; a kubeadm before 1.26 cannot be asked.
async fn invalid(host: &Host, config: &str) -> Result<Option<String>, Trouble> {
    let config = quoted(config);
    // Of an unknown field kubeadm's other commands only warn.
    let script = format!(
        "kubeadm config --help 2>/dev/null | grep -qw validate || exit 0
         said=$(kubeadm config validate --config {config} 2>&1) && exit 0
         printf '%s' \"$said\" | grep -v -e '^To see the stack trace' -e '^$' -e 'unknown field' | tail -n 1"
    );
    let said = host
        .run("trying kubeadm's configuration", &script, Duration::from_secs(30))
        .await?;
    let said = said.trim();
    Ok((!said.is_empty()).then(|| format!("kubeadm does not take {config}: {said}")))
}
