//! `get-bucket-config`, `put-bucket-config`, `delete-bucket-config`: what a bucket asks of all who write to it.

use deltaglider::core::engine::BucketConfig;

use crate::args::bucket_config::BucketConfigArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::operand::Operand;
use crate::session::Root;

pub(super) async fn get(args: &BucketConfigArgs, context: &Context) -> Result<Exit, CliError> {
    let (url, root) = bucket(args, context).await?;
    let config = root.engine.bucket_config(root.at.bucket()).await.map_err(CliError::plain)?;
    context.output.bucket_config(&url, &config)?;
    Ok(Exit::Done)
}

pub(super) async fn put(args: &BucketConfigArgs, context: &Context) -> Result<Exit, CliError> {
    let Some(codec) = context.session.asked_codec() else {
        return Err(CliError::usage("say what the bucket is to ask for, such as --codec vcdiff"));
    };
    let (_, root) = bucket(args, context).await?;
    let config = BucketConfig::with_codec(codec.name());
    root.engine.put_bucket_config(root.at.bucket(), &config).await.map_err(CliError::plain)?;
    Ok(Exit::Done)
}

pub(super) async fn delete(args: &BucketConfigArgs, context: &Context) -> Result<Exit, CliError> {
    let (_, root) = bucket(args, context).await?;
    root.engine.delete_bucket_config(root.at.bucket()).await.map_err(CliError::plain)?;
    Ok(Exit::Done)
}

/// The whole bucket that is meant, and its URL.
async fn bucket(args: &BucketConfigArgs, context: &Context) -> Result<(String, Root), CliError> {
    let url = Operand::url(&args.url)?;
    let root = context.session.root(&url).await.map_err(CliError::plain)?;
    match root.at.key().is_empty() {
        true => Ok((root.url("").trim_end_matches('/').to_owned(), root)),
        false => Err(CliError::usage(format!("`{url}` names an object; only a bucket has a configuration"))),
    }
}
