//! One script: how it gets to a shell and how its end is learnt, the same for every kind of host.
//!
//! The shell runs a fixed program ([`SHELL`]) that reads a header, gets the lock if there is one to get, says "go", reads the
//! script line by line up to a token, runs it with the rest of the input, and says how that ended. The token is new for every
//! call. So a script that arrives in part is never run, one whose sender died while it waited for the lock neither; noise of
//! login scripts comes before "go" and is forgotten; every exit code is the script's own; and a process that holds on to an
//! output holds nobody up.

use super::HostError;
use super::ear::{Each, Ear, Heard};
use super::outcome::{Outcome, tail};
use futures::future::{Either, join, select};
use std::any::Any;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// What every shell is started with; `read` is used since it takes no byte more than its line from a pipe.
pub(super) const SHELL: &str = r#"
read -r token limit wait lock || exit 0
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
cd /
umask 022
end() { printf "\n%s %s\n" "$token" "$1"; printf "\n%s %s\n" "$token" "$1" >&2; exit 0; }
if [ -n "$lock" ]; then
  mkdir -p "${lock%/*}" && (umask 077 && : >>"$lock") && chmod 600 "$lock" || end 73
  exec 9>>"$lock"
  flock -w "$wait" 9 || { code=$?; [ "$code" = 1 ] && end busy; end "$code"; }
fi
printf "\n%s go\n" "$token"
script= whole=
while IFS= read -r line; do
  if [ "$line" = "$token" ]; then whole=yes; break; fi
  script="$script$line
"
done
[ -n "$whole" ] || exit 0
exec 7<&0
printf %s "$script" | timeout -k 2 "$limit" sh -eu /dev/fd/8 8<&0 <&7 7<&-
end $?
"#;

/// Between a script's limit and its last process' death, as it stands in [`SHELL`].
const KILL_AFTER: Duration = Duration::from_secs(2);

/// How much longer than the script an answer may take. A dead connection is noticed by OpenSSH within 15 s.
const MARGIN: Duration = Duration::from_secs(20);

/// The longest output of a script whose caller did not say, in bytes.
const OUTPUT_MAX: usize = 1 << 20;

/// Sent at once of a file, in bytes.
const CHUNK: usize = 64 * 1024;

/// How much of the end of a script's standard error is kept, in bytes.
const SAID_MAX: usize = 2048;

/// A shell that runs [`SHELL`] and is listening.
pub(super) struct Channel {
    pub(super) stdin: Box<dyn AsyncWrite + Send + Unpin>,
    pub(super) stdout: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) stderr: Box<dyn AsyncRead + Send + Unpin>,
    /// Kept while the pipes are in use.
    pub(super) _process: Box<dyn Any + Send>,
}

/// What a script is to read.
pub(super) enum Input<'a> {
    Nothing,
    Bytes(&'a [u8]),
    /// An open file, its length, and its path for errors.
    File(File, u64, &'a Path),
}

/// A script about to be run.
pub(super) struct Call<'a> {
    /// What it is for, in a few words.
    pub(super) what: &'a str,
    pub(super) script: &'a str,
    pub(super) limit: Duration,
    /// The file to lock, or nothing.
    pub(super) lock: &'a str,
    /// The file on the host that this is about, if it is about one.
    pub(super) path: Option<&'a str>,
    /// The most that it may write to its standard output, in bytes.
    pub(super) max: usize,
    /// Who hears each line of its outputs as it comes.
    pub(super) each: Option<Each<'a>>,
}

impl<'a> Call<'a> {
    pub(super) fn new(what: &'a str, script: &'a str, limit: Duration) -> Self {
        Self {
            what,
            script,
            limit,
            lock: "",
            path: None,
            max: OUTPUT_MAX,
            each: None,
        }
    }

