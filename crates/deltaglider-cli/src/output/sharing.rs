//! How URLs and access control lists are written: alone on their lines, or as `aws s3api` writes them.

use std::io;
use std::time::Duration;

use deltaglider::core::store::{AclGrant, BucketAcl, Grantee, PresignedUrl};
use serde::Serialize;
use serde_json::{Serializer, ser::PrettyFormatter};

use super::{Loudness, Output, json};

/// A list in the form of `aws s3api get-bucket-acl`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub(super) struct Acl<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<Account<'a>>,
    grants: Vec<Grant<'a>>,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
struct Grant<'a> {
    grantee: Account<'a>,
    permission: &'a str,
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Account<'a> {
    #[serde(rename = "DisplayName", skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a str>,
    #[serde(rename = "EmailAddress", skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(rename = "ID", skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "Type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(rename = "URI", skip_serializing_if = "Option::is_none")]
    uri: Option<&'a str>,
}

impl Output {
    /// A URL that was asked for: written however quiet the run is to be.
    pub(crate) fn presigned(&self, object: &str, url: &PresignedUrl, valid: Duration) -> io::Result<()> {
        if self.json {
            return self.result(&json::presigned(object, url.expose(), valid.as_secs()));
        }
        self.result(url.expose())
    }

    /// The access control list of a bucket.
    pub(crate) fn bucket_acl(&self, bucket: &str, acl: &BucketAcl) -> io::Result<()> {
        let acl = Acl::of(acl);
        self.result(&if self.json { json::bucket_acl(bucket, &acl) } else { text(&acl) })
    }

    /// The access control list of a bucket was replaced; of that `aws` says nothing.
    pub(crate) fn bucket_acl_set(&self, bucket: &str) -> io::Result<()> {
        if self.json && self.loudness >= Loudness::Normal {
            return self.result(&json::bucket_done("put_bucket_acl", bucket));
        }
        Ok(())
    }
}

impl<'a> Acl<'a> {
    pub(super) fn of(acl: &'a BucketAcl) -> Self {
        let grant = |grant: &'a AclGrant| Grant { grantee: account(&grant.grantee), permission: &grant.permission };
        Self { owner: acl.owner.as_ref().map(account), grants: acl.grants.iter().map(grant).collect() }
    }
}

fn account(grantee: &Grantee) -> Account<'_> {
    Account {
        display_name: grantee.display_name.as_deref(),
        email: grantee.email.as_deref(),
        id: grantee.id.as_deref(),
        kind: grantee.kind.as_deref(),
        uri: grantee.uri.as_deref(),
    }
}

/// Indented by four, as `aws` does.
fn text(acl: &Acl<'_>) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    // Texts alone: nothing of it can fail.
    drop(acl.serialize(&mut serializer));
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_as_that_of_aws() {
        let owner = Grantee { id: Some("1".to_owned()), display_name: Some("me".to_owned()), ..Grantee::default() };
        let grantee = Grantee { kind: Some("CanonicalUser".to_owned()), ..owner.clone() };
        let grants = vec![AclGrant { grantee, permission: "FULL_CONTROL".to_owned() }];
        let acl = BucketAcl { owner: Some(owner), grants };
        let expected = r#"{
    "Owner": {
        "DisplayName": "me",
        "ID": "1"
    },
    "Grants": [
        {
            "Grantee": {
                "DisplayName": "me",
                "ID": "1",
                "Type": "CanonicalUser"
            },
            "Permission": "FULL_CONTROL"
        }
    ]
}"#;
        assert_eq!(text(&Acl::of(&acl)), expected);
        assert_eq!(
            json::bucket_acl("b", &Acl::of(&BucketAcl::default())),
            r#"{"v":1,"type":"acl","bucket":"b","Grants":[]}"#
        );
    }
}
