//! `get-bucket-acl` and `put-bucket-acl`: who may do what with a bucket.

use std::sync::Arc;

use deltaglider::core::store::BucketStore;

use crate::args::bucket_acl::{BucketArgs, GetBucketAclArgs, PutBucketAclArgs};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;

pub(super) async fn get(args: &GetBucketAclArgs, context: &Context) -> Result<Exit, CliError> {
    let (buckets, bucket) = open(&args.bucket, context).await?;
    let acl = buckets.bucket_acl(&bucket).await.map_err(CliError::plain)?;
    context.output.bucket_acl(&bucket, &acl)?;
    Ok(Exit::Done)
}

pub(super) async fn put(args: &PutBucketAclArgs, context: &Context) -> Result<Exit, CliError> {
    let Some(change) = args.change() else {
        return Err(CliError::usage("say what the list shall be: --acl, --access-control-policy or a --grant-…"));
    };
    let (buckets, bucket) = open(&args.bucket, context).await?;
    buckets.set_bucket_acl(&bucket, &change).await.map_err(CliError::plain)?;
    context.output.bucket_acl_set(&bucket)?;
    Ok(Exit::Done)
}

async fn open(args: &BucketArgs, context: &Context) -> Result<(Arc<dyn BucketStore>, String), CliError> {
    let url = args.url();
    let (buckets, bucket) = context.session.buckets(&url).await.map_err(CliError::plain)?;
    let names_object = matches!(url.parse(), Ok(deltaglider::core::StoreUrl::S3 { key, .. }) if !key.is_empty());
    if bucket.is_empty() || names_object {
        return Err(CliError::usage(format!("`{url}` is no bucket: write its name, or s3://bucket")));
    }
    Ok((buckets, bucket))
}