    /// Runs it in a fresh shell.
    pub(super) async fn through(&self, host: &str, channel: Channel, input: Input<'_>) -> Result<Outcome, HostError> {
        let Channel { mut stdin, stdout, stderr, _process } = channel;
        let token = ambient::random_id(20);
        let mut out = Ear::new(stdout, &token, self.max);
        let mut err = Ear::new(stderr, &token, SAID_MAX);
        let code = match self.begin(host, &token, &mut stdin, &mut out).await?.as_deref() {
            Some("go") => None,
            Some("busy") => return Err(self.busy(host)),
            other => Some(other.map(str::to_owned)),
        };
        if let Some(code) = code {
            let said = timeout(MARGIN, err.next())
                .await
                .map_or_else(|_| String::new(), |said| tail(&said.bytes));
            return match code {
                Some(code) => Ok(Outcome::new(&code, Heard::default(), said)),
                None if said.is_empty() => Err(self.not_begun(host, "the connection was closed")),
                None => Err(self.not_begun(host, &said)),
            };
        }

        out.tell(self.each);
        err.tell(self.each);
        let began = ambient::monotonic();
        let sending = pin!(self.send(host, stdin, &token, input));
        let listening = pin!(join(out.next(), err.next()));
        let exchange = async {
            match select(listening, sending).await {
                // The end may come before all is sent: the script need not read what it is given.
                Either::Left((heard, _)) => Ok(heard),
                Either::Right((sent, listening)) => {
                    sent?;
                    Ok(listening.await)
                }
            }
        };
        let patience = self.limit.saturating_add(KILL_AFTER + MARGIN);
        let (output, said) = timeout(patience, exchange).await.map_err(|_late| self.timed_out(host))??;
        match output.status.clone() {
            // `timeout` says 124, or 137 when it had to kill. A script may say so too, but not at that time.
            Some(code) if matches!(code.as_str(), "124" | "137") && began.elapsed() >= self.limit => {
                Err(self.timed_out(host))
            }
            Some(code) => Ok(Outcome::new(&code, output, tail(&said.bytes))),
            None => Err(HostError::Unreachable {
                host: host.to_owned(),
                reason: format!("the connection was lost during {}, which may go on there", self.what),
            }),
        }
    }

    /// Sends the header and waits for "go"; returns what came instead otherwise, and `None` when the shell ended.
    async fn begin(
        &self,
        host: &str,
        token: &str,
        stdin: &mut (impl AsyncWrite + Unpin),
        out: &mut Ear<'_, impl AsyncRead + Unpin>,
    ) -> Result<Option<String>, HostError> {
        let limit = seconds(self.limit);
        let header = format!("{token} {limit} {limit} {}\n", self.lock);
        let wait = if self.lock.is_empty() {
            Duration::ZERO
        } else {
            self.limit
        };
        let beginning = async {
            // What cannot be written is not answered either, and that is told better.
            let _gone = written(stdin, header.as_bytes()).await;
            out.next().await.status
        };
        let silent = |_late| self.not_begun(host, "its shell did not answer");
        timeout(wait.saturating_add(MARGIN), beginning).await.map_err(silent)
    }

    /// Sends the script and what it is to read. That the shell takes no more of it is no error: its end says why.
    async fn send(
        &self,
        host: &str,
        mut stdin: impl AsyncWrite + Unpin,
        token: &str,
        input: Input<'_>,
    ) -> Result<(), HostError> {
        let script = format!("{}\n{token}\n", self.script);
        if written(&mut stdin, script.as_bytes()).await.is_err() {
            return Ok(());
        }
        match input {
            Input::Nothing => {}
            Input::Bytes(bytes) => {
                let _gone = written(&mut stdin, bytes).await;
            }
            Input::File(file, length, path) => {
                let mut rest = file.take(length);
                let mut chunk = vec![0; CHUNK];
                loop {
                    let read = rest.read(&mut chunk).await.map_err(|source| HostError::Source {
                        host: host.to_owned(),
                        path: path.display().to_string(),
                        source,
                    })?;
                    if read == 0 || written(&mut stdin, &chunk[..read]).await.is_err() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn not_begun(&self, host: &str, reason: &str) -> HostError {
        HostError::Unreachable {
            host: host.to_owned(),
            reason: format!("{reason} ({} was not begun)", self.what),
        }
    }

    fn busy(&self, host: &str) -> HostError {
        HostError::Busy {
            host: host.to_owned(),
            what: self.what.to_owned(),
            limit: self.limit,
        }
    }

    fn timed_out(&self, host: &str) -> HostError {
        HostError::TimedOut {
            host: host.to_owned(),
            what: self.what.to_owned(),
            limit: self.limit,
        }
    }
}

async fn written(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

/// A duration for `timeout` and `flock`. Never zero: to `timeout` that means for ever.
fn seconds(limit: Duration) -> String {
    format!("{:.3}", limit.max(Duration::from_millis(1)).as_secs_f64())
}
