//! Buckets.

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use deltaglider_core::Location;
use deltaglider_core::store::{BucketSummary, Operation, StoreError};

use crate::attributes::time;
use crate::connection::FALLBACK_REGION;
use crate::store::S3Store;

pub(crate) async fn create(store: &S3Store, bucket: &str) -> Result<(), StoreError> {
    let at = Location::new(bucket, "");
    let region = store.connection(Operation::CreateBucket, &at).await?.region.clone();
    let call = store.call(Operation::CreateBucket, &at).await?;
    // S3 refuses its first region as a constraint.
    let constraint = (region != FALLBACK_REGION).then(|| {
        let region = BucketLocationConstraint::from(region.as_str());
        CreateBucketConfiguration::builder().location_constraint(region).build()
    });
    let request = call.client.create_bucket().bucket(bucket).set_create_bucket_configuration(constraint);
    let request = request.customize().config_override(call.limits(0)).interceptor(call.watch());
    call.answer(request.send().await).map(|_| ())
}

pub(crate) async fn delete(store: &S3Store, bucket: &str) -> Result<(), StoreError> {
    let at = Location::new(bucket, "");
    let call = store.call(Operation::DeleteBucket, &at).await?;
    let request = call.client.delete_bucket().bucket(bucket);
    let request = request.customize().config_override(call.limits(0)).interceptor(call.watch());
    call.answer(request.send().await).map(|_| ())
}

pub(crate) async fn list(store: &S3Store) -> Result<Vec<BucketSummary>, StoreError> {
    let at = Location::new("", "");
    let (mut buckets, mut token) = (Vec::new(), None);
    loop {
        let call = store.call(Operation::ListBuckets, &at).await?;
        let request = call.client.list_buckets().set_continuation_token(token);
        let request = request.customize().config_override(call.limits(0)).interceptor(call.watch());
        let page = call.answer(request.send().await)?;
        buckets.extend(page.buckets.unwrap_or_default().into_iter().map(|bucket| BucketSummary {
            created: bucket.creation_date.map(|date| time(Some(date))),
            name: bucket.name.unwrap_or_default(),
        }));
        token = page.continuation_token.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    buckets.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(buckets)
}
