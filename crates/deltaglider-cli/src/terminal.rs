//! What the terminal on standard error can do, and what its user wants of it.

use deltaglider::env::{self, FrontEnd};

use crate::args::global::{ColorChoice, GlobalArgs, ProgressStyle};
use crate::output::stderr_is_terminal;
use crate::progress::Style;

/// Conventions of terminals, as they were found at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terminal {
    /// Standard error is a terminal.
    pub(crate) interactive: bool,
    /// It can do nothing but write lines (`TERM=dumb`).
    pub(crate) dumb: bool,
    /// Its user wants no colours (`NO_COLOR`).
    pub(crate) no_color: bool,
    /// Its user wants colours wherever the output goes (`CLICOLOR_FORCE`).
    pub(crate) force_color: bool,
}

impl Terminal {
    /// Looks at standard error, and takes the rest from the environment.
    pub(crate) fn detect(front: &FrontEnd) -> Self {
        Self {
            interactive: stderr_is_terminal(),
            dumb: front.dumb_terminal,
            no_color: front.no_color,
            force_color: front.force_color,
        }
    }

    /// Whether messages are coloured.
    pub(crate) fn colours(self, choice: ColorChoice) -> bool {
        match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !self.no_color && (self.force_color || (self.interactive && !self.dumb)),
        }
    }

    /// How progress is shown.
    pub(crate) fn progress(self, args: &GlobalArgs, default: Option<env::ProgressStyle>) -> Style {
        let style = args.progress.or(default.map(from_environment));
        if args.quiet || args.only_show_errors || args.no_progress {
            return Style::None;
        }
        if args.json {
            return if style == Some(ProgressStyle::Json) { Style::Json } else { Style::None };
        }
        match style {
            Some(ProgressStyle::None | ProgressStyle::Json) => Style::None,
            Some(ProgressStyle::Bar) => Style::Bars,
            None | Some(ProgressStyle::Auto) if self.dumb => Style::None,
            None | Some(ProgressStyle::Auto) if self.interactive => Style::Bars,
            None | Some(ProgressStyle::Auto | ProgressStyle::Plain) => Style::Plain,
        }
    }
}

fn from_environment(style: env::ProgressStyle) -> ProgressStyle {
    match style {
        env::ProgressStyle::Bar => ProgressStyle::Bar,
        env::ProgressStyle::Plain => ProgressStyle::Plain,
        env::ProgressStyle::Json => ProgressStyle::Json,
        env::ProgressStyle::None => ProgressStyle::None,
        _ => ProgressStyle::Auto,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        global: GlobalArgs,
    }

    fn style(terminal: Terminal, flags: &[&str]) -> Style {
        let line = ["x"].iter().chain(flags);
        terminal.progress(&Line::try_parse_from(line).expect("parses").global, None)
    }

    #[test]
    fn bars_are_for_terminals_alone() {
        let tty = Terminal { interactive: true, ..Terminal::default() };
        assert_eq!(style(tty, &[]), Style::Bars);
        assert_eq!(style(Terminal::default(), &[]), Style::Plain);
        assert_eq!(style(Terminal { dumb: true, ..tty }, &[]), Style::None);
        for flag in ["--quiet", "--only-show-errors", "--no-progress", "--json"] {
            assert_eq!(style(tty, &[flag]), Style::None, "{flag}");
        }
        assert_eq!(style(tty, &["--json", "--progress=json"]), Style::Json);
        assert_eq!(style(tty, &["--progress=plain"]), Style::Plain);
    }

    #[test]
    fn no_color_wins_over_auto_and_force() {
        let tty = Terminal { interactive: true, ..Terminal::default() };
        assert!(tty.colours(ColorChoice::Auto) && !Terminal::default().colours(ColorChoice::Auto));
        assert!(!Terminal { no_color: true, force_color: true, ..tty }.colours(ColorChoice::Auto));
        assert!(Terminal { force_color: true, ..Terminal::default() }.colours(ColorChoice::Auto));
        assert!(Terminal { no_color: true, ..tty }.colours(ColorChoice::Always));
    }
}
