//! How a script ended, and which error that is: pure text.

use super::HostError;
use super::call::Call;
use super::ear::Heard;

/// How a script ended by its own account.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) code: i32,
    /// What it wrote to its standard output, or the end of it.
    output: Vec<u8>,
    cut: bool,
    /// The end of what it wrote to its standard error, in one line.
    pub(super) said: String,
}

impl Outcome {
    pub(super) fn new(code: &str, output: Heard, said: String) -> Self {
        // Only the shell's own program writes codes; what is none came from a shell that is none.
        Self {
            code: code.parse().unwrap_or(-1),
            output: output.bytes,
            cut: output.cut,
            said,
        }
    }

    /// What it wrote, when all went well.
    pub(super) fn output(self, host: &str, call: &Call<'_>) -> Result<Vec<u8>, HostError> {
        let (host, what) = (host.to_owned(), call.what.to_owned());
        if self.code != 0 {
            return Err(match (full(&self.said), missing(self.code, &self.said)) {
                (Some(named), _) => {
                    let path = call.path.or(named).unwrap_or(call.what).to_owned();
                    HostError::DiskFull { host, path }
                }
                (None, Some(program)) => HostError::Missing { host, program: program.to_owned() },
                (None, None) => {
                    let silent = self.said.is_empty();
                    let said = if silent {
                        "it did not say why".to_owned()
                    } else {
                        self.said
                    };
                    HostError::Failed { host, what, code: self.code, said }
                }
            });
        }
        // Whoever hears each line has heard all.
        if self.cut && call.each.is_none() {
            let what = call.path.map_or_else(|| format!("the output of {what}"), str::to_owned);
            return Err(HostError::TooLarge { host, what, max: call.max });
        }
        Ok(self.output)
    }
}

/// What a script said, as one line that can stand in an error.
pub(super) fn tail(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    // How the shell calls the script: bash says "line", dash does not.
    let text = text.replace("/dev/fd/8: line ", "line ").replace("/dev/fd/8: ", "line ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join("; ");
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Whether a file system was full, and for which file when that was said: `dd: error writing '/a/b': No space left on device`.
fn full(said: &str) -> Option<Option<&str>> {
    const SIGNS: &[&str] = &["no space left on device", "disk quota exceeded"];
    let lower = said.to_ascii_lowercase();
    let at = SIGNS.iter().find_map(|sign| lower.find(sign))?;
    // The file is named last before the reason; an earlier path may be the program's own.
    let mut words = said[..at]
        .rsplit("; ")
        .next()
        .unwrap_or_default()
        .split([' ', '\'', '"', '`', ':']);
    Some(words.rfind(|word| word.len() > 1 && word.starts_with('/')))
}

/// The program that was not found: `line 3: etcdutl: not found`.
fn missing(code: i32, said: &str) -> Option<&str> {
    if code != 127 {
        return None;
    }
    let last = said.rsplit("; ").next().unwrap_or_default();
    if let Some(rest) = last.strip_prefix("timeout: failed to run command ") {
        return rest.split(['\'', '`']).find(|word| !word.is_empty());
    }
    let before = last
        .strip_suffix(": command not found")
        .or_else(|| last.strip_suffix(": not found"))
        .or_else(|| last.strip_suffix(": No such file or directory"))?;
    before.rsplit(": ").next().filter(|program| !program.is_empty())
}
