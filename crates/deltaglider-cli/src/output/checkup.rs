//! How `doctor` speaks: a check a line, then settings.

use std::io;

use super::{Loudness, Output, json};

/// What was looked at, and how it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check<'a> {
    pub(crate) name: &'static str,
    pub(crate) health: Health,
    pub(crate) text: &'a str,
    /// What can be done about it.
    pub(crate) fix: Option<&'a str>,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Good,
    Doubtful,
    Bad,
    Untried,
}

/// A setting, its value, and where that comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SettingLine {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) origin: &'static str,
}

impl Health {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Doubtful => "warning",
            Self::Bad => "failed",
            Self::Untried => "untried",
        }
    }
}

impl Output {
    /// A check of `doctor`.
    pub(crate) fn check(&self, check: &Check<'_>) -> io::Result<()> {
        match (self.loudness >= Loudness::Normal, self.json) {
            (false, _) => Ok(()),
            (true, true) => self.result(&json::check(check)),
            (true, false) => self.result(&text(check)),
        }
    }

    /// A setting, as `doctor -v` tells it.
    pub(crate) fn setting(&self, line: &SettingLine) -> io::Result<()> {
        let SettingLine { name, value, origin } = line;
        self.result(&if self.json { json::setting(line) } else { format!("{name:<32} {value}  ({origin})") })
    }

    /// Whether more is to be said than is asked for.
    pub(crate) fn is_verbose(&self) -> bool {
        self.loudness == Loudness::Verbose
    }
}

fn text(check: &Check<'_>) -> String {
    let Check { name, health, text, fix } = check;
    let fix = fix.map(|fix| format!("; to fix: {fix}")).unwrap_or_default();
    format!("{:<8} {name:<12} {text}{fix}", health.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_one_line() {
        let check = Check { name: "clock", health: Health::Bad, text: "wrong", fix: Some("set it") };
        assert_eq!(text(&check), "failed   clock        wrong; to fix: set it");
    }
}
