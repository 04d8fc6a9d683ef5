//! `key rotate` and `key rewrap`: a new key in place of the old one.

use std::io;

use deltaglider::Client;
use deltaglider::keys::KeyOrigin;
use deltaglider::rotation::{Action, Request};

use crate::args::key::RotateArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::KeyLine;

pub(super) async fn run(args: &RotateArgs, context: &Context) -> Result<Exit, CliError> {
    let client = context.session.client().await.map_err(CliError::plain)?;
    let steps = match client.key_origin() {
        KeyOrigin::SecretsManager(_) => return rotate(client, args, context).await,
        KeyOrigin::Environment => by_hand(&ENVIRONMENT, &ENVIRONMENT_COMPROMISED, args.compromised),
        KeyOrigin::File(_) => by_hand(&FILE, &FILE_COMPROMISED, args.compromised),
        _ => &EPHEMERAL,
    };
    context.output.key(&KeyLine::ByHand(steps))?;
    Ok(Exit::Done)
}

/// Puts everything that this host has cached under the key in force.
pub(super) async fn rewrap(context: &Context) -> Result<Exit, CliError> {
    let client = context.session.client().await.map_err(CliError::plain)?;
    let rewrapped = client.rewrap_cache().await.map_err(|error| CliError::plain(Failure::from(error)))?;
    context.output.key(&KeyLine::Rewrapped(rewrapped))?;
    Ok(if rewrapped.failed == 0 { Exit::Done } else { Exit::Failed })
}

async fn rotate(client: &Client, args: &RotateArgs, context: &Context) -> Result<Exit, CliError> {
    let action = match (args.resume, args.abort, args.retire) {
        (true, ..) => Action::Resume,
        (_, true, _) => Action::Abort,
        (.., true) => Action::Retire,
        _ => Action::Rotate,
    };
    let request = Request { action, compromised: args.compromised };
    let failed = |error| CliError::plain(Failure::from(error));
    if args.dry_run {
        let wait = args.wait.or_else(|| client.rotation_wait()).unwrap_or_default();
        let steps = client.rotation_plan(request).await.map_err(failed)?;
        context.output.key_plan(&steps, wait)?;
        return Ok(Exit::Done);
    }
    let mut written: io::Result<()> = Ok(());
    let tell = |step, progress| {
        // A rotation goes on where nobody reads of it: half of one is worse.
        if written.is_ok() {
            written = context.output.key_step(step, progress);
        }
    };
    let rotated = client.rotate_key(request, args.wait, tell).await.map_err(failed)?;
    written?;
    context.output.key(&KeyLine::Rotated { id: rotated.current, nothing: rotated.steps.is_empty() })?;
    Ok(Exit::Done)
}

fn by_hand(steps: &'static [&'static str], compromised: &'static [&'static str], is: bool) -> &'static [&'static str] {
    if is { compromised } else { steps }
}

const ENVIRONMENT: [&str; 5] = [
    "make the new key: deltaglider key generate --out NEW",
    "add it to DG_CACHE_ENCRYPTION_KEYS_OLD (commas between keys) wherever the cache is used, and start the processes again: \
     all of them open what it will seal",
    "put it into DG_CACHE_ENCRYPTION_KEY and the old one into DG_CACHE_ENCRYPTION_KEYS_OLD, and start the processes again",
    "when none seals under the old key any more, on every host: deltaglider key rewrap",
    "when `deltaglider key status` shows no entry under the old key, take it out of DG_CACHE_ENCRYPTION_KEYS_OLD",
];
const ENVIRONMENT_COMPROMISED: [&str; 3] = [
    "make the new key: deltaglider key generate --out NEW",
    "put it into DG_CACHE_ENCRYPTION_KEY wherever the cache is used, leave the old one out of DG_CACHE_ENCRYPTION_KEYS_OLD, and \
     start the processes again",
    "on every host, with the new key: deltaglider cache clear",
];
const FILE: [&str; 5] = [
    "make the new key: deltaglider key generate --out NEW",
    "write the file anew with the old key in its first line and the new one in the second; processes that run read it within \
     a second of their next use of the cache",
    "write it anew with the new key in its first line and the old one in the second",
    "when none seals under the old key any more, on every host: deltaglider key rewrap",
    "when `deltaglider key status` shows no entry under the old key, take its line out",
];
const FILE_COMPROMISED: [&str; 3] = [
    "make the new key: deltaglider key generate --out NEW",
    "write the file anew with the new key alone",
    "on every host: deltaglider cache clear",
];
const EPHEMERAL: [&str; 1] =
    ["nothing has to be done: without a persistent key each process makes its own, which dies with it"];
