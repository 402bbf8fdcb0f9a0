//! Several members of one cluster, and going from one to the next when it fails. Start at [`Members::connect`].

use crate::{Client, Connection, Error, Status};

/// More members than any cluster has: what etcd advertises is not believed without end.
const MEMBERS_MAX: usize = 64;

/// The members of a cluster, in the order in which they are asked. Each [`Client`] that comes from here is bound to one of them,
/// so that an answer is that member's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Members {
    connections: Vec<Connection>,
    /// How many of them were given; those after them were found.
    given: usize,
    /// Which is asked first.
    turn: usize,
}

impl Members {
    /// The member at `first`, and those at the URLs `others` that are reached with the same files and user.
    pub fn new(first: Connection, others: impl IntoIterator<Item = String>) -> Self {
        let mut connections = vec![first.clone()];
        for endpoint in others {
            add(&mut connections, Connection { endpoint, ..first.clone() });
        }
        Self { given: connections.len(), connections, turn: 0 }
    }

    /// How each is reached: what was given, then what was found.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// Connects to the first member that is fit to be watched, that is one that has a vote and a leader, beginning with the one that
    /// was connected to last (see [`Members::give_up`]). Asks each once, so it takes 12 s at most for each.
    ///
    /// # Errors
    /// When none is fit, what was wrong with one of them: with one that refuses or is not trusted rather than with one that does not
    /// answer, as waiting will not help there.
    pub async fn connect(&mut self) -> Result<(Client, Status), Error> {
        let mut worst: Option<Error> = None;
        for ahead in 0..self.connections.len() {
            let at = (self.turn + ahead) % self.connections.len();
            let Some(connection) = self.connections.get(at) else {
                continue;
            };
            match fit(connection).await {
                Ok(found) => {
                    self.turn = at;
                    return Ok(found);
                }
                Err(error) if worst.as_ref().is_none_or(|w| is_passing(w) && !is_passing(&error)) => {
                    worst = Some(error)
                }
                Err(_) => {}
            }
        }
        Err(worst.unwrap_or_else(|| Error::Endpoint { endpoint: String::new(), reason: "none is given".to_owned() }))
    }

    /// Lets [`Members::connect`] begin with the next member: the one that was connected to last has failed.
    pub fn give_up(&mut self) {
        self.turn = (self.turn + 1) % self.connections.len().max(1);
    }

    /// Asks a member which others there are, and adds those that advertise a URL of the same scheme, behind those that were given.
    /// Those found before that are no longer members go.
    ///
    /// # Errors
    /// As [`Client::members`]; then nothing changes.
    pub async fn discover(&mut self, client: &Client) -> Result<(), Error> {
        let members = client.members().await?;
        self.found(members.into_iter().flat_map(|member| member.client_urls));
        Ok(())
    }

    fn found(&mut self, urls: impl IntoIterator<Item = String>) {
        let current = self.connections.get(self.turn).map(|connection| connection.endpoint.clone());
        self.connections.truncate(self.given);
        let Some(first) = self.connections.first().cloned() else {
            return;
        };
        let scheme = |url: &str| url.split_once("://").map(|(scheme, _)| scheme.to_owned());
        for endpoint in urls {
            if scheme(&endpoint) == scheme(&first.endpoint) {
                add(&mut self.connections, Connection { endpoint, ..first.clone() });
            }
        }
        let at = self
            .connections
            .iter()
            .position(|connection| Some(&connection.endpoint) == current.as_ref());
        self.turn = at.unwrap_or(0);
    }
}

fn add(connections: &mut Vec<Connection>, new: Connection) {
    let same = |known: &Connection| known.endpoint.trim_end_matches('/') == new.endpoint.trim_end_matches('/');
    if connections.len() < MEMBERS_MAX && !connections.iter().any(same) {
        connections.push(new);
    }
}

async fn fit(connection: &Connection) -> Result<(Client, Status), Error> {
    let client = Client::connect(connection).await?;
    let status = client.status().await?;
    let unfit = |reason: &str| Error::Unreachable {
        endpoint: client.endpoint().to_owned(),
        reason: reason.to_owned(),
    };
    if status.is_learner {
        return Err(unfit("it is a learner, which cannot be watched"));
    }
    if status.leader.is_none() {
        return Err(unfit("it has no leader"));
    }
    Ok((client, status))
}

/// Whether it may be over the next time.
fn is_passing(error: &Error) -> bool {
    matches!(error, Error::Unreachable { .. })
}

#[cfg(test)]
mod tests;
