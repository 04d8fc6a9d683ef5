//! Spans of time as people write and read them.

use std::time::Duration;

/// Units, the longest first, with their seconds.
const UNITS: [(&str, &str, u64); 4] =
    [("d", "day", 86_400), ("h", "hour", 3600), ("m", "minute", 60), ("s", "second", 1)];

/// Writes a span in the longest unit of which it has one: `12 days`, `1 hour`.
pub(crate) fn human(span: Duration) -> String {
    let seconds = span.as_secs();
    let (_, name, length) = UNITS.into_iter().find(|(.., length)| seconds >= *length).unwrap_or(UNITS[3]);
    let number = seconds / length;
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

/// Reads a span: seconds, or a number with a unit, such as `30d`, `12h`, `15m`, `45s`.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let expected = || format!("`{text}` is not a span such as 30d, 12h, 15m or 45s");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| expected())?;
    let unit = if digits == text.len() { "s" } else { &text[digits..] };
    let (.., length) = UNITS.into_iter().find(|(short, ..)| *short == unit).ok_or_else(expected)?;
    number.checked_mul(length).map(Duration::from_secs).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_in_one_unit() {
        for (seconds, text) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (7200, "2 hours"),
            (1_080_000, "12 days"),
        ] {
            assert_eq!(human(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn spans_are_read_with_their_units() {
        for (text, seconds) in [("30d", 2_592_000), ("12h", 43_200), ("15m", 900), ("45s", 45), ("7", 7), ("0", 0)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "d", "-1d", "1.5h", "1w", "1 d", "99999999999999999999", "999999999999999999d"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
