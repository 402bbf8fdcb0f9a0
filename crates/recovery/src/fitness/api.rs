//! The API server that a cluster's kubeconfig leads to: whether it serves, its version, and what the kubeconfig may do. Start at [`look`]
//! and [`judge`].

use super::{Finding, State, within};
use crate::Trouble;
use cluster::Client;
use estate::Name;
use std::path::Path;
use std::time::Duration;

/// How long it may take in all.
const LIMIT: Duration = Duration::from_secs(25);

/// What an API server said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its URL.
    pub server: String,
    /// Whether it is ready.
    pub ready: Result<(), Trouble>,
    /// The version of Kubernetes, as in `v1.36.3`.
    pub version: Result<String, Trouble>,
    /// Whether the kubeconfig may list everything.
    pub everything: Result<bool, Trouble>,
    /// Whether it may list Secrets.
    pub secrets: Result<bool, Trouble>,
}

/// Asks the API server that `kubeconfig` leads to. Changes nothing.
///
/// # Errors
/// The kubeconfig cannot be used, or nothing answers in time.
pub async fn look(kubeconfig: &Path) -> Result<Said, Trouble> {
    let asked = async {
        let client = Client::from_kubeconfig(kubeconfig).await?;
        let version = client.version().await.map_err(Trouble::from);
        if let Err(trouble) = &version
            && trouble.may_pass()
        {
            return Err(trouble.clone());
        }
        Ok(Said {
            server: client.server().to_owned(),
            ready: client.ready().await.map_err(Trouble::from),
            version,
            everything: client.may("list", "*", "*").await.map_err(Trouble::from),
            secrets: client.may("list", "", "secrets").await.map_err(Trouble::from),
        })
    };
    within(&format!("kubeconfig {}", kubeconfig.display()), LIMIT, asked).await
}

/// What is said of it. Purely.
#[must_use]
pub fn judge(cluster: &Name, kubeconfig: &str, said: &Result<Said, Trouble>) -> Vec<Finding> {
    let (serves, may) = (format!("API server of {cluster}"), format!("kubeconfig of {cluster}"));
    let said = match said {
        Ok(said) => said,
        Err(trouble) => {
            let next = match trouble.may_pass() {
                true => "whether the cluster runs, and whether this host may reach it".to_owned(),
                false => format!("mend {kubeconfig}: kubectl --kubeconfig {kubeconfig} version"),
            };
            let finding = Finding::trouble(State::Fail, serves, trouble);
            return vec![Finding { next: Some(next), ..finding }];
        }
    };
    vec![serving(serves, kubeconfig, said), rights(may, kubeconfig, said)]
}

fn serving(what: String, kubeconfig: &str, said: &Said) -> Finding {
    let next = format!("kubectl --kubeconfig {kubeconfig} get --raw '/readyz?verbose'");
    match (&said.version, &said.ready) {
        (Ok(version), Ok(())) => Finding::ok(what, format!("{} is ready, version {version}", said.server)),
        (Err(trouble), _) => Finding {
            next: Some(next),
            ..Finding::trouble(State::Fail, what, trouble)
        },
        // Who may not ask whether it is ready has been answered nevertheless.
        (Ok(version), Err(trouble)) if trouble.kind == estate::Kind::Person => {
            let found = format!("{} answers, version {version}; whether it is ready, it may not be asked", said.server);
            Finding::unknown(what, found, "the right to get /readyz")
        }
        (Ok(_), Err(trouble)) => Finding {
            next: Some(next),
            ..Finding::trouble(State::Fail, what, trouble)
        },
    }
}

fn rights(what: String, kubeconfig: &str, said: &Said) -> Finding {
    let next = format!("in {kubeconfig}, a user who may get, list and watch everything, Secrets too");
    match (&said.everything, &said.secrets) {
        (Ok(true), _) => Finding::ok(what, "it may read everything"),
        (Ok(false), Ok(true)) => {
            Finding::warn(what, "it may read Secrets, but not everything: what is not read is not compared", next)
        }
        (Ok(false), Ok(false)) => {
            Finding::fail(what, "it may read neither everything nor Secrets", next).coded("LB0810")
        }
        (Err(trouble), _) | (_, Err(trouble)) => Finding {
            next: Some(next),
            ..Finding::trouble(State::Fail, what, trouble)
        },
    }
}
