//! What every command has in hand.

use std::sync::Arc;

use deltaglider::env::FrontEnd;

use crate::args::global::GlobalArgs;
use crate::interrupt::Interrupt;
use crate::output::{Loudness, Output, Palette};
use crate::progress::Meter;
use crate::session::Session;
use crate::tally::Tally;
use crate::terminal::Terminal;

/// Settings, client, output and counts of a run.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) session: Session,
    pub(crate) output: Arc<Output>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) interrupt: Interrupt,
    /// What the environment says to the command line.
    pub(crate) front: FrontEnd,
}

impl Context {
    pub(crate) fn new(args: GlobalArgs, front: &FrontEnd, interrupt: Interrupt) -> Self {
        let terminal = Terminal::detect(front);
        let tally = Arc::new(Tally::new());
        let meter = Arc::new(Meter::new(terminal.progress(&args, front.progress), Arc::clone(&tally)));
        let output = Output::new(args.json, loudness(&args), Palette::new(terminal.colours(args.color)));
        let output = Arc::new(output.with_bars(meter.bars()));
        Self { output, session: Session::new(args), tally, meter, interrupt, front: front.clone() }
    }
}

fn loudness(args: &GlobalArgs) -> Loudness {
    if args.quiet {
        Loudness::Quiet
    } else if args.only_show_errors {
        Loudness::Errors
    } else if args.verbose > 0 || args.debug {
        Loudness::Verbose
    } else {
        Loudness::Normal
    }
}
