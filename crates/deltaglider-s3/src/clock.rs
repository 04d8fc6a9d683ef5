//! How far this machine's clock is from the store's, by the dates of its answers: signatures are refused past 15 minutes.

use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// What the last answer said.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead: Mutex<Option<i64>>,
}

impl Clock {
    /// Takes note of the `Date` of an answer that has just come.
    pub(crate) fn answered(&self, date: &str) {
        let ahead = seconds_ahead(date, SystemTime::now());
        if ahead.is_some() {
            *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = ahead;
        }
    }

    /// Seconds by which this clock is ahead of the store's; negative where it is behind, `None` before the first answer.
    pub(crate) fn ahead(&self) -> Option<i64> {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970 of a `Date` header.
pub(crate) fn seconds_of_date(date: &str) -> Option<i64> {
    Some(DateTime::from_str(date, Format::HttpDate).ok()?.secs())
}

/// Seconds since 1970 of an `x-amz-date` header, such as `20261127T081500Z`.
pub(crate) fn seconds_of_signature(date: &str) -> Option<i64> {
    let part = |range| date.get(range).filter(|part: &&str| part.bytes().all(|byte| byte.is_ascii_digit()));
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    let (hour, minute, second) = (part(9..11)?, part(11..13)?, part(13..15)?);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    Some(DateTime::from_str(&text, Format::DateTime).ok()?.secs())
}

fn seconds_ahead(date: &str, now: SystemTime) -> Option<i64> {
    let there = seconds_of_date(date)?;
    let here = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(i64::try_from(here).ok()? - there)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_date_of_an_answer_tells() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777 + 90);
        assert_eq!(seconds_ahead("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(90));
        assert_eq!(seconds_ahead("yesterday", now), None);
        assert_eq!(seconds_of_signature("19941106T084937Z"), seconds_of_date("Sun, 06 Nov 1994 08:49:37 GMT"));
        for wrong in ["", "19941106", "1994-11-06T08:49", "19941306T084937Z", "ä9941106T084937Z"] {
            assert_eq!(seconds_of_signature(wrong), None, "{wrong}");
        }
    }
}
