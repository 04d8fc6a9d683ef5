//! Access control lists of buckets, and URLs that lend a right for a while.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{
    AccessControlPolicy, BucketCannedAcl, Grant, Grantee as SdkGrantee, Owner, Permission, Type as GranteeType,
};
use deltaglider_core::Location;
use deltaglider_core::store::{
    AclGrant, BucketAcl, Grantee, NewBucketAcl, Operation, PresignedUrl, StoreError, StoreErrorKind, by_store_clock,
};

use crate::naming::check_key;
use crate::store::S3Store;

pub(crate) async fn bucket_acl(store: &S3Store, bucket: &str) -> Result<BucketAcl, StoreError> {
    let at = Location::new(bucket, "");
    let call = store.call(Operation::GetBucketAcl, &at).await?;
    let request = call.client.get_bucket_acl().bucket(bucket);
    let request = request.customize().config_override(call.limits(0)).interceptor(call.watch());
    let answer = call.answer(request.send().await)?;
    let owner =
        answer.owner.map(|owner| Grantee { id: owner.id, display_name: owner.display_name, ..Grantee::default() });
    let grants = answer.grants.unwrap_or_default().into_iter().map(|grant| AclGrant {
        grantee: grant.grantee.map(grantee_of).unwrap_or_default(),
        permission: grant.permission.map(|permission| permission.as_str().to_owned()).unwrap_or_default(),
    });
    Ok(BucketAcl { owner, grants: grants.collect() })
}

pub(crate) async fn set_bucket_acl(store: &S3Store, bucket: &str, acl: &NewBucketAcl) -> Result<(), StoreError> {
    let at = Location::new(bucket, "");
    let call = store.call(Operation::PutBucketAcl, &at).await?;
    let wrong = |error: aws_sdk_s3::error::BuildError| {
        StoreError::new(Operation::PutBucketAcl, &at, StoreErrorKind::Invalid, error.to_string())
    };
    let policy = acl.policy.as_ref().map(policy_of).transpose().map_err(wrong)?;
    let request = call
        .client
        .put_bucket_acl()
        .bucket(bucket)
        .set_acl(acl.canned.as_deref().map(BucketCannedAcl::from))
        .set_grant_full_control(acl.grant_full_control.clone())
        .set_grant_read(acl.grant_read.clone())
        .set_grant_read_acp(acl.grant_read_acp.clone())
        .set_grant_write(acl.grant_write.clone())
        .set_grant_write_acp(acl.grant_write_acp.clone())
        .set_access_control_policy(policy);
    let request = request.customize().config_override(call.limits(0)).interceptor(call.watch());
    call.answer(request.send().await).map(|_| ())
}

/// Signs a GET and sends nothing.
pub(crate) async fn presign(store: &S3Store, at: &Location, valid: Duration) -> Result<PresignedUrl, StoreError> {
    check_key(Operation::Get, at)?;
    // Whoever checks the signature does it by the server's clock.
    let now = by_store_clock(store.clock_ahead(), SystemTime::now());
    let config = PresigningConfig::builder()
        .start_time(now)
        .expires_in(valid)
        .build()
        .map_err(|error| StoreError::new(Operation::Get, at, StoreErrorKind::Invalid, error.to_string()))?;
    let call = store.call(Operation::Get, at).await?;
    let request = call.client.get_object().bucket(at.bucket()).key(at.key());
    let signed = call.answer(request.presigned(config).await)?;
    Ok(PresignedUrl::new(signed.uri()))
}

fn grantee_of(grantee: SdkGrantee) -> Grantee {
    Grantee {
        kind: Some(grantee.r#type.as_str().to_owned()),
        id: grantee.id,
        display_name: grantee.display_name,
        email: grantee.email_address,
        uri: grantee.uri,
    }
}

fn policy_of(acl: &BucketAcl) -> Result<AccessControlPolicy, aws_sdk_s3::error::BuildError> {
    let owner = acl
        .owner
        .as_ref()
        .map(|owner| Owner::builder().set_id(owner.id.clone()).set_display_name(owner.display_name.clone()).build());
    let grants: Result<Vec<Grant>, _> = acl.grants.iter().map(grant_of).collect();
    Ok(AccessControlPolicy::builder().set_owner(owner).set_grants(Some(grants?)).build())
}

fn grant_of(grant: &AclGrant) -> Result<Grant, aws_sdk_s3::error::BuildError> {
    let Grantee { kind, id, display_name, email, uri } = &grant.grantee;
    let grantee = SdkGrantee::builder()
        .set_type(kind.as_deref().map(GranteeType::from))
        .set_id(id.clone())
        .set_display_name(display_name.clone())
        .set_email_address(email.clone())
        .set_uri(uri.clone())
        .build()?;
    Ok(Grant::builder().grantee(grantee).permission(Permission::from(grant.permission.as_str())).build())
}
