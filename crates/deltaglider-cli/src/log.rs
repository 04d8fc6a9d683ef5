//! The log: what happens inside, for those who look for a fault. Warnings alone by default.

use std::fs::File;
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::args::global::GlobalArgs;

/// Where credentials were looked for in vain is said by the error that comes of it, in words for people.
const USUAL: &str = "aws_config=error";

/// Begins to log, to standard error or to a file.
///
/// `asked` is a filter from the environment, which counts where no flag says otherwise.
pub(crate) fn begin(args: &GlobalArgs, asked: Option<&str>) -> Result<(), String> {
    let asked = asked.filter(|_| !args.debug && args.verbose == 0 && !args.quiet && !args.only_show_errors);
    let filter = EnvFilter::builder()
        .with_default_directive(level(args).into())
        .parse(asked.unwrap_or(if level(args) == LevelFilter::WARN { USUAL } else { "" }))
        .map_err(|error| format!("the filter of the log cannot be understood: {error}"))?;
    let layer = fmt::layer().with_target(args.debug);
    match &args.log_file {
        Some(path) => {
            let file = File::options().create(true).append(true).open(path);
            let file = file.map_err(|error| format!("the log {} cannot be written: {error}", path.display()))?;
            let layer = layer.with_ansi(false).with_writer(Mutex::new(file));
            tracing_subscriber::registry().with(filter).with(layer).init();
        }
        None => {
            let layer = layer.without_time().with_ansi(false).with_writer(std::io::stderr);
            tracing_subscriber::registry().with(filter).with(layer).init();
        }
    }
    Ok(())
}

fn level(args: &GlobalArgs) -> LevelFilter {
    match args.verbose {
        _ if args.debug => LevelFilter::DEBUG,
        _ if args.quiet => LevelFilter::OFF,
        _ if args.only_show_errors => LevelFilter::ERROR,
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    }
}
