//! Listening to one output of a script: its end is kept, up to a mark after which a status stands.

use tokio::io::{AsyncRead, AsyncReadExt};

/// Read at once, and kept beyond what was asked for before the beginning is forgotten, in bytes.
const CHUNK: usize = 64 * 1024;

/// Who hears each line as it comes.
pub(super) type Each<'a> = &'a (dyn Fn(&str) + Sync);

/// The longest line that is passed on whole, in bytes.
const LINE_MAX: usize = 4096;

/// One output, until it ends or a mark comes.
pub(super) struct Ear<'a, R> {
    from: R,
    /// What opens a status: a line of its own, beginning with a word that the script cannot know.
    mark: Vec<u8>,
    /// The most that is kept, in bytes.
    max: usize,
    heard: Vec<u8>,
    forgot: bool,
    /// Who hears each line, and what has come of the next one.
    each: Option<Each<'a>>,
    line: Vec<u8>,
}

/// What came before the mark.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// Its end: as much as is kept.
    pub(super) bytes: Vec<u8>,
    /// Whether more came than is kept.
    pub(super) cut: bool,
    /// The status after the mark; `None` when the output ended without.
    pub(super) status: Option<String>,
}

impl<'a, R: AsyncRead + Unpin> Ear<'a, R> {
    pub(super) fn new(from: R, token: &str, max: usize) -> Self {
        let mark = format!("\n{token} ").into_bytes();
        Self {
            from,
            mark,
            max,
            heard: Vec::new(),
            forgot: false,
            each: None,
            line: Vec::new(),
        }
    }

    /// From here on, `each` hears every line but the marks.
    pub(super) fn tell(&mut self, each: Option<Each<'a>>) {
        self.each = each;
    }

    /// Passes on what has newly come.
    fn pass_on(&mut self, from: usize) {
        let Some(each) = self.each else { return };
        for byte in self.heard.get(from..).unwrap_or_default() {
            if *byte != b'\n' && self.line.len() < LINE_MAX {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let is_mark = line.starts_with(self.mark.get(1..).unwrap_or_default());
            if !line.is_empty() && !is_mark {
                each(&String::from_utf8_lossy(&line));
            }
            if *byte != b'\n' {
                self.line.push(*byte);
            }
        }
    }

    /// Listens up to the next mark, or to the end. An output that breaks has ended.
    pub(super) async fn next(&mut self) -> Heard {
        let mut searched: usize = 0;
        loop {
            let start = searched.saturating_sub(self.mark.len());
            if let Some(at) = find(&self.heard[start..], &self.mark) {
                let at = start + at;
                let status = at + self.mark.len();
                if let Some(length) = self.heard[status..].iter().position(|b| *b == b'\n') {
                    let word = String::from_utf8_lossy(&self.heard[status..status + length]).into_owned();
                    let rest = self.heard.split_off(status + length + 1);
                    self.heard.truncate(at);
                    return self.hand_over(Some(word), rest);
                }
                searched = at;
            } else {
                searched = self.heard.len();
            }
            if self.heard.len() > self.max.saturating_add(2 * CHUNK) {
                let surplus = self.heard.len() - self.max - CHUNK;
                self.heard.drain(..surplus);
                self.forgot = true;
                searched = searched.saturating_sub(surplus);
            }
            self.heard.reserve(CHUNK);
            let before = self.heard.len();
            if !matches!(self.from.read_buf(&mut self.heard).await, Ok(1..)) {
                return self.hand_over(None, Vec::new());
            }
            self.pass_on(before);
        }
    }

    fn hand_over(&mut self, status: Option<String>, rest: Vec<u8>) -> Heard {
        let mut bytes = std::mem::replace(&mut self.heard, rest);
        let surplus = bytes.len().saturating_sub(self.max);
        bytes.drain(..surplus);
        Heard {
            bytes,
            cut: std::mem::take(&mut self.forgot) || surplus > 0,
            status,
        }
    }
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}
