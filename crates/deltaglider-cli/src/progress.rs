//! How far a run is: bars on a terminal, a line every ten seconds elsewhere, always on standard error.

mod bars;
mod plain;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use deltaglider::core::progress::{SharedProgress, silent};
use indicatif::MultiProgress;
use tokio::task::AbortHandle;
use tokio::time::MissedTickBehavior;

use crate::output::Output;
use crate::tally::Tally;

use bars::{Bars, ItemBar};

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Not at all.
    None,
    /// Bars.
    Bars,
    /// A line every ten seconds.
    Plain,
    /// A line of JSON a second.
    Json,
}

/// What is to be done, as far as it is known, and where that is shown.
#[derive(Debug)]
pub(crate) struct Meter {
    files: AtomicU64,
    bytes: AtomicU64,
    tally: Arc<Tally>,
    bars: Option<Bars>,
    style: Style,
}

impl Meter {
    pub(crate) fn new(style: Style, tally: Arc<Tally>) -> Self {
        let bars = (style == Style::Bars).then(Bars::new);
        Self { files: AtomicU64::new(0), bytes: AtomicU64::new(0), tally, bars, style }
    }

    /// The bars that other output has to step aside for.
    pub(crate) fn bars(&self) -> Option<MultiProgress> {
        self.bars.as_ref().map(Bars::all)
    }

    /// One more file is to be moved.
    pub(crate) fn announce(&self, size: Option<u64>) {
        self.files.fetch_add(1, Relaxed);
        self.bytes.fetch_add(size.unwrap_or(0), Relaxed);
        self.refresh();
    }

    /// A file is being moved, until what this returns is dropped.
    pub(crate) fn begin(&self, name: &str, size: Option<u64>) -> ItemMeter {
        ItemMeter { bar: self.bars.as_ref().and_then(|bars| bars.item(name, size)) }
    }

    /// Shows the whole again after a file.
    pub(crate) fn refresh(&self) {
        if let Some(bars) = &self.bars {
            bars.total(&self.figures());
        }
    }

    /// Removes what is shown.
    pub(crate) fn finish(&self) {
        if let Some(bars) = &self.bars {
            bars.clear();
        }
    }

    fn figures(&self) -> Figures {
        let files = self.files.load(Relaxed);
        let bytes = self.bytes.load(Relaxed);
        let bytes_done = self.tally.logical.load(Relaxed);
        Figures {
            files,
            files_done: self.tally.ok.load(Relaxed) + self.tally.failed.load(Relaxed),
            bytes: bytes.max(bytes_done),
            bytes_done,
            moved: self.tally.moved.load(Relaxed),
            saved: self.tally.traffic_saved(),
            elapsed: self.tally.elapsed(),
        }
    }
}

/// Writes lines at their times, until what this returns is dropped.
pub(crate) fn start(meter: &Arc<Meter>, output: &Arc<Output>) -> Option<Ticker> {
    let period = match meter.style {
        Style::Plain => Duration::from_secs(10),
        Style::Json => Duration::from_secs(1),
        Style::None | Style::Bars => return None,
    };
    let (meter, output) = (Arc::clone(meter), Arc::clone(output));
    let task = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let figures = meter.figures();
            // Whoever no longer reads will be noticed when there are results.
            if meter.style == Style::Json {
                drop(output.progress(&meter.tally, figures.files, figures.bytes, figures.left()));
            } else {
                drop(output.progress_line(&plain::line(&figures)));
            }
        }
    });
    Some(Ticker { task: task.abort_handle() })
}

/// The task that writes lines; ends when dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    task: AbortHandle,
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A file on its way.
#[derive(Debug)]
pub(crate) struct ItemMeter {
    bar: Option<ItemBar>,
}

impl ItemMeter {
    /// What an operation tells how far it is.
    pub(crate) fn listener(&self) -> SharedProgress {
        self.bar.as_ref().map_or_else(silent, ItemBar::listener)
    }
}

/// How far a run is.
#[derive(Clone, Debug)]
struct Figures {
    files: u64,
    files_done: u64,
    bytes: u64,
    bytes_done: u64,
    moved: u64,
    saved: Option<f64>,
    elapsed: Duration,
}

impl Figures {
    /// Bytes of content a second.
    fn rate(&self) -> u64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { (self.bytes_done as f64 / seconds) as u64 } else { 0 }
    }

    /// How long the rest takes at this rate.
    fn left(&self) -> Option<Duration> {
        let rate = self.rate();
        (rate > 0).then(|| Duration::from_secs((self.bytes - self.bytes_done) / rate))
    }

    fn share_done(&self) -> u64 {
        (self.bytes_done * 100).checked_div(self.bytes).unwrap_or(0)
    }
}
