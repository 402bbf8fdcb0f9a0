//! An estate on simulated hosts, on which every step of Lifeboat's own playbooks is carried out by the engine and the code of the steps
//! that recover a real one. Start at [`Ground`]; `blows` strikes every step, `killed` kills the runner.
//!
//! What is real: the planning, the engine, the steps, every script of theirs and what it does to files, the repository with its copies and
//! journals, the voters' decisions and the peers' protocol, the name server (knot) and the updates that it takes. What is simulated: a host
//! is a directory that scripts run in ([`cluster::Host::simulated`], which passes the suite of all hosts); kubelet, kubeadm, etcdutl,
//! systemctl, pgrep, pkill, uname and `lifeboat` are the small programs in `programs`; the API servers and the manager are closures that look whether the
//! host's files would let them serve.
//!
//! Not here: real control planes, networks, timing. The lab has them.

mod blows;
mod hosts;
mod killed;
mod knot;
mod servers;
mod stored;
mod voters;

use super::name;
use crate::gather::{self, Because, Playbook};
use crate::restoring::{self, Wish};
use crate::{World, asked};
use cluster::Host;
use estate::{Estate, Name, Standing};
use hosts::Tree;
use knot::Knot;
use plan::{Books, Plan, Step};
use repository::Repository;
use servers::{Manager, Objects};
use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use tempfile::TempDir;
use voters::Voters;

/// The file of the estate.
const FILE: &str = "lifeboat.yaml";
/// The cluster that has a standby, and its name.
const RANCHER: &str = "rancher";
const NAME: &str = "rancher.example.org";
/// A cluster with two hosts: the first was emptied, and the second has a member of etcd and nothing else.
const SHOP: &str = "shop";
/// A cluster of k3s with one host, which stands.
const EDGE: &str = "edge";

/// The hosts after the management cluster has moved to its standby.
const MOVED: &str = "moved";

/// What the standby follows: the same that its copy has.
const FOLLOWED: &str = "run/simulated/follow/db";

/// An estate with its hosts and what answers for them. It ends with the value.
pub(super) struct Ground {
    directory: TempDir,
    world: World,
    repository: Repository,
    voters: Voters,
    knot: Knot,
    objects: Objects,
    main: IpAddr,
    standby: IpAddr,
    _manager: Manager,
}

/// All that a run can change.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct State {
    /// What is on each host.
    files: BTreeMap<String, Tree>,
    /// Where the name leads.
    leads: Vec<IpAddr>,
    /// What a majority of the voters knows.
    standing: Option<Standing>,
    /// What the API servers have.
    objects: Vec<String>,
}

