//! `migrate`: what is stored whole becomes deltas, in another place or where it is.

mod across;
mod in_place;
mod question;

use futures::TryStreamExt;
use futures::stream::BoxStream;

use crate::args::migrate::MigrateArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Action;
use crate::sampling::Survey;
use crate::session::Root;
use crate::shard::Shard;
use crate::transfer::{Execution, Planned, Settings, Work, execute};

/// What is to be migrated, enumerated as often as it is asked for.
pub(super) trait Plan {
    /// Everything that is to be done now.
    fn planned(&self) -> BoxStream<'static, Result<Planned, CliError>>;
    /// Where it goes.
    fn destination(&self) -> &Root;
    /// The whole as a sentence goes on, such as `s3://a/ to s3://b/`.
    fn described(&self) -> String;
    /// The name of an object below the source.
    fn relative<'a>(&self, item: &'a crate::transfer::Item) -> &'a str;
}

pub(super) async fn run(args: MigrateArgs, context: &Context) -> Result<Exit, CliError> {
    if let Some(option) = args.transfer.unsupported.given() {
        return Err(CliError::usage(format!("{option} cannot be honoured by this program")));
    }
    if !args.yes && !args.transfer.dryrun {
        question::ensure_possible()?;
    }
    let shard = match args.shard {
        Some(choice) => {
            let front = &context.front;
            let shard = choice.resolve(front.shard_index.as_deref(), front.shard_count.as_deref());
            Some(shard.map_err(CliError::plain)?)
        }
        None => None,
    };
    let plan: Box<dyn Plan> = match args.destination.as_deref() {
        Some(destination) => Box::new(across::open(&args, destination, shard, context).await?),
        None => Box::new(in_place::open(&args, shard, context).await?),
    };
    let dry = args.transfer.dryrun;
    if dry || !args.yes {
        let begin = tokio::select! {
            biased;
            _ = context.interrupt.raised() => return Err(CliError::Cancelled),
            begin = consider(&*plan, dry, context) => begin?,
        };
        if !begin {
            return Ok(context.tally.exit());
        }
    }
    let work = if args.in_place { Work::MigrateInPlace } else { Work::Copy };
    let execution = Execution { settings: Settings::new(&args.transfer).with_work(work), dry };
    execute(context, plan.planned(), execution).await?;
    Ok(context.tally.exit())
}

/// Says what it would come to, and asks; whether to begin.
async fn consider(plan: &dyn Plan, dry: bool, context: &Context) -> Result<bool, CliError> {
    let survey = survey(plan).await?;
    context.tally.forget_present();
    let to = plan.destination();
    let estimate = survey.estimate(Some(to), &to.engine).await.map_err(CliError::fatal)?;
    let described = plan.described();
    context.output.estimate(&described, &estimate)?;
    Ok(dry || estimate.objects > 0 && question::ask(&described, estimate.objects).await?)
}

async fn survey(plan: &dyn Plan) -> Result<Survey, CliError> {
    let mut survey = Survey::default();
    let mut planned = plan.planned();
    while let Some(next) = planned.try_next().await? {
        if let Planned::Transfer(item) = next {
            let relative = plan.relative(&item).to_owned();
            survey.add(&plan.destination().engine, &relative, item.source, item.size.unwrap_or(0));
        }
    }
    Ok(survey)
}

/// The same as a migration.
fn as_migration(planned: Planned) -> Planned {
    match planned {
        Planned::Transfer(mut item) => {
            item.line.action = Action::Migrate;
            Planned::Transfer(item)
        }
        skip => skip,
    }
}

fn takes(shard: Option<Shard>, relative: &str) -> bool {
    shard.is_none_or(|shard| shard.takes(relative))
}
