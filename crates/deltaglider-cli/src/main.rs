//! The command `deltaglider`: what `aws s3` does, with versions of archives stored as deltas.

mod analysis;
mod args;
mod byte_size;
mod commands;
mod context;
mod cross_region;
mod error;
mod exit;
mod failure;
mod filter;
mod interrupt;
mod local;
mod log;
mod operand;
mod output;
mod progress;
#[cfg(test)]
mod reference;
mod sampling;
mod session;
mod shard;
mod tally;
mod terminal;
mod time_span;
mod transfer;

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use deltaglider::env::FrontEnd;

use args::{Cli, Verb};
use context::Context;
use error::CliError;
use exit::Exit;
use interrupt::Interrupt;

/// How long work that was broken off may take to clean up.
const CLEAN_UP: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let (mut global, verb) = match Cli::try_parse() {
        Ok(cli) => cli.verb(),
        Err(error) => {
            // Nobody reads it: nothing can be done about that.
            drop(error.print());
            return if error.use_stderr() { Exit::Usage } else { Exit::Done }.into();
        }
    };
    let front = match FrontEnd::from_env() {
        Ok(front) => front,
        Err(error) => return report_without_context(&error.to_string(), Exit::Configuration),
    };
    global.json |= front.json;
    if let Err(error) = log::begin(&global, front.log.as_deref()) {
        return report_without_context(&error, Exit::Other);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return report_without_context(&format!("the runtime cannot be started: {error}"), Exit::Other);
        }
    };
    let exit = runtime.block_on(async {
        let context = Context::new(global, &front, Interrupt::listen());
        run(verb, &context).await
    });
    runtime.shutdown_timeout(CLEAN_UP);
    exit.into()
}

async fn run(verb: Verb, context: &Context) -> Exit {
    let operation = commands::name(&verb);
    let sums_up =
        matches!(verb, Verb::Cp(_) | Verb::Mv(_) | Verb::Sync(_) | Verb::Rm(_) | Verb::Migrate(_) | Verb::Rehydrate(_));
    let result = {
        let watched = async {
            match sums_up {
                true => cross_region::beside(commands::run(verb, context), cross_region::watch(context)).await,
                false => commands::run(verb, context).await,
            }
        };
        let mut command = pin!(watched);
        tokio::select! {
            biased;
            result = &mut command => result,
            // Transfers hear of it by themselves, and clean up first.
            _ = context.interrupt.raised() => match sums_up {
                true => tokio::time::timeout(CLEAN_UP, command).await.unwrap_or(Err(CliError::Cancelled)),
                false => Err(CliError::Cancelled),
            },
        }
    };
    context.meter.finish();
    let mut exit = match result {
        Ok(exit) => exit,
        Err(error) => conclude(&error, context),
    };
    if sums_up
        && exit != Exit::Usage
        && exit != Exit::BrokenPipe
        && let Err(error) = context.output.summary(operation, &context.tally, exit)
    {
        exit = conclude(&error.into(), context);
    }
    context.session.close().await;
    exit
}

/// Says why a command ended early, and how the process ends.
fn conclude(error: &CliError, context: &Context) -> Exit {
    let said = match error {
        CliError::Fatal { label, failure, exit } => context.output.fatal(label, failure).map(|()| *exit),
        CliError::Cancelled => {
            let signal = context.interrupt.seen().unwrap_or(interrupt::Signal::Interrupt);
            context.output.cancelled(signal.name()).map(|()| signal.exit())
        }
        CliError::Output(_) if error.is_broken_pipe() => return Exit::BrokenPipe,
        CliError::Output(reason) => {
            let failure = failure::Failure::local(error.to_string(), reason);
            context.output.fatal("", &failure).map(|()| Exit::Other)
        }
    };
    said.unwrap_or(Exit::BrokenPipe)
}

#[allow(clippy::print_stderr, reason = "there is no output to write through yet")]
fn report_without_context(message: &str, exit: Exit) -> ExitCode {
    eprintln!("error: {message}");
    exit.into()
}
