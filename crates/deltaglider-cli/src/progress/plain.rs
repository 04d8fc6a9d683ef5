//! One line about how far a run is, for logs.

use super::Figures;
use crate::byte_size::human;
use crate::output::percent;

/// `[  40s] 37/80 files, 3.0 GiB/6.4 GiB (46%), sent 181.0 MiB, saved 94.1%, 76.0 MiB/s, ETA 72s`
pub(super) fn line(figures: &Figures) -> String {
    let saved = figures.saved.map_or_else(|| "–".to_owned(), percent);
    let left = figures.left().map_or_else(|| "–".to_owned(), |left| format!("{}s", left.as_secs()));
    format!(
        "[{:>4}s] {}/{} files, {}/{} ({}%), sent {}, saved {saved}, {}/s, ETA {left}",
        figures.elapsed.as_secs(),
        figures.files_done,
        figures.files,
        human(figures.bytes_done),
        human(figures.bytes),
        figures.share_done(),
        human(figures.moved),
        human(figures.rate()),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let figures = Figures {
            files: 80,
            files_done: 37,
            bytes: 64 << 20,
            bytes_done: 32 << 20,
            moved: 2 << 20,
            saved: Some(0.941),
            elapsed: Duration::from_secs(4),
        };
        assert_eq!(
            line(&figures),
            "[   4s] 37/80 files, 32.0 MiB/64.0 MiB (50%), sent 2.0 MiB, saved 94.1%, 8.0 MiB/s, ETA 4s"
        );
    }

    #[test]
    fn nothing_done_yet_is_no_division_by_zero() {
        let figures = Figures {
            files: 0,
            files_done: 0,
            bytes: 0,
            bytes_done: 0,
            moved: 0,
            saved: None,
            elapsed: Duration::ZERO,
        };
        assert_eq!(line(&figures), "[   0s] 0/0 files, 0 Bytes/0 Bytes (0%), sent 0 Bytes, saved –, 0 Bytes/s, ETA –");
    }
}
