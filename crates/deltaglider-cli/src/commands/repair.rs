//! `repair`, and `verify --repair-plan`: what is not as it should be, and mending it.

use std::time::SystemTime;

use deltaglider::core::engine::Depth;
use deltaglider::core::engine::repair::{Action, Finding, Mended, Problem, RepairRequest};
use futures::TryStreamExt;

use crate::args::repair::RepairArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operand::{Operand, as_directory};
use crate::output::{RepairCounts, RepairStatus};
use crate::session::Root;

pub(super) async fn run(args: &RepairArgs, context: &Context) -> Result<Exit, CliError> {
    let root = context.session.root(&Operand::url(&args.url)?).await.map_err(CliError::plain)?;
    let depth = if args.quick { Depth::Quick } else { Depth::Full };
    go_through(&root, depth, args.dryrun, "repair", context).await
}

/// Shows what a repair would do.
pub(super) async fn plan(root: &Root, depth: Depth, context: &Context) -> Result<Exit, CliError> {
    go_through(root, depth, true, "verify", context).await
}

async fn go_through(
    root: &Root,
    depth: Depth,
    dry: bool,
    operation: &'static str,
    context: &Context,
) -> Result<Exit, CliError> {
    let prefix = root.at.with_key(as_directory(root.at.key()));
    let mut findings = root.engine.repair_plan(RepairRequest { prefix, depth, now: SystemTime::now() });
    let mut counts = RepairCounts::default();
    let ended = loop {
        let finding = match findings.try_next().await {
            Ok(Some(finding)) => finding,
            Ok(None) => break None,
            Err(error) => break Some(Failure::from(error)),
        };
        counts.findings += 1;
        counts.lost += u64::from(finding.lost.is_some());
        counts.broken |= is_damage(&finding);
        let status = match (&finding.action, dry) {
            (Action::None, _) => RepairStatus::Kept,
            (_, true) => RepairStatus::Planned,
            (_, false) => match root.engine.mend(&finding).await {
                Ok(Mended::Done | Mended::Nothing) => RepairStatus::Done,
                Ok(Mended::Left(why)) => RepairStatus::Left(why),
                Ok(_) => RepairStatus::Left("nothing is known of what was done"),
                Err(error) => RepairStatus::Failed(Box::new(Failure::from(error))),
            },
        };
        match &status {
            RepairStatus::Planned => counts.planned += 1,
            RepairStatus::Done => counts.done += 1,
            RepairStatus::Left(_) | RepairStatus::Failed(_) => counts.left += 1,
            RepairStatus::Kept => {}
        }
        context.output.repaired(&finding, &status, &|key| root.url(key))?;
    };
    let exit = match &ended {
        Some(failure) => {
            context.output.fatal("", failure)?;
            failure.exit()
        }
        None if counts.lost > 0 || (dry && counts.broken) => Exit::Integrity,
        None if counts.left > 0 => Exit::Failed,
        None => Exit::Done,
    };
    context.output.repair_summary(operation, &counts, dry, exit)?;
    Ok(exit)
}

/// Whether objects cannot be read as things stand.
fn is_damage(finding: &Finding) -> bool {
    match finding.problem {
        Problem::TemporaryExpired => false,
        Problem::BothForms => finding.action != Action::None || finding.lost.is_some(),
        _ => true,
    }
}
