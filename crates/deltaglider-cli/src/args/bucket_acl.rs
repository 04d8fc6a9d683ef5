//! Arguments of `get-bucket-acl` and `put-bucket-acl`, as those of `aws s3api`.

use clap::Args;
use deltaglider::core::store::{AclGrant, BucketAcl, Grantee, NewBucketAcl};
use serde::Deserialize;

/// Which bucket.
#[derive(Args, Clone, Debug)]
pub(crate) struct BucketArgs {
    /// The bucket's name, or s3://bucket.
    #[arg(value_name = "BUCKET", required_unless_present = "named", conflicts_with = "named")]
    bucket: Option<String>,
    /// The bucket's name.
    #[arg(long = "bucket", value_name = "NAME")]
    named: Option<String>,
}

/// Arguments of `get-bucket-acl`.
#[derive(Args, Clone, Debug)]
pub(crate) struct GetBucketAclArgs {
    #[command(flatten)]
    pub(crate) bucket: BucketArgs,
}

/// Arguments of `put-bucket-acl`.
#[derive(Args, Clone, Debug)]
pub(crate) struct PutBucketAclArgs {
    #[command(flatten)]
    pub(crate) bucket: BucketArgs,
    /// A list with a name.
    #[arg(long, value_name = "ACL", group = "change", value_parser = ["private", "public-read", "public-read-write", "authenticated-read"])]
    acl: Option<String>,
    /// The whole list, as get-bucket-acl writes it; file://path reads it from a file.
    #[arg(long, value_name = "JSON", group = "change", value_parser = policy)]
    access_control_policy: Option<BucketAcl>,
    /// Who may do everything: `id=…`, `uri=…` or `emailaddress=…`, separated by commas.
    #[arg(long, value_name = "GRANTEES")]
    grant_full_control: Option<String>,
    /// Who may list the objects.
    #[arg(long, value_name = "GRANTEES")]
    grant_read: Option<String>,
    /// Who may read this list.
    #[arg(long, value_name = "GRANTEES")]
    grant_read_acp: Option<String>,
    /// Who may store and delete objects.
    #[arg(long, value_name = "GRANTEES")]
    grant_write: Option<String>,
    /// Who may write this list.
    #[arg(long, value_name = "GRANTEES")]
    grant_write_acp: Option<String>,
}

impl BucketArgs {
    /// The bucket as a URL.
    pub(crate) fn url(&self) -> String {
        let text = self.bucket.as_deref().or(self.named.as_deref()).unwrap_or_default();
        if deltaglider::core::StoreUrl::is_url(text) { text.to_owned() } else { format!("s3://{text}") }
    }
}

impl PutBucketAclArgs {
    /// What replaces the list; `None` where nothing was asked for.
    pub(crate) fn change(&self) -> Option<NewBucketAcl> {
        let change = NewBucketAcl {
            canned: self.acl.clone(),
            grant_full_control: self.grant_full_control.clone(),
            grant_read: self.grant_read.clone(),
            grant_read_acp: self.grant_read_acp.clone(),
            grant_write: self.grant_write.clone(),
            grant_write_acp: self.grant_write_acp.clone(),
            policy: self.access_control_policy.clone(),
        };
        (change != NewBucketAcl::default()).then_some(change)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policy {
    #[serde(default)]
    owner: Option<Account>,
    #[serde(default)]
    grants: Vec<Grant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Grant {
    grantee: Account,
    permission: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Account {
    #[serde(default, rename = "Type")]
    kind: Option<String>,
    #[serde(default, rename = "ID")]
    id: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    email_address: Option<String>,
    #[serde(default, rename = "URI")]
    uri: Option<String>,
}

/// Reads a list as `aws s3api` takes it.
fn policy(text: &str) -> Result<BucketAcl, String> {
    let read;
    let text = match text.strip_prefix("file://") {
        Some(path) => {
            read = std::fs::read_to_string(path).map_err(|error| format!("{path} cannot be read: {error}"))?;
            &read
        }
        None => text,
    };
    let policy: Policy =
        serde_json::from_str(text).map_err(|error| format!("not a list such as get-bucket-acl writes: {error}"))?;
    let grant = |grant: Grant| AclGrant { grantee: grant.grantee.into(), permission: grant.permission };
    Ok(BucketAcl { owner: policy.owner.map(Grantee::from), grants: policy.grants.into_iter().map(grant).collect() })
}

impl From<Account> for Grantee {
    fn from(account: Account) -> Self {
        let Account { kind, id, display_name, email_address: email, uri } = account;
        Self { kind, id, display_name, email, uri }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_is_written() {
        let text =
            r#"{"Owner": {"ID": "1"}, "Grants": [{"Grantee": {"Type": "Group", "URI": "u"}, "Permission": "READ"}]}"#;
        let acl = policy(text).expect("understood");
        assert_eq!(acl.owner.and_then(|owner| owner.id).as_deref(), Some("1"));
        assert_eq!((acl.grants[0].grantee.uri.as_deref(), acl.grants[0].permission.as_str()), (Some("u"), "READ"));
        for wrong in ["", "{", r#"{"Grant": []}"#, r#"{"Grants": [{"Permission": "READ"}]}"#, "file:///nowhere/at/all"]
        {
            assert!(policy(wrong).is_err(), "{wrong}");
        }
    }
}
