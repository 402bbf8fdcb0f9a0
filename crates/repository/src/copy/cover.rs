//! Which objects of a history stand for one that is no longer there, told by names alone (docs/history-format.md). Pure.
//!
//! Merging stores what is new before it removes what that replaces, so that a name that has gone has left others behind. Start at
//! [`covers`].

/// What a name says.
enum Object {
    Base {
        revision: u64,
    },
    Segment {
        after: u64,
        through: u64,
        /// Made later, in the place of others.
        later: bool,
    },
}

/// The objects each of which alone stands for `gone`, if it is sound: a segment of all that `gone` holds, or the base with which
/// the history begins now that its beginning was let go of. `there` are the names that are left of it, `told` those among them that
/// may be relied on.
pub(super) fn covers<'a>(gone: &str, there: &[&str], told: &[&'a str]) -> Vec<&'a str> {
    let Some((timeline, gone)) = parsed(gone) else {
        return Vec::new();
    };
    let in_timeline = |name: &str| parsed(name).filter(|(it, _)| *it == timeline).map(|(_, object)| object);
    let first = there
        .iter()
        .filter_map(|name| in_timeline(name))
        .filter_map(|it| it.base())
        .min();
    let Some(first) = first else {
        return Vec::new();
    };
    // What begins before the first base can be read from nowhere: then something was lost, and not let go of.
    let cut_clean = there.iter().filter_map(|name| in_timeline(name)).all(|it| it.begin() >= first);
    let stands = |name: &&str| match (in_timeline(name), &gone) {
        (Some(Object::Base { revision }), gone) => revision == first && cut_clean && gone.end() <= first,
        (Some(Object::Segment { after, through, later: true }), Object::Segment { .. }) => {
            after <= gone.begin() && gone.end() <= through
        }
        // A state can be made anew from an earlier one.
        (Some(Object::Segment { after, through, later: true }), Object::Base { revision }) => {
            first <= after && after <= *revision && *revision <= through
        }
        _ => false,
    };
    told.iter().copied().filter(|name| stands(name)).collect()
}

impl Object {
    fn base(&self) -> Option<u64> {
        match self {
            Self::Base { revision } => Some(*revision),
            Self::Segment { .. } => None,
        }
    }

    fn begin(&self) -> u64 {
        match self {
            Self::Base { revision } => *revision,
            Self::Segment { after, .. } => *after,
        }
    }

    fn end(&self) -> u64 {
        match self {
            Self::Base { revision } => *revision,
            Self::Segment { through, .. } => *through,
        }
    }
}

/// The timeline and what is in it; `None` for what is no name of a history.
fn parsed(name: &str) -> Option<(u32, Object)> {
    let parts: Vec<&str> = name.split('-').collect();
    let timeline = parts.first()?.strip_prefix('t')?.parse().ok()?;
    let object = match *parts.get(1..)? {
        ["base", revision, _] | ["base", revision, _, "merged", _] => Object::Base { revision: revision.parse().ok()? },
        ["seg", after, through, _, _] => Object::Segment {
            after: after.parse().ok()?,
            through: through.parse().ok()?,
            later: false,
        },
        ["seg", after, through, _, _, "merged" | "coalesced" | "synthetic", _] => Object::Segment {
            after: after.parse().ok()?,
            through: through.parse().ok()?,
            later: true,
        },
        _ => return None,
    };
    Some((timeline, object))
}

#[cfg(test)]
mod tests;