impl Ground {
    pub(super) async fn new() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        // As `main` does; a second test finds it done.
        let _done = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let address = |host| IpAddr::from(Ipv4Addr::new(127, 80, number, host));
        let (main, standby, witness) = (address(1), address(2), address(3));
        let directory = tempfile::tempdir().unwrap();
        let knot = Knot::start(address(53), NAME, main).await;
        let voters =
            Voters::start(directory.path(), [("main", main), ("standby", standby), ("witness", witness)]).await;
        let (objects, root) = (Objects::default(), |host: &str| directory.path().join("hosts").join(host));
        let manager = servers::managers([(main, root("main-1")), (standby, root("standby-1"))], NAME);
        let secrets = stored::found(directory.path()).await;
        let text = format!(
            "name: simulated
sites:
  main: {{host: main-1, serve: {main_serve}}}
  standby: {{host: standby-1, serve: {standby_serve}}}
  witness: {{host: witness, serve: {witness_serve}}}
peers: {{key: file:peers.key}}
hosts:
  main-1: {{site: main, address: {main}, ssh: {{}}}}
  standby-1: {{site: standby, address: {standby}, ssh: {{}}}}
  witness: {{site: witness, address: {witness}, ssh: {{}}}}
  shop-1: {{site: main, address: {shop_1}, ssh: {{}}}}
  shop-2: {{site: main, address: {shop_2}, ssh: {{}}}}
  edge-1: {{site: main, address: {edge_1}, ssh: {{}}}}
{secrets}clusters:
  {RANCHER}:
    role: management
    distribution: kubeadm
    repository: here
    primary: {{host: main-1, address: {main}}}
    standby: {{host: standby-1, address: {standby}}}
    manager:
      name: {NAME}
      port: {port}
      ca: manager-ca.pem
      token: file:manager.token
      start: systemctl start rancher
      stop: systemctl stop rancher
  {SHOP}: {{role: downstream, distribution: kubeadm, hosts: [shop-1, shop-2], repository: here}}
  {EDGE}: {{role: downstream, distribution: k3s, hosts: [edge-1], repository: here}}
dns:
  zone: example.org
  ttl: 2
  server: {dns}
  key: {{name: lifeboat, secret: file:tsig.key}}
  resolvers: [{dns}]
",
            main_serve = voters.at("main"),
            standby_serve = voters.at("standby"),
            witness_serve = voters.at("witness"),
            shop_1 = address(11),
            shop_2 = address(12),
            edge_1 = address(13),
            port = manager.port,
            dns = knot.address,
        );
        for (file, text) in [
            (FILE, &*text),
            ("peers.key", voters::KEY),
            ("tsig.key", knot::SECRET),
            ("manager-ca.pem", &manager.ca),
            ("manager.token", "token-abcde:secret"),
        ] {
            fs::write(directory.path().join(file), text).unwrap();
        }
        let world = opened(directory.path());
        let repository = world.repository(&name("here")).unwrap();
        let host = |name, address| hosts::Host {
            name,
            address,
            server: servers::api(root(name), objects.clone()),
        };
        let shop = [host("shop-1", address(11)), host("shop-2", address(12))];
        let edge = [host("edge-1", address(13))];
        let of_rancher = [host("main-1", main), host("standby-1", standby)];
        hosts::make(directory.path(), &[&of_rancher[..], &shop, &edge].concat());
        stored::points(&repository, &of_rancher[..1], RANCHER).await;
        stored::points(&repository, &shop, SHOP).await;
        stored::points(&repository, &edge, EDGE).await;
        stored::follow(&repository, &directory.path().join("pristine/standby-1")).await;
        let ground = Self {
            directory,
            world,
            repository,
            voters,
            knot,
            objects,
            main,
            standby,
            _manager: manager,
        };
        ground.as_it_began(true).await;
        ground
    }

    /// Lets all be as it was before the first run of a playbook.
    pub(super) async fn reset(&self, day: &Day) {
        if day.book.as_str() != "failback" {
            // What is for the loss of a site finds it lost.
            let main_lives = !matches!(day.book.as_str(), "management-failover" | "fence");
            self.as_it_began(main_lives).await;
            if day.follows == Some(false) {
                fs::remove_file(self.directory.path().join("hosts/standby-1").join(FOLLOWED)).unwrap();
            }
            return;
        }
        let directory = self.directory.path();
        if !directory.join(MOVED).exists() {
            self.as_it_began(true).await;
            let plan = self.plan(&Day::of("switchover", RANCHER)).await;
            blows::carried_out_once(self, &plan).await;
            hosts::keep(directory, MOVED);
        }
        hosts::reset(directory, MOVED);
        self.voters.reset(true, true).await;
        servers::reset(&self.objects);
        self.lead(self.standby).await;
    }

    async fn as_it_began(&self, main_lives: bool) {
        hosts::reset(self.directory.path(), "pristine");
        self.voters.reset(main_lives, false).await;
        servers::reset(&self.objects);
        self.lead(self.main).await;
    }

    async fn lead(&self, to: IpAddr) {
        self.knot.lead(&*self.world.names().unwrap(), NAME, to).await;
    }

    pub(super) async fn state(&self) -> State {
        State {
            files: hosts::read(self.directory.path()),
            leads: dns::ask(self.knot.address, NAME).await.unwrap().addresses,
            standing: self.voters.standing().await,
            objects: servers::kept(&self.objects),
        }
    }

    /// A plan of one of Lifeboat's own playbooks for a cluster, from the estate as it is.
    pub(super) async fn plan(&self, day: &Day) -> Plan {
        let playbook = Playbook { name: Some(day.book.clone()), ..Playbook::default() };
        let cluster = name(day.cluster);
        let planned = if day.cluster == RANCHER {
            let reports = gather::reports(&self.world, "test").await.unwrap();
            let because = (Because::Person, &playbook);
            gather::plan(&self.world, &cluster, &self.repository, &reports, None, because).await
        } else {
            let hosts = &self.world.estate.clusters[&cluster].hosts;
            let onto: Vec<Name> = hosts.iter().map(|host| (**host).clone()).collect();
            let copied = asked::files(&self.repository, &cluster, &asked::Asked::Newest, "")
                .await
                .unwrap();
            let wish = Wish {
                cluster: &cluster,
                onto: &onto,
                without: &[],
                begun: copied.point.begun,
                copied,
                etcd: None,
                loss: plan::Loss::default(),
                highest: None,
                playbook: &playbook,
            };
            restoring::plan(&self.world, "test", &self.repository, wish).await
        };
        planned.unwrap_or_else(|trouble| panic!("{day:?}: {trouble:?}"))
    }
}

