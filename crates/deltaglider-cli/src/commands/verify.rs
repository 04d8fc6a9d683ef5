//! `verify`: whether objects give back what was stored.

use std::time::Instant;

use deltaglider::core::engine::{Depth, VerifyReport, VerifyRequest};
use futures::TryStreamExt;

use super::repair;
use crate::args::verify::VerifyArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operand::{Operand, as_directory};
use crate::output::{Status, Verified, VerifyCounts};
use crate::session::Root;

pub(super) async fn run(args: &VerifyArgs, context: &Context) -> Result<Exit, CliError> {
    let begun = Instant::now();
    let root = context.session.root(&Operand::url(&args.url)?).await.map_err(CliError::plain)?;
    let depth = if args.quick { Depth::Quick } else { Depth::Full };
    if args.repair_plan {
        return repair::plan(&root, depth, context).await;
    }
    let mut counts = VerifyCounts { sampled: args.sample.is_some(), ..VerifyCounts::default() };
    let key = root.at.key();
    let ended = if args.recursive || key.is_empty() || key.ends_with('/') {
        let request = VerifyRequest {
            prefix: root.at.with_key(as_directory(key)),
            recursive: args.recursive,
            depth,
            sample: args.sample,
            parallel: context.session.jobs(),
        };
        let mut reports = root.engine.verify_all(request);
        loop {
            match reports.try_next().await {
                Ok(Some(report)) => tell(report, &root, &mut counts, context)?,
                Ok(None) => break None,
                Err(error) => break Some(Failure::from(error)),
            }
        }
    } else if args.sample.is_some() {
        return Err(CliError::usage("--sample needs a prefix: add --recursive, or a `/` at the end of the URL"));
    } else {
        match root.engine.verify_stored(&root.at, depth).await {
            Ok(report) => {
                tell(report, &root, &mut counts, context)?;
                None
            }
            Err(error) if error.is_not_found() => return Err(CliError::plain(Failure::no_such_key(key))),
            Err(error) => Some(Failure::from(error)),
        }
    };
    let exit = match &ended {
        Some(failure) => {
            context.output.fatal("", failure)?;
            failure.exit()
        }
        None => counts.exit(),
    };
    context.output.verify_summary(&counts, begun.elapsed(), exit)?;
    Ok(exit)
}

fn tell(report: VerifyReport, root: &Root, counts: &mut VerifyCounts, context: &Context) -> Result<(), CliError> {
    let url = root.url(report.at.key());
    let verified = Verified::new(report, url);
    counts.bytes += verified.size.unwrap_or_default();
    match verified.status {
        Status::Damaged => counts.damaged += 1,
        Status::MissingReference => counts.missing_reference += 1,
        Status::Unreadable => counts.unreadable += 1,
        Status::Proven | Status::Consistent | Status::Read => counts.ok += 1,
    }
    Ok(context.output.verified(&verified)?)
}
