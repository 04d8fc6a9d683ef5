//! Options of everything that moves objects.

use clap::{ArgAction, Args, ValueEnum};
use deltaglider::core::store::{Attributes, Metadata, Placement};

use super::filters::FilterArgs;

/// Options of cp, mv and sync.
#[derive(Args, Clone, Debug)]
pub(crate) struct TransferArgs {
    #[command(flatten)]
    pub(crate) filters: FilterArgs,
    /// Shows what would be done, and does nothing.
    #[arg(long)]
    pub(crate) dryrun: bool,
    /// Follows symbolic links in a local source; the default.
    #[arg(long, overrides_with = "no_follow_symlinks")]
    follow_symlinks: bool,
    /// Passes over symbolic links in a local source.
    #[arg(long)]
    pub(crate) no_follow_symlinks: bool,
    /// Keys a page of a listing.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) page_size: Option<u32>,
    /// Stores every object whole.
    #[arg(long)]
    pub(crate) no_delta: bool,
    /// Stores an object whole where its delta is larger than this share of it [default: 0.5].
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub(crate) max_ratio: Option<f64>,
    /// Leaves what the destination holds already as it is.
    #[arg(long)]
    pub(crate) no_overwrite: bool,
    /// Reads each object back after it was stored.
    #[arg(long)]
    pub(crate) verify: bool,
    #[command(flatten)]
    pub(crate) headers: HeaderArgs,
    #[command(flatten)]
    pub(crate) placement: PlacementArgs,
    /// Says nothing of archived objects that are passed over.
    #[arg(long)]
    pub(crate) ignore_glacier_warnings: bool,
    /// Tries to read archived objects, since they were restored.
    #[arg(long)]
    pub(crate) force_glacier_transfer: bool,
    #[command(flatten)]
    pub(crate) unsupported: UnsupportedArgs,
    /// Refuses to move to or from an access point, whose bucket could be that of the other side.
    #[arg(long, hide = true)]
    pub(crate) validate_same_s3_paths: bool,
    #[command(flatten)]
    inert: InertArgs,
}

/// Headers and metadata that are stored with an object.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Headers and metadata")]
pub(crate) struct HeaderArgs {
    /// Does not guess the content type from the name.
    #[arg(long, overrides_with = "guess_mime_type")]
    pub(crate) no_guess_mime_type: bool,
    #[arg(long, hide = true)]
    guess_mime_type: bool,
    #[arg(long, value_name = "TYPE", help = "Content-Type")]
    content_type: Option<String>,
    #[arg(long, value_name = "TEXT", help = "Cache-Control")]
    cache_control: Option<String>,
    #[arg(long, value_name = "TEXT", help = "Content-Disposition")]
    content_disposition: Option<String>,
    #[arg(long, value_name = "TEXT", help = "Content-Encoding")]
    content_encoding: Option<String>,
    #[arg(long, value_name = "TEXT", help = "Content-Language")]
    content_language: Option<String>,
    #[arg(long, value_name = "TIME", help = "Expires")]
    expires: Option<String>,
    /// Redirects visitors of a website; such objects are stored whole.
    #[arg(long, value_name = "PLACE")]
    website_redirect: Option<String>,
    /// User metadata: `name=value,name=value`, or a JSON object.
    #[arg(long, value_name = "PAIRS", value_parser = pairs, action = ArgAction::Append)]
    metadata: Vec<Pairs>,
    /// Whether a copy takes over the headers and metadata of its source.
    #[arg(long, value_enum, value_name = "DIRECTIVE", ignore_case = true)]
    metadata_directive: Option<MetadataDirective>,
}

/// What a copy does with the headers and metadata of its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MetadataDirective {
    /// Takes them over.
    #[value(name = "COPY")]
    Copy,
    /// Has those of the command line alone.
    #[value(name = "REPLACE")]
    Replace,
}

/// Where and under whose eyes objects are kept.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Storage and access")]
pub(crate) struct PlacementArgs {
    /// Storage class, such as STANDARD_IA.
    #[arg(long, value_name = "CLASS", value_parser = STORAGE_CLASSES)]
    pub(crate) storage_class: Option<String>,
    /// Canned access control list, such as public-read.
    #[arg(long, value_name = "ACL")]
    acl: Option<String>,
    /// Grants: `read=id=…`, `full=emailaddress=…`, `readacl=…`, `writeacl=…`.
    #[arg(long, value_name = "GRANT", num_args = 1.., value_parser = grant)]
    grants: Vec<Grant>,
    /// Encryption at the server.
    #[arg(long, value_name = "METHOD", num_args = 0..=1, default_missing_value = "AES256", value_parser = ["AES256", "aws:kms", "aws:kms:dsse"])]
    sse: Option<String>,
    /// Key of the encryption at the server.
    #[arg(long, value_name = "ID")]
    sse_kms_key_id: Option<String>,
}

/// Options of `aws s3` whose promise cannot be kept: asking for them is an error, since ignoring them would surprise.
#[derive(Args, Clone, Debug)]
pub(crate) struct UnsupportedArgs {
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "AES256")]
    sse_c: Option<String>,
    #[arg(long, hide = true)]
    sse_c_key: Option<String>,
    #[arg(long, hide = true)]
    sse_c_copy_source: Option<String>,
    #[arg(long, hide = true)]
    sse_c_copy_source_key: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "requester")]
    request_payer: Option<String>,
}