/// A playbook, and the cluster that it is carried out for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day {
    book: Name,
    cluster: &'static str,
    /// Whether the standby has something to promote, where the playbook asks for it.
    follows: Option<bool>,
}

impl Day {
    /// On which the standby has what it follows.
    fn of(book: &str, cluster: &'static str) -> Self {
        let follows = (book == "management-failover").then_some(true);
        Self { book: name(book), cluster, follows }
    }

    /// Whether the condition of a step comes true on it.
    fn has(&self, step: &Step) -> bool {
        match (self.follows, step.when.as_deref()) {
            // What stands in for what could not be promoted.
            (Some(true), Some(when)) => !when.contains("!steps.promote.done"),
            // It fails, and the run goes on: that is what this day is about.
            (Some(false), _) => step.id != "promote",
            _ => true,
        }
    }
}

/// Each of Lifeboat's own playbooks, for the clusters that it is for.
pub(super) fn days() -> Vec<Day> {
    let of = |book: &Name| -> &[&'static str] {
        match book.as_str() {
            "management-failover" | "fence" | "switchover" | "failback" => &[RANCHER],
            "rebuild-cluster" => &[SHOP, EDGE],
            "cluster-failover" => &[SHOP],
            other => panic!(
                "Lifeboat's own playbook {other} is not carried out on simulated hosts yet: say in `days` for which of the clusters it \
                 is, in `Ground::plan` how its plan is made, and bring hosts and programs for the kinds of its steps"
            ),
        }
    };
    let books = Books::builtin().unwrap();
    let each = books
        .names()
        .flat_map(|book| of(book).iter().map(|cluster| Day::of(book.as_str(), cluster)));
    let mut days: Vec<Day> = each.collect();
    days.push(Day {
        follows: Some(false),
        ..Day::of("management-failover", RANCHER)
    });
    // Those that others consist of come first.
    days.sort_by_key(|day| !matches!(day.book.as_str(), "management-failover" | "rebuild-cluster"));
    days
}

/// The estate in `directory`, with all of its simulated hosts.
fn opened(directory: &Path) -> World {
    let text = fs::read_to_string(directory.join(FILE)).unwrap();
    let estate = Estate::parse(FILE, &text).unwrap();
    let mut world = World::new(estate, text, directory.join(FILE), None);
    let hosts: Vec<Name> = world.estate.hosts.keys().cloned().collect();
    for host in hosts {
        let root: PathBuf = directory.join("hosts").join(host.as_str());
        let entered = Host::simulated(host.as_str(), &root, &[]);
        world.simulated.insert(host, entered);
    }
    world
}

impl State {
    /// What differs, in words; nothing when they are the same.
    pub(super) fn differs(&self, wanted: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (host, tree) in &wanted.files {
            let is = &self.files[host];
            let paths = is.keys().chain(tree.keys()).collect::<std::collections::BTreeSet<_>>();
            let other = paths.into_iter().filter(|path| is.get(*path) != tree.get(*path));
            found.extend(other.map(|path| format!("{host}:{path} is {:?}, not {:?}", is.get(path), tree.get(path))));
        }
        let mut same = |what: &str, is: String, wanted: String| {
            if is != wanted {
                found.push(format!("{what} is {is}, not {wanted}"));
            }
        };
        same("the name", format!("{:?}", self.leads), format!("{:?}", wanted.leads));
        same("the epoch", format!("{:?}", self.standing), format!("{:?}", wanted.standing));
        same(
            "what the API servers have",
            format!("{:?}", self.objects),
            format!("{:?}", wanted.objects),
        );
        found
    }
}
