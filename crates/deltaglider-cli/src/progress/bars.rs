//! Bars: at most two files, and the whole below them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};

use deltaglider::core::progress::{Progress, SharedProgress, Stage};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Figures;
use crate::output::percent;

/// Files that have a bar of their own at a time.
const ITEM_BARS: usize = 2;
/// Redraws a second.
const RATE: u8 = 8;
const CHARS: &str = "█▉▊▋▌▍▎▏ ";
const ITEM: &str =
    "{prefix:16!} {bar:24} {percent:>3}%  {binary_bytes}/{binary_total_bytes}  {msg}  {binary_bytes_per_sec}";
/// Where nobody knows how long the file is.
const OPEN_ITEM: &str = "{prefix:16!} {binary_bytes}  {msg}  {binary_bytes_per_sec}";
const TOTAL: &str = "{prefix:16!} {bar:24} {percent:>3}%  {binary_bytes}/{binary_total_bytes}  {msg}";

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
        let total = all.add(ProgressBar::new(0).with_style(style(TOTAL)).with_prefix("total"));
        Self { all, total, shown: Arc::default() }
    }

    pub(super) fn all(&self) -> MultiProgress {
        self.all.clone()
    }

    /// A bar for a file, where there is room for one.
    pub(super) fn item(&self, name: &str, size: Option<u64>) -> Option<ItemBar> {
        self.shown.fetch_update(Relaxed, Relaxed, |shown| (shown < ITEM_BARS).then_some(shown + 1)).ok()?;
        let template = if size.is_some() { ITEM } else { OPEN_ITEM };
        let bar = ProgressBar::new(size.unwrap_or(0)).with_style(style(template)).with_prefix(name.to_owned());
        let bar = self.all.insert_before(&self.total, bar);
        Some(ItemBar { listener: Arc::new(Listener { bar, stage: AtomicU8::new(0) }), shown: Arc::clone(&self.shown) })
    }

    pub(super) fn total(&self, figures: &Figures) {
        // A single file has its own bar.
        if figures.files < 2 {
            return;
        }
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

fn style(template: &str) -> ProgressStyle {
    // The templates are constants of this file; a wrong one would show as plain bars.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars(CHARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        assert!([ITEM, OPEN_ITEM, TOTAL].iter().all(|template| ProgressStyle::with_template(template).is_ok()));
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
