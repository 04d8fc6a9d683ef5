//! Between the socket and the S3 service: names requests, logs them, and lets them fail.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use s3s::Body;
use s3s::service::S3Service;

use super::fault::ServerFault;
use super::log::{LoggedRequest, RequestLog};

type Decide = dyn Fn(&LoggedRequest, u64) -> Option<ServerFault> + Send + Sync;
type Answer = Response<BoxBody<Bytes, io::Error>>;

#[derive(Clone)]
pub(super) struct Front {
    service: S3Service,
    log: RequestLog,
    faults: Arc<Mutex<Faults>>,
}

struct Faults {
    decide: Arc<Decide>,
    seen: HashMap<&'static str, u64>,
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("log", &self.log).finish_non_exhaustive()
    }
}

impl Front {
    pub(super) fn new(service: S3Service) -> Self {
        let faults = Faults { decide: Arc::new(|_, _| None), seen: HashMap::new() };
        Self { service, log: RequestLog::default(), faults: Arc::new(Mutex::new(faults)) }
    }

    pub(super) fn log(&self) -> &RequestLog {
        &self.log
    }

    pub(super) fn inject(&self, decide: impl Fn(&LoggedRequest, u64) -> Option<ServerFault> + Send + Sync + 'static) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        *faults = Faults { decide: Arc::new(decide), seen: HashMap::new() };
    }

    fn fate(&self, request: &LoggedRequest) -> Option<ServerFault> {
        let (decide, number) = {
            let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
            let seen = faults.seen.entry(request.operation).or_default();
            *seen += 1;
            let number = *seen;
            (Arc::clone(&faults.decide), number)
        };
        decide(request, number)
    }

    async fn serve(&self, request: Request<Incoming>) -> io::Result<Answer> {
        let (head, body) = request.into_parts();
        let mut logged = describe(&head.method, &head.uri, &head.headers);
        let pending = Pending::new(&self.log);
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        logged.bytes_in = body.len() as u64;
        let fault = self.fate(&logged);

        let answer = match &fault {
            Some(ServerFault::Disconnect) => Err(disconnected()),
            Some(ServerFault::Refuse(status, code, message)) => Ok(error(*status, code, message)),
            _ => self.ask(Request::from_parts(head, Body::from(body))).await,
        };
        let answer = match (answer, &fault) {
            (Ok(_), Some(ServerFault::LoseAnswer)) => Err(disconnected()),
            (Ok(_), Some(ServerFault::LieAbout(status, code))) => Ok(error(*status, code, "It was done all the same.")),
            (answer, _) => answer,
        };
        let answer = answer.map(|answer| {
            logged.status = answer.status().as_u16();
            let (head, content) = answer.into_parts();
            let cut = match fault {
                Some(ServerFault::CutBody(length)) if length < content.len() => Some(length),
                _ => None,
            };
            logged.bytes_out = cut.unwrap_or(content.len()) as u64;
            Response::from_parts(head, body_of(content, cut))
        });
        pending.end(logged);
        answer
    }

    async fn ask(&self, request: Request<Body>) -> io::Result<Response<Bytes>> {
        let answer = self.service.call(request).await.map_err(|_| disconnected())?;
        let (head, body) = answer.into_parts();
        let content = BodyExt::collect(body).await.map_err(io::Error::other)?.to_bytes();
        Ok(Response::from_parts(head, content))
    }
}

impl hyper::service::Service<Request<Incoming>> for Front {
    type Response = Answer;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Answer>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let front = self.clone();
        Box::pin(async move { front.serve(request).await })
    }
}

/// A request under way, which is logged even when its connection ends before the answer.
struct Pending {
    log: RequestLog,
    ended: bool,
}

impl Pending {
    fn new(log: &RequestLog) -> Self {
        log.begin();
        Self { log: log.clone(), ended: false }
    }

    fn end(mut self, request: LoggedRequest) {
        self.ended = true;
        self.log.end(request);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.ended {
            self.log.end(LoggedRequest { operation: "Abandoned", ..LoggedRequest::default() });
        }
    }
}

