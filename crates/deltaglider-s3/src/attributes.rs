//! Attributes and placement in both directions.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_s3::config::http::HttpRequest;
use aws_smithy_types::DateTime;
use deltaglider_core::Location;
use deltaglider_core::store::{Attributes, ETag, Operation, PutReceipt, StoreError, StoreErrorKind};

/// Sets the headers that a put, a copy and the start of an upload share. `Expires` goes as it was written, by [`set_expires`].
macro_rules! with_attributes {
    ($request:expr, $attributes:expr) => {{
        let attributes: &deltaglider_core::store::Attributes = $attributes;
        let metadata = attributes.metadata.clone().into_iter().collect();
        $request
            .set_content_type(attributes.content_type.clone())
            .set_cache_control(attributes.cache_control.clone())
            .set_content_disposition(attributes.content_disposition.clone())
            .set_content_encoding(attributes.content_encoding.clone())
            .set_content_language(attributes.content_language.clone())
            .set_website_redirect_location(attributes.website_redirect.clone())
            .set_metadata(Some(metadata))
    }};
}

/// Sets where and under whose eyes an object is kept.
macro_rules! with_placement {
    ($request:expr, $placement:expr) => {{
        let placement: &deltaglider_core::store::Placement = $placement;
        $request
            .set_storage_class(placement.storage_class.as_deref().map(Into::into))
            .set_acl(placement.acl.as_deref().map(Into::into))
            .set_grant_full_control(placement.grant_full_control.clone())
            .set_grant_read(placement.grant_read.clone())
            .set_grant_read_acp(placement.grant_read_acp.clone())
            .set_grant_write_acp(placement.grant_write_acp.clone())
            .set_server_side_encryption(placement.server_side_encryption.as_deref().map(Into::into))
            .set_ssekms_key_id(placement.sse_kms_key_id.clone())
    }};
}

/// Takes the attributes from an answer with an object's head.
macro_rules! attributes_of {
    ($output:expr) => {
        deltaglider_core::store::Attributes {
            content_type: $output.content_type.take(),
            cache_control: $output.cache_control.take(),
            content_disposition: $output.content_disposition.take(),
            content_encoding: $output.content_encoding.take(),
            content_language: $output.content_language.take(),
            expires: $output.expires_string.take(),
            website_redirect: $output.website_redirect_location.take(),
            metadata: $output.metadata.take().unwrap_or_default().into_iter().collect(),
        }
    };
}

pub(crate) use {attributes_of, with_attributes, with_placement};

/// Writes `Expires` into a request.
pub(crate) fn set_expires(expires: Option<&str>) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    let expires = expires.map(str::to_owned);
    move |request| {
        if let Some(expires) = &expires {
            // Cannot fail: it was checked.
            let _ = request.headers_mut().try_insert("expires", expires.clone());
        }
    }
}

/// Refuses what a header cannot carry as it is: the layers above encode what is not ASCII.
pub(crate) fn check(operation: Operation, at: &Location, attributes: &Attributes) -> Result<(), StoreError> {
    let headers = [
        ("content-type", &attributes.content_type),
        ("cache-control", &attributes.cache_control),
        ("content-disposition", &attributes.content_disposition),
        ("content-encoding", &attributes.content_encoding),
        ("content-language", &attributes.content_language),
        ("expires", &attributes.expires),
        ("website-redirect-location", &attributes.website_redirect),
    ];
    let headers = headers.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
    let metadata = attributes.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in headers.chain(metadata) {
        let is_token = !name.is_empty() && http::HeaderName::from_bytes(name.as_bytes()).is_ok();
        if !is_token || !value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
            let message = format!("`{name}` or its value holds characters that no header can carry");
            return Err(StoreError::new(operation, at, StoreErrorKind::Invalid, message));
        }
    }
    Ok(())
}

/// The entity tag of an answer; empty where the server gave none.
pub(crate) fn e_tag(tag: Option<&str>) -> ETag {
    ETag::new(tag.unwrap_or_default())
}

/// What a put or a copy answers.
pub(crate) fn receipt(tag: Option<&str>, version_id: Option<String>) -> PutReceipt {
    PutReceipt { e_tag: e_tag(tag), version_id: version_id.filter(|version| version != "null") }
}

/// A time of an answer; the epoch where the server gave none.
pub(crate) fn time(time: Option<DateTime>) -> SystemTime {
    time.and_then(|time| SystemTime::try_from(time).ok()).unwrap_or(UNIX_EPOCH)
}

/// A storage class, where it is not the standard one.
pub(crate) fn storage_class(class: Option<&str>) -> Option<String> {
    class.filter(|class| !matches!(*class, "" | "STANDARD")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ascii_goes_into_headers() {
        let at = Location::new("b", "k");
        let with = |name: &str, value: &str| Attributes {
            metadata: [(name.to_owned(), value.to_owned())].into(),
            ..Attributes::default()
        };
        assert!(check(Operation::Put, &at, &with("a-b", "x y~")).is_ok());
        for (name, value) in [("a", "ü"), ("ü", "a"), ("a b", "c"), ("", "c"), ("a", "b\r\nx: y")] {
            let error = check(Operation::Put, &at, &with(name, value)).expect_err("refused");
            assert_eq!(error.kind, StoreErrorKind::Invalid);
        }
    }
}
