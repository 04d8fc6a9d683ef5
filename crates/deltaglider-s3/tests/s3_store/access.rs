//! Who may ask, and what is said to who may not.

use std::time::{Duration, Instant};

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use deltaglider_core::Location;
use deltaglider_core::store::{
    BucketStore, ListRequest, ObjectStore, Promises, PutOptions, StoreError, StoreErrorKind,
};
use deltaglider_s3::S3Store;
use futures::StreamExt;

use crate::start::{BUCKET, at, signed, start, unsigned};

#[tokio::test]
async fn anybody_reads_a_public_bucket_unsigned() {
    let (server, store) = start().await;
    store.put(&at("k"), bytes::Bytes::from_static(b"x").into(), PutOptions::default()).await.unwrap();
    let nobody = unsigned(&server).anonymous().build().unwrap();
    let error = nobody.head(&at("k")).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (StoreErrorKind::Denied, "403"));
    server.make_public(BUCKET);
    server.log().reset();
    assert_eq!(nobody.head(&at("k")).await.unwrap().size, 1);
    assert!(server.log().requests().iter().all(|request| request.header("x-amz-date").is_none()));
}

#[tokio::test]
async fn wrong_keys_are_named_and_not_retried() {
    let (server, _) = start().await;
    for (access, secret, code) in [
        (server.access_key(), "wrong-secret", "SignatureDoesNotMatch"),
        ("AKIAUNKNOWN", server.secret_key(), "InvalidAccessKeyId"),
    ] {
        let store = unsigned(&server).static_credentials(access, secret, None).build().unwrap();
        server.log().reset();
        let error = first(&store).await;
        assert_eq!((error.kind, error.code.as_str()), (StoreErrorKind::Unauthenticated, code));
        assert_eq!(error.status, Some(403));
        assert_eq!(server.log().total(), 1);
        assert!(!format!("{error} {error:?}").contains(secret));
    }
}

#[derive(Debug)]
struct Nothing;

impl ProvideCredentials for Nothing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("nobody is at home")))
    }
}

#[tokio::test]
async fn without_credentials_it_says_what_to_do() {
    let (server, _) = start().await;
    let store = unsigned(&server).credentials_provider(Nothing).build().unwrap();
    let error = first(&store).await;
    assert_eq!((error.kind, error.code.as_str()), (StoreErrorKind::Unauthenticated, "NoCredentials"));
    for hint in ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "--no-sign-request"] {
        assert!(error.message.contains(hint), "{error}");
    }
    assert_eq!(server.log().total(), 0);
}

#[tokio::test]
async fn a_missing_bucket_is_no_missing_object() {
    let (server, _) = start().await;
    let store = signed(&server).build().unwrap();
    let nowhere = Location::new("no-such-bucket", "k");
    let error = store.get(&nowhere, Default::default()).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (StoreErrorKind::NoSuchBucket, "NoSuchBucket"));
    let error = store.delete_bucket("no-such-bucket").await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::NoSuchBucket);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let (server, _) = start().await;
    let endpoint = server.endpoint();
    let store = signed(&server).max_attempts(2).build().unwrap();
    drop(server);
    tokio::task::yield_now().await;
    let began = Instant::now();
    let error = first(&store).await;
    assert_eq!((error.kind, error.code.as_str()), (StoreErrorKind::Transient, "ConnectionError"));
    assert!(error.message.contains(&endpoint), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_silent_server_does_not_hold_us_for_ever() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let store = S3Store::builder()
        .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
        .region("us-east-1")
        .static_credentials("a", "b", None)
        .read_timeout(Some(Duration::from_millis(50)))
        .max_attempts(1)
        .build()
        .unwrap();
    let error = first(&store).await;
    assert_eq!((error.kind, error.code.as_str()), (StoreErrorKind::Transient, "RequestTimeout"));
}

/// A server in another year, which refuses what is not signed by its clock, and says so only in a body that a HEAD has not.
#[tokio::test]
async fn a_wrong_clock_is_got_over_where_no_answer_can_say_so() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap();
            let signed = request.lines().find_map(|line| line.strip_prefix("x-amz-date: ")).unwrap();
            let status = if signed.starts_with("20361127T0815") { "200 OK" } else { "403 Forbidden" };
            let answer = format!(
                "HTTP/1.1 {status}\r\nDate: Thu, 27 Nov 2036 08:15:30 GMT\r\nLast-Modified: Thu, 27 Nov 2036 08:15:00 GMT\r\n\
                 ETag: \"x\"\r\nContent-Length: 7\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let store = S3Store::builder()
        .endpoint_url(endpoint)
        .region("us-east-1")
        .static_credentials("a", "b", None)
        .initial_backoff(Duration::from_millis(1))
        .max_attempts(2)
        .build()
        .unwrap();
    assert_eq!(store.head(&Location::new("b", "k")).await.unwrap().size, 7);
    assert!(store.clock_ahead().unwrap() < -86_400 * 365);
    // A URL is signed by the server's clock, too.
    let url = store.presign(&Location::new("b", "k"), Duration::from_secs(60)).await.unwrap();
    assert!(url.expose().contains("X-Amz-Date=20361127T0815"), "{url:?}");
}

#[tokio::test]
async fn only_aws_is_believed_and_only_when_it_is_known() {
    let (_server, store) = start().await;
    store.load().await.unwrap();
    assert_eq!(store.promises(), Promises::Unknown);
    let aws = S3Store::builder().region("eu-central-1").anonymous().build().unwrap();
    assert_eq!(aws.promises(), Promises::Unknown);
}

#[tokio::test]
async fn a_ca_bundle_that_is_none_is_an_error_and_no_panic() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (server, _) = start().await;
    let store = signed(&server).ca_bundle(file.path()).build().unwrap();
    let error = first(&store).await;
    assert_eq!(error.kind, StoreErrorKind::Invalid);
    assert!(error.message.contains("CA bundle"), "{error}");
}

/// The error of a listing.
async fn first(store: &S3Store) -> StoreError {
    store.list(ListRequest::below(BUCKET, "")).next().await.unwrap().unwrap_err()
}
