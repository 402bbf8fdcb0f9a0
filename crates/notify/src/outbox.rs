//! Who still has to get which message. Pure: [`crate::deliver`] sends, and notes here what came of it.

use crate::Message;
use crate::error::Error;
use estate::{Kind, Name, Severity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How many messages wait for one channel at most; older ones are dropped, and that is told.
const WAITING_MAX: usize = 200;
/// What could not be sent for so long is dropped: who is still wrong is said every day.
const LIFE: Duration = Duration::from_hours(72);
/// From the first failure to the next attempt; doubled each time.
const PAUSE: Duration = Duration::from_secs(5);
/// Between two attempts at most.
const PAUSE_MAX: Duration = Duration::from_mins(15);

/// The messages that wait for each channel. Kept on disk by whoever has it, so that a restart loses none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outbox {
    queues: BTreeMap<Name, Queue>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Queue {
    waiting: VecDeque<Message>,
    /// How often in a row it has failed.
    failures: u32,
    /// Before this nothing is sent again.
    due: Option<Timestamp>,
    /// What went wrong last, and was not mended since.
    trouble: Option<String>,
    dropped: u64,
}

impl Outbox {
    /// Puts a message into the queue of each channel that takes its severity.
    pub fn push<'a>(&mut self, message: &Message, channels: impl IntoIterator<Item = (&'a Name, &'a estate::Channel)>) {
        for (name, _) in channels.into_iter().filter(|(_, of)| takes(of, message.severity)) {
            let queue = self.queues.entry(name.clone()).or_default();
            queue.waiting.push_back(message.clone());
            while queue.waiting.len() > WAITING_MAX {
                queue.waiting.pop_front();
                queue.dropped += 1;
            }
        }
    }

    /// Forgets the channels that the estate does not have any more.
    pub fn keep_only(&mut self, is_there: impl Fn(&Name) -> bool) {
        self.queues.retain(|name, _| is_there(name));
    }

    /// What is to be sent to a channel at `now`, in this order; nothing while a pause after a failure lasts.
    pub fn due(&self, channel: &Name, now: Timestamp) -> Vec<Message> {
        let queue = self.queues.get(channel).filter(|queue| queue.is_due(now));
        queue.map(|queue| queue.waiting.iter().cloned().collect()).unwrap_or_default()
    }

    /// Notes that a channel has taken a message; `refused` is whom it did not reach, in words.
    pub fn sent(&mut self, channel: &Name, message: &Message, refused: &[String]) {
        let Some(queue) = self.queues.get_mut(channel) else {
            return;
        };
        queue.remove(message);
        (queue.failures, queue.due, queue.dropped) = (0, None, 0);
        queue.trouble = (!refused.is_empty()).then(|| refused.join("; "));
    }

    /// Notes at `now` that a channel did not take a message.
    pub fn failed(&mut self, channel: &Name, message: &Message, error: &Error, now: Timestamp) {
        let Some(queue) = self.queues.get_mut(channel) else {
            return;
        };
        queue.trouble = Some(error.to_string());
        queue.failures = queue.failures.saturating_add(1);
        queue.due = now.checked_add(pause(queue.failures)).ok();
        let is_old = message.at.duration_until(now) > LIFE.try_into().unwrap_or_default();
        if is_old {
            queue.remove(message);
            queue.dropped += 1;
        } else if error.kind() != Kind::Unreachable && queue.remove(message) {
            // One message that is refused must not hold up the others.
            queue.waiting.push_back(message.clone());
        }
    }

    /// How many messages wait for a channel.
    pub fn waiting(&self, channel: &Name) -> usize {
        self.queues.get(channel).map_or(0, |queue| queue.waiting.len())
    }

    /// What could not be sent, and why, by channel: a trouble that is told everywhere else.
    pub fn troubles(&self) -> BTreeMap<Name, String> {
        let troubles = self.queues.iter().filter_map(|(name, queue)| {
            let trouble = queue.trouble.as_ref()?;
            let count = |number: u64, what: &str| match number {
                0 => String::new(),
                1 => format!("; 1 message {what}"),
                more => format!("; {more} messages {what}"),
            };
            let waiting = count(queue.waiting.len() as u64, "not sent yet");
            Some((name.clone(), format!("{trouble}{waiting}{}", count(queue.dropped, "given up"))))
        });
        troubles.collect()
    }
}

impl Queue {
    fn is_due(&self, now: Timestamp) -> bool {
        // A clock that went back must not make the pause longer.
        self.due
            .is_none_or(|due| due <= now || now.duration_until(due) > PAUSE_MAX.try_into().unwrap_or_default())
    }

    fn remove(&mut self, message: &Message) -> bool {
        let at = self.waiting.iter().position(|it| it == message);
        at.and_then(|at| self.waiting.remove(at)).is_some()
    }
}

fn takes(channel: &estate::Channel, severity: Severity) -> bool {
    channel.severities.as_ref().is_none_or(|wanted| wanted.contains(&severity))
}

fn pause(failures: u32) -> Duration {
    let times = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    PAUSE.saturating_mul(times).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests;
