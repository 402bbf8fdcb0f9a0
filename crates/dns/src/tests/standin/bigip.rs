//! A stand-in for F5 BIG-IP DNS (GTM), written from the vendor's documentation of iControl REST:
//! <https://clouddocs.f5.com/api/icontrol-rest/APIRef_tm_gtm_pool_a.html>, `APIRef_tm_gtm_pool_a_members.html` and
//! `APIRef_tm_gtm_wideip_a.html` beside it, and for tokens
//! <https://community.f5.com/kb/technicalarticles/icontrol-rest-authentication-token-management/287462>. It has never met a real
//! BIG-IP.
//!
//! One wide IP with one pool of two members, at `192.0.2.1` and `192.0.2.2`; what is written is in effect at once, and kept over a
//! restart only when it is saved.

use super::{Asked, Said, serve};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

pub(in crate::tests) const USER: &str = "lifeboat";
/// A user who may read only.
pub(in crate::tests) const READER: &str = "guest";
pub(in crate::tests) const PASSWORD: &str = "correct horse";
pub(in crate::tests) const BERLIN: &str = "/Common/berlin:/Common/rancher";
pub(in crate::tests) const HAMBURG: &str = "/Common/hamburg:/Common/rancher";

/// What it is set up for.
pub(in crate::tests) struct System {
    /// Whether each member is enabled.
    pub(in crate::tests) members: BTreeMap<String, bool>,
    pub(in crate::tests) ttl: u64,
    pub(in crate::tests) enabled: bool,
    pub(in crate::tests) changes: usize,
    pub(in crate::tests) saved: bool,
    /// Tokens that were given, and to whom.
    pub(in crate::tests) tokens: BTreeMap<String, String>,
    /// How often somebody logged in.
    pub(in crate::tests) logins: usize,
}

impl System {
    pub(in crate::tests) fn new() -> Self {
        Self {
            members: [(BERLIN.to_owned(), true), (HAMBURG.to_owned(), false)].into(),
            ttl: 300,
            enabled: true,
            changes: 0,
            saved: true,
            tokens: BTreeMap::new(),
            logins: 0,
        }
    }
}

pub(in crate::tests) async fn start(system: Arc<Mutex<System>>) -> SocketAddr {
    serve(SignedDuration::ZERO, move |asked| answer(&asked, &mut system.lock().unwrap())).await
}

fn answer(asked: &Asked, system: &mut System) -> Said {
    let segments = asked.segments();
    if (asked.method.as_str(), &segments[..]) == ("POST", &["mgmt", "shared", "authn", "login"]) {
        return login(&asked.json(), system);
    }
    let Some(user) = system.tokens.get(asked.header("x-f5-auth-token")).cloned() else {
        return refused(401, "X-F5-Auth-Token does not exist.");
    };
    if user == READER && asked.method != "GET" {
        return refused(
            401,
            "Authorization failed: user=https://localhost/mgmt/shared/authz/users/guest verb=PATCH",
        );
    }
    let pool = "~Common~rancher";
    match (asked.method.as_str(), &segments[2..]) {
        ("GET", ["gtm", "wideip", "a", "~Common~rancher.lab.test"]) => {
            let mut wide_ip = thing("wideip:a:astate", "/Common/rancher.lab.test", system.enabled);
            wide_ip["pools"] = json!([{ "name": "rancher", "partition": "Common", "order": 0, "ratio": 1 }]);
            (200, wide_ip.to_string())
        }
        ("GET", ["gtm", "wideip", kind, name]) => {
            let (kind, name) = (kind.to_uppercase(), name.replace('~', "/"));
            refused(
                404,
                &format!("01020036:3: The requested GTM wideip ({name}) of type {kind} was not found."),
            )
        }
        ("GET", ["gtm", "pool", "a", at]) if *at == pool => {
            let mut pool = thing("pool:a:astate", "/Common/rancher", true);
            pool["ttl"] = json!(system.ttl);
            (200, pool.to_string())
        }
        ("GET", ["gtm", "pool", "a", at, "members"]) if *at == pool => {
            let each = system.members.iter();
            let items: Vec<Value> = each
                .map(|(name, enabled)| thing("pool:a:members:membersstate", name, *enabled))
                .collect();
            (
                200,
                json!({ "kind": "tm:gtm:pool:a:members:memberscollectionstate", "items": items }).to_string(),
            )
        }
        ("PATCH", ["gtm", "pool", "a", at]) if *at == pool => {
            system.ttl = asked.json()["ttl"].as_u64().unwrap();
            system.changes += 1;
            system.saved = false;
            (200, thing("pool:a:astate", "/Common/rancher", true).to_string())
        }
        ("PATCH", ["gtm", "pool", "a", at, "members", member]) if *at == pool => {
            patched(&member.replace('~', "/"), &asked.json(), system)
        }
        ("POST", ["sys", "config"]) if asked.json() == json!({ "command": "save" }) => {
            system.saved = true;
            (200, json!({ "kind": "tm:sys:config:savestate", "command": "save" }).to_string())
        }
        _ => refused(404, "01020036:3: The requested object was not found."),
    }
}

/// An object is `enabled` or `disabled`, and has the other property not at all.
fn thing(kind: &str, full_path: &str, enabled: bool) -> Value {
    let state = if enabled { "enabled" } else { "disabled" };
    let name = full_path.rsplit('/').next();
    json!({ "kind": format!("tm:gtm:{kind}"), "name": name, "partition": "Common", "fullPath": full_path, state: true })
}

fn patched(member: &str, body: &Value, system: &mut System) -> Said {
    let enabled = match (&body["enabled"], &body["disabled"]) {
        (Value::Bool(true), Value::Null) => true,
        (Value::Null, Value::Bool(true)) => false,
        _ => return refused(400, "one of enabled and disabled must be true"),
    };
    let Some(state) = system.members.get_mut(member) else {
        return refused(
            404,
            &format!("01020036:3: The requested pool member (/Common/rancher {member}) was not found."),
        );
    };
    if *state != enabled {
        *state = enabled;
        system.changes += 1;
        system.saved = false;
    }
    (200, thing("pool:a:members:membersstate", member, enabled).to_string())
}

fn login(body: &Value, system: &mut System) -> Said {
    assert_eq!(body["loginProviderName"], "tmos");
    let user = body["username"].as_str().unwrap_or_default().to_owned();
    if body["password"] != PASSWORD || ![USER, READER].contains(&user.as_str()) {
        return refused(401, "Authentication failed.");
    }
    system.logins += 1;
    let token = format!("TOKEN{}", system.logins);
    system.tokens.insert(token.clone(), user.clone());
    let given = json!({ "token": token, "name": token, "userName": user, "timeout": 1200 });
    (200, json!({ "username": user, "loginProviderName": "tmos", "token": given }).to_string())
}

fn refused(status: u16, message: &str) -> Said {
    (
        status,
        json!({ "code": status, "message": message, "errorStack": [], "apiError": 3 }).to_string(),
    )
}
