//! A moment of a history, or of anything else that holds records, as what is judged.

use super::{Each, Records, Unreadable};
use crate::resources::Moment;
use etcd::selection::Damaged;
use std::ops::ControlFlow;

/// Records that are damaged are noted where the moment says, and left out.
impl Records for Moment {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
        let mut value = None;
        self.each(key, &mut |found, it| {
            if found == key {
                value = Some(it.to_vec());
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        Ok(value)
    }

    fn each(&self, prefix: &[u8], each: &mut Each<'_>) -> Result<(), Unreadable> {
        let mut over = false;
        let read = self.source.live_under(prefix, self.revision, &mut |record| {
            if over {
                return Ok(());
            }
            match record.checked() {
                Ok(it) => over = each(&it.key, &it.value).is_break(),
                Err(why) => self.aside.note(Damaged::record(self.source.name(), &record, &*why)),
            }
            Ok(())
        });
        read.map_err(|why| Unreadable(why.to_string()))
    }
}
