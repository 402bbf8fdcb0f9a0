//! The right to serve, as the kernel of this host has it: a set of nftables whose elements go by themselves, and rules that let nobody
//! through to what serves without them. So a site whose Lifeboat hangs or was killed is cut off before another may serve, from its own
//! controllers too: they write through the loopback. Start at [`watch`].
//!
//! The rules come before those of connections that are established, and answer with a reset: whoever was connected notices at once.
//!
//! Caveat: elements do not grow old while the machine sleeps; the keeper sees that when it wakes.

use crate::Daemon;
use crate::state::millis;
use failover::Duty;
use recovery::Trouble;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks.
const TICK: Duration = Duration::from_millis(200);
/// How long nftables may take. A right that was granted later than this is taken back: it counts from before.
const LIMIT: Duration = Duration::from_secs(1);
/// Before what failed is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// The API server, and etcd for clients and peers, as kubeadm has them.
const PORTS: [u16; 3] = [6443, 2379, 2380];

/// Lets the kernel let others through for as long as this site may serve, and as long as the daemon runs.
pub(crate) async fn watch(daemon: Arc<Daemon>) {
    if !daemon.has_stand() {
        return;
    }
    if !daemon.world.estate.monitor.watchdog {
        daemon.let_go().await;
        return;
    }
    // A fifth of a lease is from one round of questions to the next.
    let step = daemon.lease() / 10;
    let mut granted = Duration::ZERO;
    loop {
        let until = daemon.permitted_until();
        if let Some(until) = until.filter(|until| *until > granted.saturating_add(step)) {
            let done = daemon.grant(until).await;
            let failed = done.is_err();
            if let Ok(()) = done {
                granted = until;
            }
            daemon.trouble("watchdog", done.err().map(|trouble| told(&trouble)));
            if failed {
                ambient::sleep(AGAIN).await;
            }
        }
        ambient::sleep(TICK).await;
    }
}

fn told(trouble: &Trouble) -> String {
    format!("nothing cuts this site off when lifeboat serve hangs here or is killed: {trouble}")
}

impl Daemon {
    fn permitted_until(&self) -> Option<Duration> {
        let (standing, served) = {
            let state = self.state();
            (state.standing.clone(), state.served())
        };
        let until = self.keeper().permitted_until(standing.as_ref(), served);
        until.filter(|until| *until > ambient::uptime())
    }

    fn ports(&self) -> BTreeSet<u16> {
        let manager = &self.pair.manager;
        let listens = match manager.listens.as_slice() {
            [] => vec![manager.port],
            listens => listens.to_vec(),
        };
        PORTS.into_iter().chain(listens).collect()
    }

    /// Lets others through until then.
    async fn grant(&self, until: Duration) -> Result<(), Trouble> {
        let begun = ambient::uptime();
        let left = until.saturating_sub(begun);
        let table = table(self.cluster.as_str());
        self.nft(&granting(&table, &self.ports(), left)).await?;
        let took = ambient::uptime().saturating_sub(begun);
        if took > LIMIT {
            self.nft(&format!("flush set inet {table} may\n")).await?;
            let message = format!("nft took {} ms, and the right that it granted was taken back", millis(took));
            return Err(Trouble::new("LB0609", estate::Kind::Unreachable, message));
        }
        Ok(())
    }

    /// Takes the rules away: what is served here is nobody's affair any more.
    pub(crate) async fn let_go(&self) {
        let table = table(self.cluster.as_str());
        // So that one that is not there is no error.
        let rules = format!("add table inet {table}\ndelete table inet {table}\n");
        // Where there is no nft, there is nothing to take away.
        let script = format!("command -v nft >/dev/null || exit 0\nnft -f - <<'END'\n{rules}END\n");
        let gone = match self.here() {
            Ok(host) => host
                .run("taking the watchdog away", &script, LIMIT)
                .await
                .map_err(Trouble::from),
            Err(trouble) => Err(trouble),
        };
        let stays = |trouble: Trouble| format!("the table {table} of nftables stays: {trouble}");
        self.trouble("watchdog", gone.err().map(stays));
    }

    /// A Lifeboat that ends in order stops no cluster: then the kernel does not either.
    pub(crate) async fn leave(&self) {
        let (standing, served) = {
            let state = self.state();
            (state.standing.clone(), state.served())
        };
        let duty = self.keeper().duty(standing.as_ref(), served, ambient::uptime());
        if self.world.estate.monitor.watchdog && matches!(duty, Duty::Serve { .. }) {
            self.let_go().await;
        }
    }

    async fn nft(&self, rules: &str) -> Result<(), Trouble> {
        let host = self.here()?;
        let script = format!(
            "command -v nft >/dev/null || {{ echo 'there is no nft: install nftables' >&2; exit 1; }}\nnft -f - <<'END'\n{rules}END\n"
        );
        let done = host.run("setting the watchdog", &script, 10 * LIMIT).await;
        done.map(drop).map_err(|reason| {
            Trouble::new("LB0609", estate::Kind::Person, reason.to_string())
                .hint("apt-get install nftables, or monitor.watchdog: false")
        })
    }
}

fn table(cluster: &str) -> String {
    format!("lifeboat-{cluster}")
}

/// All of it in one transaction: the rules, whoever took them away, and the elements, whose time begins anew.
fn granting(table: &str, ports: &BTreeSet<u16>, left: Duration) -> String {
    let list: Vec<String> = ports.iter().map(u16::to_string).collect();
    let elements = |timed: &str| -> String {
        let each: Vec<String> = list.iter().map(|port| format!("{port}{timed}")).collect();
        format!("{{ {} }}", each.join(", "))
    };
    let (ports, timed) = (elements(""), elements(&format!(" timeout {}ms", millis(left))));
    // Before conntrack, and so before any rule for what is established. What a service or a host port leads on is caught before it is.
    format!(
        "add table inet {table}
add set inet {table} may {{ type inet_service; flags timeout; }}
add chain inet {table} first {{ type filter hook prerouting priority -310; policy accept; }}
add chain inet {table} own {{ type filter hook input priority -310; policy accept; }}
flush chain inet {table} first
flush chain inet {table} own
add element inet {table} may {timed}
delete element inet {table} may {ports}
add element inet {table} may {timed}
add rule inet {table} first fib daddr type local tcp dport {ports} tcp dport != @may reject with tcp reset
add rule inet {table} own tcp dport {ports} tcp dport != @may reject with tcp reset
"
    )
}

#[cfg(test)]
mod tests;
