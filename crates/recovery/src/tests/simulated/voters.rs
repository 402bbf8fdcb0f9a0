//! The Lifeboats of the sites, as far as a run asks them: the voters that `lifeboat serve` has, behind the peers' protocol. Where the main
//! site is lost, it refuses to answer. Start at [`Voters::start`].

use estate::{Epoch, Report, Serving, Standing, Takeover};
use failover::{Post, Saved, Voter};
use peers::{Handler, Key, Refusal, async_trait};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Mutex;

/// What all sites share.
pub(super) const KEY: &str = "bGlmZWJvYXRsaWZlYm9hdGxpZmVib2F0bGlmZWJvYXQ=";

/// How long a lease of the main site still lasts when a run begins: it is waited for, and not for long.
const LEFT: Duration = Duration::from_millis(300);

pub(super) struct Voters {
    desks: Vec<Arc<Desk>>,
    addresses: BTreeMap<String, SocketAddr>,
}

impl Voters {
    /// Lets them answer. `directory` is the estate's.
    pub(super) async fn start(directory: &Path, sites: [(&str, IpAddr); 3]) -> Self {
        let newest = Arc::default();
        let mut started = Self { desks: Vec::new(), addresses: BTreeMap::new() };
        for (site, address) in sites {
            let listener = TcpListener::bind((address, 0)).await.unwrap();
            started.addresses.insert(site.to_owned(), listener.local_addr().unwrap());
            let post = Post {
                site: super::name(site),
                cluster: super::name(super::RANCHER),
                primary: super::name("main"),
                lease: Duration::from_secs(10),
            };
            let desk = Arc::new(Desk {
                voter: Mutex::new(begun(&post)),
                served: directory.join(format!("hosts/{site}-1/var/lib/lifeboat/served-{}", super::RANCHER)),
                lives: AtomicBool::new(true),
                newest: Arc::clone(&newest),
                post,
            });
            started.desks.push(desk.clone());
            let (site, key) = (site.to_owned(), Key::from_base64(KEY).unwrap());
            tokio::spawn(
                async move { peers::serve(listener, &site, key, desk, std::future::pending()).await.unwrap() },
            );
        }
        started
    }

    pub(super) fn at(&self, site: &str) -> SocketAddr {
        self.addresses[site]
    }

    /// `main_lives`: whether it answers; `has_moved`: whether the standby has served since, in the second epoch.
    pub(super) async fn reset(&self, main_lives: bool, has_moved: bool) {
        for desk in &self.desks {
            *desk.newest.lock().await = None;
            let mut voter = begun(&desk.post);
            if has_moved {
                let standing = Standing { epoch: Epoch(2), holder: super::name("standby") };
                let question = Takeover {
                    cluster: desk.post.cluster.clone(),
                    standing,
                    run: "run 1".to_owned(),
                };
                let answer = voter.takeover(&question, ambient::uptime());
                stored(&mut voter, answer.save);
            }
            *desk.voter.lock().await = voter;
            let lives = main_lives || desk.post.site.as_str() != "main";
            desk.lives.store(lives, Ordering::Relaxed);
        }
    }

    /// The newest standing that a majority knows: whether the third knows it as well depends on how soon it answered.
    pub(super) async fn standing(&self) -> Option<Standing> {
        let mut all = Vec::new();
        for desk in &self.desks {
            all.extend(desk.voter.lock().await.standing().cloned());
        }
        all.sort_by_key(|standing| std::cmp::Reverse(standing.epoch));
        all.into_iter().nth(1)
    }
}

/// A voter that knows of the main site's first epoch.
fn begun(post: &Post) -> Voter {
    let now = ambient::uptime();
    let mut voter = Voter::open(post.clone(), None, now.saturating_sub(post.lease).saturating_add(LEFT));
    let others = ["main", "standby", "witness"].map(|site| (super::name(site), None));
    let saved = voter.learn(&others);
    stored(&mut voter, saved);
    voter
}

/// Its word is as durable as this process.
fn stored(voter: &mut Voter, save: Option<Saved>) {
    if let Some(saved) = save {
        voter.stored(&saved);
    }
}

struct Desk {
    post: Post,
    lives: AtomicBool,
    /// The newest standing that any site has promised: the sites tell each other within a second.
    newest: Arc<Mutex<Option<Standing>>>,
    voter: Mutex<Voter>,
    /// The file that says in which epoch the cluster was started here.
    served: PathBuf,
}

#[async_trait]
impl Handler for Desk {
    async fn handle(&self, _from: &str, path: &str, question: Value) -> Result<Value, Refusal> {
        if !self.lives.load(Ordering::Relaxed) {
            return Err(Refusal::new("it is lost"));
        }
        let mut voter = self.voter.lock().await;
        match path {
            "takeover" => {
                let question = serde_json::from_value(question).unwrap();
                let answer = voter.takeover(&question, ambient::uptime());
                stored(&mut voter, answer.save);
                self.newest.lock().await.clone_from(&voter.standing().cloned());
                written(answer.reply)
            }
            "report" | "look" => {
                if let Some(newest) = &*self.newest.lock().await {
                    let saved = voter.hear(newest);
                    stored(&mut voter, saved);
                }
                written(self.report(&voter))
            }
            _ => Err(Refusal::new(format!("there is no answer to {path}"))),
        }
    }
}

impl Desk {
    /// What the site's keeper would let it say: it may serve where it was noted, in the epoch that it holds.
    fn report(&self, voter: &Voter) -> Report {
        let noted = std::fs::read_to_string(&self.served).ok();
        let noted = noted.and_then(|text| text.trim().parse::<u64>().ok());
        let mine = voter.standing().filter(|standing| standing.holder == self.post.site);
        let serving = match mine.filter(|standing| Some(standing.epoch.0) == noted) {
            Some(standing) => Serving::Serving { epoch: standing.epoch, left_ms: 10_000 },
            None => Serving::Standby,
        };
        Report {
            site: self.post.site.clone(),
            version: "0".to_owned(),
            now: ambient::now(),
            standing: voter.standing().cloned(),
            serving,
            probes: Vec::new(),
            renewed: None,
            proven: None,
            unfit: None,
            copied: None,
            copies: Vec::new(),
            protections: Vec::new(),
            troubles: Vec::new(),
        }
    }
}

fn written(answer: impl Serialize) -> Result<Value, Refusal> {
    Ok(serde_json::to_value(answer).unwrap())
}
