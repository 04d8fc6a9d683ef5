//! `cache`: what is cached, and removing it.

use std::time::SystemTime;

use deltaglider::Client;
use deltaglider::config::CacheBackend;
use deltaglider::core::cache::{Freed, PrunePolicy};

use crate::args::cache::{CacheArgs, CacheVerb};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{CacheStatus, Strategy};

pub(super) async fn run(args: &CacheArgs, context: &Context) -> Result<Exit, CliError> {
    // Before the environment is read: a key that is known since then has no age to tell.
    let begun = SystemTime::now();
    let client = context.session.client().await.map_err(CliError::plain)?;
    let settings = &client.config().cache;
    let strategy = strategy(client);
    let (done, freed) = match &args.verb {
        CacheVerb::Status => {
            let stats = client.cache_stats().await.map_err(CliError::plain)?;
            let key_since = stats.key_since.filter(|since| *since < begun);
            context.output.cache_status(&CacheStatus { strategy, stats, key_since, now: begun })?;
            return Ok(Exit::Done);
        }
        CacheVerb::Prune(args) => {
            let max_idle = args.max_age.or(settings.ttl);
            // An age alone leaves the size as it is.
            let max_bytes = args.max_size.or_else(|| args.max_age.is_none().then_some(settings.max_size));
            let freed = client.prune_cache(&PrunePolicy { max_bytes, max_idle }).await;
            ("pruned", freed.map_err(CliError::plain)?)
        }
        CacheVerb::Clear => ("cleared", client.clear_cache().await.map_err(CliError::plain)?),
    };
    context.output.cache_freed(done, freed)?;
    if let Some(hint) = strategy.hint() {
        context.output.hint(hint)?;
    }
    Ok(left(freed))
}

fn left(freed: Freed) -> Exit {
    if freed.failed > 0 { Exit::Failed } else { Exit::Done }
}

/// Which cache the settings ask for.
fn strategy(client: &Client) -> Strategy {
    match (client.config().cache.backend, client.persistent_key_source()) {
        (CacheBackend::Filesystem, Some(key_source)) => Strategy::Kept { key_source },
        (CacheBackend::Filesystem, None) => Strategy::Ephemeral,
        _ => Strategy::Memory,
    }
}
