//! `rb`: removes a bucket, with its objects if it is told to.

use deltaglider::core::StoreUrl;
use deltaglider::core::store::{ListRequest, StoreError};
use futures::{StreamExt, TryStreamExt};

use super::remove::{Removal, remove};
use crate::args::rb::RbArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::{Class, Failure};
use crate::filter::Filter;
use crate::operand::Operand;
use crate::session::Root;

const DOING: &str = "remove_bucket";

pub(super) async fn run(args: &RbArgs, context: &Context) -> Result<Exit, CliError> {
    let url = Operand::url(&args.url)?;
    if let Ok(StoreUrl::S3 { bucket, key }) = url.parse()
        && !key.is_empty()
    {
        return Err(CliError::usage(format!("please specify a valid bucket name only, such as s3://{bucket}")));
    }
    let (buckets, bucket) = context.session.buckets(&url).await.map_err(CliError::plain)?;
    if bucket.is_empty() {
        context.output.bucket_failed(DOING, &url, &Failure::no_bucket())?;
        return Ok(Exit::Failed);
    }
    if args.force {
        let emptied = empty(&url, context).await?;
        if emptied != Exit::Done {
            let message = "Unable to delete all objects in the bucket, bucket will not be deleted.";
            context.output.bucket_failed(DOING, &url, &Failure::new(Class::Service, "NotEmptied", message))?;
            return Ok(Exit::Failed);
        }
    }
    match buckets.delete_bucket(&bucket).await {
        Ok(()) => {
            context.output.bucket(DOING, &bucket)?;
            Ok(Exit::Done)
        }
        Err(error) => {
            context.output.bucket_failed(DOING, &url, &Failure::from(error))?;
            Ok(Exit::Failed)
        }
    }
}

async fn empty(url: &str, context: &Context) -> Result<Exit, CliError> {
    let root = context.session.root(url).await.map_err(CliError::fatal)?;
    if !root.at.key().is_empty() {
        return Err(CliError::usage(format!("`{url}` is inside of a store; only a whole store can be removed")));
    }
    let removal = Removal { filter: Filter::default(), page_size: None, dry: false, max_delete: None };
    remove(context, &root, &removal).await?;
    if context.tally.exit() == Exit::Done
        && let Err(error) = sweep(&root).await
    {
        return Err(CliError::fatal(error));
    }
    Ok(context.tally.exit())
}

/// Removes what is left when all objects are gone: references that nobody needs any more, and the like.
async fn sweep(root: &Root) -> Result<(), StoreError> {
    let store = root.engine.store();
    let bucket = root.at.bucket();
    let left: Vec<_> = store.list(ListRequest::below(bucket, "")).try_collect().await?;
    let targets: Vec<_> = left.iter().map(|entry| root.at.with_key(entry.name()).into()).collect();
    store.delete(futures::stream::iter(targets).boxed()).try_for_each(|_| async { Ok(()) }).await
}
