//! Migration in place: the whole objects of a prefix, as they are stored.

use std::sync::Arc;

use deltaglider::core::Location;
use deltaglider::core::delta_space::{StoredName, stored_prefix};
use deltaglider::core::store::{ListEntry, ListRequest};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::{Plan, as_migration, takes};
use crate::args::migrate::MigrateArgs;
use crate::args::transfer::is_archive;
use crate::context::Context;
use crate::error::CliError;
use crate::filter::Filter;
use crate::operand::{Operand, as_directory};
use crate::session::Root;
use crate::shard::Shard;
use crate::tally::Tally;
use crate::transfer::{Destination, End, Entry, Item, Planned, Planner, archived};

/// A prefix whose whole objects become deltas.
pub(super) struct InPlace {
    root: Root,
    prefix: String,
    filter: Filter,
    shard: Option<Shard>,
    page_size: Option<u32>,
    ignore_archived: bool,
    tally: Arc<Tally>,
}

pub(super) async fn open(args: &MigrateArgs, shard: Option<Shard>, context: &Context) -> Result<InPlace, CliError> {
    let url = Operand::url(&args.source)?;
    let root = context.session.root(&url).await.map_err(CliError::fatal)?;
    let prefix = as_directory(root.at.key());
    Ok(InPlace {
        root,
        prefix,
        filter: args.transfer.filters.filter.clone(),
        shard,
        page_size: args.transfer.page_size,
        ignore_archived: args.transfer.ignore_glacier_warnings,
        tally: Arc::clone(&context.tally),
    })
}

impl Plan for InPlace {
    fn planned(&self) -> BoxStream<'static, Result<Planned, CliError>> {
        let request = ListRequest {
            page_size: self.page_size,
            ..ListRequest::below(self.root.at.bucket(), stored_prefix(&self.prefix))
        };
        let (root, prefix, filter) = (self.root.clone(), self.prefix.clone(), self.filter.clone());
        let (shard, ignore_archived, tally) = (self.shard, self.ignore_archived, Arc::clone(&self.tally));
        let stored = self.root.engine.store().list(request).map_err(CliError::fatal);
        stored
            .try_filter_map(move |entry| {
                let planned = (|| {
                    let ListEntry::Object(object) = entry else { return None };
                    let StoredName::Whole(key) = StoredName::of(&object.key) else { return None };
                    let relative = key.strip_prefix(&prefix)?.to_owned();
                    if !takes(shard, &relative) || !filter.allows(&relative, None) {
                        return None;
                    }
                    let name = relative.rsplit('/').next().unwrap_or_default();
                    if !root.engine.policy().wants_delta(name, object.size) {
                        tally.kept();
                        return None;
                    }
                    let at = Location::new(root.at.bucket(), key.as_str());
                    let class = object.storage_class.as_deref().filter(|class| is_archive(class));
                    let warning = class.map(|class| archived(&root.url(&key), class));
                    let end = End::Object(root.clone(), at.clone());
                    let entry = Entry::plain(end, relative, Some(object.size), warning);
                    let destination = Destination::Object(root.moved_to(at));
                    let here = Planner { destination, alone: false, moving: false, ignore_archived };
                    Some(without_destination(as_migration(here.plan(entry))))
                })();
                std::future::ready(Ok(planned))
            })
            .boxed()
    }

    fn destination(&self) -> &Root {
        &self.root
    }

    fn described(&self) -> String {
        format!("{} where they are", self.root.url(&self.prefix))
    }

    fn relative<'a>(&self, item: &'a Item) -> &'a str {
        match &item.source {
            End::Object(_, at) => at.key().strip_prefix(&self.prefix).unwrap_or(at.key()),
            _ => "",
        }
    }
}

fn without_destination(planned: Planned) -> Planned {
    match planned {
        Planned::Transfer(mut item) => {
            item.line.destination = None;
            Planned::Transfer(item)
        }
        skip => skip,
    }
}