/// Options of `aws s3` that need nothing done: every object carries its own SHA-256, sizes of streams are found out, and buckets
/// in other regions too.
#[derive(Args, Clone, Debug)]
struct InertArgs {
    #[arg(long, hide = true)]
    source_region: Option<String>,
    #[arg(long, hide = true)]
    checksum_mode: Option<String>,
    #[arg(long, hide = true)]
    checksum_algorithm: Option<String>,
    #[arg(long, hide = true)]
    expected_size: Option<u64>,
    #[arg(long, hide = true)]
    copy_props: Option<String>,
}

const STORAGE_CLASSES: [&str; 8] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
];

type Pairs = Vec<(String, String)>;

/// A permission and who gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Grant {
    permission: Permission,
    grantee: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permission {
    Full,
    Read,
    ReadAcl,
    WriteAcl,
}

impl HeaderArgs {
    /// What the command line says, the content type apart that a name may give.
    pub(crate) fn attributes(&self) -> Attributes {
        let metadata: Metadata =
            self.metadata.iter().flatten().map(|(name, value)| (name.to_lowercase(), value.clone())).collect();
        Attributes {
            content_type: self.content_type.clone(),
            cache_control: self.cache_control.clone(),
            content_disposition: self.content_disposition.clone(),
            content_encoding: self.content_encoding.clone(),
            content_language: self.content_language.clone(),
            expires: self.expires.clone(),
            website_redirect: self.website_redirect.clone(),
            metadata,
        }
    }

    /// The attributes that replace those of a copy's source, if any do.
    pub(crate) fn replacement(&self) -> Option<Attributes> {
        let given = self.attributes();
        match self.metadata_directive {
            Some(MetadataDirective::Copy) => None,
            Some(MetadataDirective::Replace) => Some(given),
            // The server copies or replaces all of them; `aws` asks for the latter as soon as one is given.
            None => (given != Attributes::default()).then_some(given),
        }
    }
}

impl PlacementArgs {
    pub(crate) fn placement(&self) -> Placement {
        let grantees = |permission| {
            let grantees: Vec<&str> = self
                .grants
                .iter()
                .filter(|grant| grant.permission == permission)
                .map(|grant| grant.grantee.as_str())
                .collect();
            (!grantees.is_empty()).then(|| grantees.join(","))
        };
        Placement {
            storage_class: self.storage_class.clone().filter(|class| class != "STANDARD"),
            acl: self.acl.clone(),
            grant_full_control: grantees(Permission::Full),
            grant_read: grantees(Permission::Read),
            grant_read_acp: grantees(Permission::ReadAcl),
            grant_write_acp: grantees(Permission::WriteAcl),
            server_side_encryption: self.sse.clone(),
            sse_kms_key_id: self.sse_kms_key_id.clone(),
        }
    }

    /// Whether objects of this storage class must be restored before they are read.
    pub(crate) fn is_archive(&self) -> bool {
        self.storage_class.as_deref().is_some_and(is_archive)
    }
}

/// Whether objects of a storage class must be restored before they are read.
pub(crate) fn is_archive(storage_class: &str) -> bool {
    matches!(storage_class, "GLACIER" | "DEEP_ARCHIVE")
}

impl UnsupportedArgs {
    /// The first option given whose promise cannot be kept.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let options = [
            (&self.sse_c, "--sse-c"),
            (&self.sse_c_key, "--sse-c-key"),
            (&self.sse_c_copy_source, "--sse-c-copy-source"),
            (&self.sse_c_copy_source_key, "--sse-c-copy-source-key"),
            (&self.request_payer, "--request-payer"),
        ];
        options.into_iter().find(|(value, _)| value.is_some()).map(|(_, name)| name)
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(format!("`{text}` is not a number from 0 to 1")),
    }
}

/// Reads `name=value,name=value` or a JSON object of texts.
fn pairs(text: &str) -> Result<Pairs, String> {
    if text.trim_start().starts_with('{') {
        let object: Metadata =
            serde_json::from_str(text).map_err(|error| format!("not a JSON object of texts: {error}"))?;
        return Ok(object.into_iter().collect());
    }
    let pair = |text: &str| match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err(format!("`{text}` is not name=value")),
    };
    text.split(',').filter(|part| !part.is_empty()).map(pair).collect()
}

fn grant(text: &str) -> Result<Grant, String> {
    let expected =
        || format!("`{text}` is not permission=grantee, with the permission read, readacl, writeacl or full");
    let (permission, grantee) = text.split_once('=').ok_or_else(expected)?;
    let permission = match permission {
        "full" => Permission::Full,
        "read" => Permission::Read,
        "readacl" => Permission::ReadAcl,
        "writeacl" => Permission::WriteAcl,
        _ => return Err(expected()),
    };
    Ok(Grant { permission, grantee: grantee.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_in_both_of_its_forms() {
        let expected = vec![("a".to_owned(), "1".to_owned()), ("b".to_owned(), "x=y".to_owned())];
        assert_eq!(pairs("a=1,b=x=y"), Ok(expected.clone()));
        assert_eq!(pairs(r#"{"a": "1", "b": "x=y"}"#), Ok(expected));
        assert!(pairs("a").is_err() && pairs("=1").is_err() && pairs("{").is_err());
    }

    #[test]
    fn grants_name_a_permission_and_a_grantee() {
        assert_eq!(grant("read=id=1"), Ok(Grant { permission: Permission::Read, grantee: "id=1".to_owned() }));
        assert!(grant("own=id=1").is_err() && grant("read").is_err());
    }
}
