//! Bars: at most two files, and the whole below them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

use console::Term;
use deltaglider::core::progress::{Progress, SharedProgress, Stage};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Figures;
use crate::output::percent;

/// Files that have a bar of their own at a time.
const ITEM_BARS: usize = 2;
/// Redraws a second.
const RATE: u8 = 8;
const CHARS: &str = "█▉▊▋▌▍▎▏ ";
/// Columns of a terminal that tells none.
const COLUMNS: u16 = 80;
/// Columns beside the bar, at most.
const ITEM_TEXT: u16 = 72;
const TOTAL_TEXT: u16 = 86;

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Item,
    /// A file of which nobody knows how long it is.
    OpenItem,
    Total,
}

/// All bars of a run.
#[derive(Debug)]
pub(super) struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    shown: Arc<AtomicUsize>,
}

impl Bars {
    pub(super) fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(RATE));
        let total = all.add(ProgressBar::new(0).with_style(style(Kind::Total, columns())).with_prefix("total"));
        Self { all, total, shown: Arc::default() }
    }

    pub(super) fn all(&self) -> MultiProgress {
        self.all.clone()
    }

    /// A bar for a file, where there is room for one.
    pub(super) fn item(&self, name: &str, size: Option<u64>) -> Option<ItemBar> {
        self.shown.fetch_update(Relaxed, Relaxed, |shown| (shown < ITEM_BARS).then_some(shown + 1)).ok()?;
        let kind = if size.is_some() { Kind::Item } else { Kind::OpenItem };
        let bar = ProgressBar::new(size.unwrap_or(0)).with_style(style(kind, columns())).with_prefix(name.to_owned());
        let bar = self.all.insert_before(&self.total, bar);
        Some(ItemBar { listener: Arc::new(Listener { bar, stage: AtomicU8::new(0) }), shown: Arc::clone(&self.shown) })
    }

    pub(super) fn total(&self, figures: &Figures) {
        // A single file has its own bar.
        if figures.files < 2 {
            return;
        }
        // The window may have got another size.
        self.total.set_style(style(Kind::Total, columns()));
        self.total.set_length(figures.bytes);
        self.total.set_position(figures.bytes_done);
        let saved = figures.saved.map_or_else(|| "–".to_owned(), percent);
        let left = figures.left().map_or_else(|| "–".to_owned(), |left| format!("{}s", left.as_secs()));
        self.total.set_message(format!("{}/{} files  saved {saved}  ETA {left}", figures.files_done, figures.files));
    }

    pub(super) fn clear(&self) {
        self.total.finish_and_clear();
        // A terminal that went away needs no cleaning.
        drop(self.all.clear());
    }
}

/// The bar of a file; goes when dropped.
#[derive(Debug)]
pub(super) struct ItemBar {
    listener: Arc<Listener>,
    shown: Arc<AtomicUsize>,
}

impl ItemBar {
    pub(super) fn listener(&self) -> SharedProgress {
        Arc::clone(&self.listener) as SharedProgress
    }
}

impl Drop for ItemBar {
    fn drop(&mut self) {
        self.listener.bar.finish_and_clear();
        self.shown.fetch_sub(1, Relaxed);
    }
}

#[derive(Debug)]
struct Listener {
    bar: ProgressBar,
    /// The stage that the bar shows, from 1 on.
    stage: AtomicU8,
}

impl Progress for Listener {
    fn advance(&self, stage: Stage, bytes: u64) {
        let (number, name) = match stage {
            Stage::Read => (1, "read"),
            Stage::Encode => (2, "encode"),
            Stage::Upload => (3, "upload"),
            Stage::Download => (4, "download"),
            Stage::Decode => (5, "decode"),
            _ => (6, ""),
        };
        if self.stage.swap(number, Relaxed) != number {
            self.bar.set_message(name);
            self.bar.set_position(0);
        }
        self.bar.inc(bytes);
    }
}

fn style(kind: Kind, columns: u16) -> ProgressStyle {
    // The templates are made of what stands in this file; a wrong one would show as plain bars.
    let style = ProgressStyle::with_template(&template(kind, columns)).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars(CHARS)
}

/// One line, never more than the terminal has columns for: the bar gets shorter, then goes, and with it what is said last.
fn template(kind: Kind, columns: u16) -> String {
    let bar = |text: u16| columns.saturating_sub(text).min(24);
    match (kind, bar(ITEM_TEXT), bar(TOTAL_TEXT)) {
        (Kind::Item, width @ 4.., _) => format!(
            "{{prefix:16!}} {{bar:{width}}} {{percent:>3}}%  {{binary_bytes}}/{{binary_total_bytes}}  {{msg}}  {{binary_bytes_per_sec}}"
        ),
        (Kind::OpenItem, 4.., _) => "{prefix:16!} {binary_bytes}  {msg}  {binary_bytes_per_sec}".to_owned(),
        (Kind::Total, _, width @ 4..) => {
            format!("{{prefix:16!}} {{bar:{width}}} {{percent:>3}}%  {{binary_bytes}}/{{binary_total_bytes}}  {{msg}}")
        }
        (Kind::OpenItem, ..) => "{prefix:12!} {binary_bytes:>10} {wide_msg}".to_owned(),
        _ => "{prefix:12!} {percent:>3}% {wide_msg}".to_owned(),
    }
}

fn columns() -> u16 {
    Term::stderr().size_checked().map_or(COLUMNS, |(_, columns)| columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_into_every_window() {
        let widths = [(20, None), (75, None), (76, Some(4)), (96, Some(24)), (200, Some(24))];
        for (columns, bar) in widths {
            let text = template(Kind::Item, columns);
            assert_eq!(bar.map(|bar| text.contains(&format!("{{bar:{bar}}}"))), bar.map(|_| true), "{columns}: {text}");
            assert_eq!(bar.is_none(), text.contains("wide_msg"), "{columns}: {text}");
        }
        for kind in [Kind::Item, Kind::OpenItem, Kind::Total] {
            for columns in 0..=200 {
                let text = template(kind, columns);
                assert!(ProgressStyle::with_template(&text).is_ok(), "{kind:?} {columns}: {text}");
            }
        }
    }

    #[test]
    fn two_files_have_bars_and_no_more() {
        let bars = Bars::new();
        let first = bars.item("a", Some(1));
        let second = bars.item("b", None);
        assert!(first.is_some() && second.is_some() && bars.item("c", None).is_none());
        drop(first);
        assert!(bars.item("c", None).is_some());
    }
}
