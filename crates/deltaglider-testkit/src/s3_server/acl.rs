//! Access control lists of buckets: kept as they are asked for, and held against nobody.

use s3s::dto;
use s3s::{S3Result, s3_error};

const OWNER: &str = "owner-of-the-testkit";
const GROUPS: &str = "http://acs.amazonaws.com/groups/global/";

/// Whose all buckets are.
pub(super) fn owner() -> dto::Owner {
    dto::Owner { id: Some(OWNER.to_owned()), display_name: Some("testkit".to_owned()) }
}

/// The list of a bucket of which nobody has said anything.
pub(super) fn private() -> Vec<dto::Grant> {
    let grantee = dto::Grantee { id: Some(OWNER.to_owned()), ..grantee("CanonicalUser") };
    vec![grant(grantee, "FULL_CONTROL")]
}

/// The list that a request asks for.
pub(super) fn asked(input: dto::PutBucketAclInput) -> S3Result<Vec<dto::Grant>> {
    if let Some(policy) = input.access_control_policy {
        return Ok(policy.grants.unwrap_or_default());
    }
    let canned = input.acl.as_ref().map_or("private", |acl| acl.as_str());
    let group = |name: &str| dto::Grantee { uri: Some(format!("{GROUPS}{name}")), ..grantee("Group") };
    let more = match canned {
        "private" => Vec::new(),
        "public-read" => vec![grant(group("AllUsers"), "READ")],
        "public-read-write" => vec![grant(group("AllUsers"), "READ"), grant(group("AllUsers"), "WRITE")],
        "authenticated-read" => vec![grant(group("AuthenticatedUsers"), "READ")],
        _ => return Err(s3_error!(InvalidArgument, "There is no such list.")),
    };
    Ok(private().into_iter().chain(more).collect())
}

fn grant(grantee: dto::Grantee, permission: &str) -> dto::Grant {
    dto::Grant { grantee: Some(grantee), permission: Some(permission.to_owned().into()) }
}

fn grantee(kind: &str) -> dto::Grantee {
    dto::Grantee { type_: kind.to_owned().into(), display_name: None, email_address: None, id: None, uri: None }
}
