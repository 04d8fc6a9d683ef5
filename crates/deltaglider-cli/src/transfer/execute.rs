//! Transfers carried out, several at a time, and reported as they end.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::task::JoinSet;

use super::carry::{Carried, Shared, Trouble, carry, is_present};
use super::gate::Gate;
use super::pace::Pace;
use super::source::archived;
use super::{Item, Planned, Settings};
use crate::context::Context;
use crate::error::CliError;
use crate::failure::{Class, Failure};
use crate::output::Warning;
use crate::progress;

/// How transfers are carried out.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    pub(crate) settings: Settings,
    /// Only say what would be done.
    pub(crate) dry: bool,
}

type Ended = (Box<Item>, Result<Carried, Trouble>);

/// Carries out all that is planned. What fails or is passed over is reported and counted; others go on.
///
/// # Errors
/// Where the plan itself cannot be made, or the results cannot be written. What is under way is broken off then, and leaves nothing.
pub(crate) async fn execute(
    context: &Context,
    mut planned: BoxStream<'static, Result<Planned, CliError>>,
    execution: Execution,
) -> Result<(), CliError> {
    let _ticker = progress::start(&context.meter, &context.output);
    let pace = Pace::new(context.session.jobs());
    let most = pace.most();
    let shared = Shared { settings: Arc::new(execution.settings), gate: Arc::new(Gate::default()), pace };
    let mut running: JoinSet<Ended> = JoinSet::new();
    let mut exhausted = false;
    let result = loop {
        if exhausted && running.is_empty() {
            break Ok(());
        }
        tokio::select! {
            biased;
            _ = context.interrupt.raised() => break Err(CliError::Cancelled),
            Some(ended) = running.join_next() => match ended {
                Ok((item, result)) => if let Err(error) = report(context, &shared, &item, result) {
                    break Err(error);
                },
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            },
            next = planned.next(), if !exhausted && running.len() < most => match next {
                Some(Ok(Planned::Transfer(item))) if execution.dry => {
                    if let Err(error) = rehearse(context, &shared, &item).await {
                        break Err(error);
                    }
                }
                Some(Ok(Planned::Transfer(item))) => start(context, &shared, &mut running, item),
                Some(Ok(Planned::Skip(warning))) => if let Some(warning) = warning {
                    context.tally.skipped();
                    if let Err(error) = context.output.skipped(&warning) {
                        break Err(error.into());
                    }
                },
                Some(Err(error)) => break Err(error),
                None => exhausted = true,
            },
        }
    };
    // What it leaves to be aborted is waited for when the client is closed.
    running.shutdown().await;
    context.meter.finish();
    result
}

fn start(context: &Context, shared: &Shared, running: &mut JoinSet<Ended>, item: Box<Item>) {
    context.meter.announce(item.size);
    let (meter, shared) = (Arc::clone(&context.meter), shared.clone());
    running.spawn(async move {
        let _turn = shared.pace.turn(&item).await;
        let name = item.line.source.rsplit('/').next().unwrap_or_default();
        let shown = meter.begin(name, item.size);
        let result = carry(&item, &shared.settings, &shared.gate, shown.listener()).await;
        drop(shown);
        (item, result)
    });
}

/// Says what would be done.
async fn rehearse(context: &Context, shared: &Shared, item: &Item) -> Result<(), CliError> {
    if shared.settings.keep && is_present(&item.destination).await.map_err(CliError::fatal)? {
        return Ok(());
    }
    context.tally.planned(item.size.unwrap_or(0));
    context.output.dry(&item.line)?;
    Ok(())
}

fn report(context: &Context, shared: &Shared, item: &Item, result: Result<Carried, Trouble>) -> Result<(), CliError> {
    match result {
        Ok(Carried::Kept) => context.output.kept(&item.line)?,
        Ok(Carried::Done(outcome)) => {
            context.tally.done(&outcome);
            context.output.transferred(&item.line, &outcome)?;
        }
        Err(Trouble::Output(error)) => return Err(error.into()),
        Err(Trouble::Skipped(message)) => {
            context.tally.skipped();
            context.output.skipped(&Warning { path: item.line.source.clone(), message })?;
        }
        Err(Trouble::Failed(failure)) => failed(context, shared, item, &failure)?,
    }
    context.meter.refresh();
    Ok(())
}

fn failed(context: &Context, shared: &Shared, item: &Item, failure: &Failure) -> Result<(), CliError> {
    if failure.is_final() {
        return Err(CliError::plain(failure.clone()));
    }
    match (failure.class, &item.source) {
        (Class::Archived, super::End::Object(root, at)) => {
            if !shared.settings.ignore_archived {
                context.tally.skipped();
                context.output.skipped(&archived(&root.url(at.key()), "GLACIER"))?;
            }
        }
        // As if it had been asked for beforehand.
        (Class::NotFound, super::End::Object(_, at)) if item.alone && !item.line.streamed => {
            context.tally.failed(failure);
            context.output.fatal("fatal error: ", &Failure::no_such_key(at.key()))?;
        }
        _ => {
            context.tally.failed(failure);
            context.output.failed(&item.line, failure)?;
        }
    }
    Ok(())
}
