//! Every setting, and where its value comes from: a flag, the environment, or the default.

use deltaglider::env::{self, Setting};

use crate::args::global::GlobalArgs;
use crate::output::SettingLine;
use crate::session::Session;

/// One line a setting, in the order of the reference page.
pub(super) fn lines(session: &Session) -> Vec<SettingLine> {
    let flags = flags(session.args());
    env::settings().into_iter().map(|setting| line(&setting, &flags)).collect()
}

fn line(setting: &Setting, flags: &[(&str, &'static str, String)]) -> SettingLine {
    let name = setting.variable.name;
    if let Some((_, flag, value)) = flags.iter().find(|(variable, ..)| *variable == name) {
        return SettingLine { name, value: value.clone(), origin: flag };
    }
    match &setting.value {
        Some(value) => SettingLine { name, value: value.clone(), origin: "environment" },
        None => SettingLine { name, value: setting.variable.default.to_owned(), origin: "default" },
    }
}

/// Flags that were given: the variable that each comes before, its name and its value.
fn flags(args: &GlobalArgs) -> Vec<(&'static str, &'static str, String)> {
    let name = |value: &dyn std::fmt::Debug| format!("{value:?}").to_ascii_lowercase();
    let given = [
        ("AWS_PROFILE", "--profile", args.profile.clone()),
        ("AWS_REGION", "--region", args.region.clone()),
        ("AWS_ENDPOINT_URL_S3", "--endpoint-url", args.endpoint_url.clone()),
        ("AWS_CA_BUNDLE", "--ca-bundle", args.ca_bundle.as_ref().map(|path| path.display().to_string())),
        ("AWS_MAX_ATTEMPTS", "--retries", args.retries.map(|number| number.to_string())),
        (env::JOBS, "--jobs", args.jobs.map(|number| number.to_string())),
        (env::DELTA_JOBS, "--delta-jobs", args.delta_jobs.map(|number| number.to_string())),
        (env::CODEC, "--codec", args.codec.map(|codec| name(&codec))),
        (env::EFFORT, "--effort", args.effort.map(|effort| name(&effort))),
        (env::MEMORY, "--memory", args.memory.map(|bytes| bytes.to_string())),
        (env::PROGRESS, "--progress", args.progress.map(|style| name(&style))),
    ];
    given.into_iter().filter_map(|(variable, flag, value)| value.map(|value| (variable, flag, value))).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn a_flag_comes_before_everything() {
        let (args, _) = Cli::try_parse_from(["deltaglider", "ls", "-j", "3", "--codec", "zstd"]).expect("fine").verb();
        let lines = lines(&Session::new(args));
        let of = |name| lines.iter().find(|line| line.name == name).map(|line| (line.value.as_str(), line.origin));
        assert_eq!(of("DG_JOBS"), Some(("3", "--jobs")));
        assert_eq!(of("DG_CODEC"), Some(("zstd", "--codec")));
        assert_eq!(lines.len(), env::VARIABLES.len());
    }
}
