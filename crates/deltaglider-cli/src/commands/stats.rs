//! `stats`: what a prefix holds, what it takes, and what was saved.

use std::time::SystemTime;

use deltaglider::core::engine::stats::{GroupBy, StatsRequest};

use crate::args::stats::{StatsArgs, StatsBy};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::operand::{Operand, as_directory};
use crate::output::StatsPage;

pub(super) async fn run(args: &StatsArgs, context: &Context) -> Result<Exit, CliError> {
    let root = context.session.root(&Operand::url(&args.url)?).await.map_err(CliError::plain)?;
    let now = SystemTime::now();
    let by = match args.by {
        StatsBy::Deltaspace => GroupBy::DeltaSpace,
        StatsBy::Prefix => GroupBy::Prefix(usize::from(args.depth)),
        StatsBy::Ext => GroupBy::Extension,
    };
    let prefix = root.at.with_key(as_directory(root.at.key()));
    let request = StatsRequest { prefix, detailed: args.detailed, by, refresh: args.refresh, now };
    let stats = root.engine.stats(&request).await.map_err(CliError::plain)?;
    let url = root.url(request.prefix.key());
    context.output.stats(&StatsPage {
        url: url.trim_end_matches('/').to_owned(),
        stats,
        by,
        price: args.price,
        now,
    })?;
    Ok(Exit::Done)
}
