//! Hours, days, ISO weeks, months and years of UTC, numbered. Pure.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// The day of 1970 on which an ISO week begins before all others: 1 January was a Thursday.
const MONDAY: i64 = -3;

/// A kind of period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Period {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Period {
    pub(crate) const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    /// The number of the period that `at` is in. The next one's is one higher.
    pub(crate) fn number(self, at: Timestamp) -> i64 {
        let seconds = at.as_second();
        let date = || TimeZone::UTC.to_datetime(at).date();
        match self {
            Self::Hour => seconds.div_euclid(HOUR),
            Self::Day => seconds.div_euclid(DAY),
            Self::Week => (seconds.div_euclid(DAY) - MONDAY).div_euclid(7),
            Self::Month => i64::from(date().year()) * 12 + i64::from(date().month()) - 1,
            Self::Year => i64::from(date().year()),
        }
    }

    /// When the period with this number begins: at the end of time if that is before it.
    pub(crate) fn begin(self, number: i64) -> Timestamp {
        let seconds = |seconds: Option<i64>| seconds.and_then(|it| Timestamp::from_second(it).ok());
        let begin = match self {
            Self::Hour => seconds(number.checked_mul(HOUR)),
            Self::Day => seconds(number.checked_mul(DAY)),
            Self::Week => seconds(number.checked_mul(7).and_then(|days| (days + MONDAY).checked_mul(DAY))),
            Self::Month => first_of(number.div_euclid(12), number.rem_euclid(12) + 1),
            Self::Year => first_of(number, 1),
        };
        begin.unwrap_or(Timestamp::MAX)
    }
}

fn first_of(year: i64, month: i64) -> Option<Timestamp> {
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, 1).ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}