fn disconnected() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

fn error(status: u16, code: &str, message: &str) -> Response<Bytes> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <Error><Code>{code}</Code><Message>{message}</Message><RequestId>TESTKIT</RequestId></Error>"
    );
    let mut answer = Response::new(Bytes::from(text));
    answer.headers_mut().insert("x-amz-request-id", HeaderValue::from_static("TESTKIT"));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

/// The body; where it is cut, its head still promises the whole.
fn body_of(content: Bytes, cut: Option<usize>) -> BoxBody<Bytes, io::Error> {
    match cut {
        None => BoxBody::new(Full::new(content).map_err(|never| match never {})),
        Some(length) => {
            let sent = Ok(Frame::data(content.slice(..length)));
            // A pause of the executor lets the bytes leave before the connection ends.
            let end = stream::once(async {
                tokio::task::yield_now().await;
                Err(disconnected())
            });
            BoxBody::new(StreamBody::new(stream::iter([sent]).chain(end)))
        }
    }
}

/// Which operation of the S3 API a request is.
fn describe(method: &Method, uri: &Uri, headers: &HeaderMap) -> LoggedRequest {
    let path = uri.path().strip_prefix("/").unwrap_or(uri.path());
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let query = uri.query().unwrap_or_default();
    let asks = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let copies = headers.contains_key("x-amz-copy-source");
    let operation = match (method.as_str(), bucket.is_empty(), key.is_empty()) {
        ("GET", true, _) => "ListBuckets",
        ("GET", _, true) if asks("uploads") => "ListMultipartUploads",
        ("GET", _, true) if asks("acl") => "GetBucketAcl",
        ("GET", _, true) => "ListObjectsV2",
        ("HEAD", _, true) => "HeadBucket",
        ("PUT", _, true) if asks("acl") => "PutBucketAcl",
        ("PUT", _, true) => "CreateBucket",
        ("DELETE", _, true) => "DeleteBucket",
        ("POST", _, true) => "DeleteObjects",
        ("GET", ..) => "GetObject",
        ("HEAD", ..) => "HeadObject",
        ("PUT", ..) if asks("uploadId") && copies => "UploadPartCopy",
        ("PUT", ..) if asks("uploadId") => "UploadPart",
        ("PUT", ..) if copies => "CopyObject",
        ("PUT", ..) => "PutObject",
        ("POST", ..) if asks("uploads") => "CreateMultipartUpload",
        ("POST", ..) => "CompleteMultipartUpload",
        ("DELETE", ..) if asks("uploadId") => "AbortMultipartUpload",
        ("DELETE", ..) => "DeleteObject",
        _ => "Unknown",
    };
    let mut headers = headers.clone();
    headers.remove(http::header::AUTHORIZATION);
    LoggedRequest { operation, bucket: decode(bucket), key: decode(key), headers, ..LoggedRequest::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_named() {
        let name = |method: Method, uri: &'static str| {
            let described = describe(&method, &Uri::from_static(uri), &HeaderMap::new());
            (described.operation, described.bucket, described.key)
        };
        let of = |operation, bucket: &str, key: &str| (operation, bucket.to_owned(), key.to_owned());
        assert_eq!(name(Method::GET, "/"), of("ListBuckets", "", ""));
        assert_eq!(name(Method::GET, "/b/?list-type=2"), of("ListObjectsV2", "b", ""));
        assert_eq!(name(Method::PUT, "/b"), of("CreateBucket", "b", ""));
        assert_eq!(name(Method::POST, "/b/?delete"), of("DeleteObjects", "b", ""));
        assert_eq!(name(Method::GET, "/b//a%20b?x-id=GetObject"), of("GetObject", "b", "/a b"));
        assert_eq!(name(Method::PUT, "/b/k?partNumber=1&uploadId=u"), of("UploadPart", "b", "k"));
        assert_eq!(name(Method::POST, "/b/k?uploads"), of("CreateMultipartUpload", "b", "k"));
    }
}
