//! The S3 operations over a store in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use deltaglider_core::store::memory::MemoryStore;
use deltaglider_core::store::{
    Attributes, BucketStore, ByteRange, CopyOptions, ETag, GetOptions, ListEntry, ListRequest, ObjectHead, ObjectStore,
    PutMode, PutOptions, StoreError,
};
use deltaglider_core::{Location, Md5};
use futures::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::dto::{self, StreamingBlob};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::acl;
use super::conditions::{Conditions, Honour};
use super::token::{encode, read_token, write_token};
use super::uploads;

/// How large what may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest object, in bytes, that CopyObject copies.
    pub copy: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { copy: 5 * 1024 * 1024 * 1024 }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Backend {
    store: MemoryStore,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    conditions: Conditions,
    limits: Limits,
    uploads: BTreeMap<String, Upload>,
    acls: HashMap<String, Vec<dto::Grant>>,
    begun: u64,
    /// Entity tags of objects that came in parts, by place and by the tag that the store below gives.
    tags: HashMap<(Location, ETag), ETag>,
}

#[derive(Debug)]
struct Upload {
    at: Location,
    begun: SystemTime,
    attributes: Attributes,
    parts: BTreeMap<i32, Bytes>,
}

impl Backend {
    pub(super) fn new(store: MemoryStore) -> Self {
        Self { store, shared: Arc::default() }
    }

    pub(super) fn store(&self) -> &MemoryStore {
        &self.store
    }

    pub(super) fn set_conditions(&self, conditions: Conditions) {
        self.shared().conditions = conditions;
    }

    pub(super) fn set_limits(&self, limits: Limits) {
        self.shared().limits = limits;
    }

    pub(super) fn uploads(&self) -> Vec<String> {
        self.shared().uploads.keys().cloned().collect()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tag that clients see.
    fn shown(&self, at: &Location, tag: &ETag) -> ETag {
        self.shared().tags.get(&(at.clone(), tag.clone())).unwrap_or(tag).clone()
    }

    /// The tag of the store below for one that a client names.
    fn below(&self, at: &Location, tag: ETag) -> ETag {
        let shared = self.shared();
        let found = shared.tags.iter().find(|((place, _), shown)| place == at && **shown == tag);
        found.map_or(tag, |((_, below), _)| below.clone())
    }

    fn condition(&self, headers: &HeaderMap, name: &str, honour: Honour, at: &Location) -> S3Result<Option<ETag>> {
        match (header(headers, name), honour) {
            (None, _) | (Some(_), Honour::Ignored) => Ok(None),
            (Some(_), Honour::Refused) => Err(s3_error!(NotImplemented, "{name} is not implemented")),
            (Some(tag), Honour::Bare) if tag.starts_with('"') => Ok(Some(ETag::new("none"))),
            (Some(tag), Honour::Kept | Honour::Bare) => Ok(Some(self.below(at, ETag::new(tag)))),
        }
    }

    /// The mode that `If-None-Match` and `If-Match` ask for.
    fn mode(&self, headers: &HeaderMap, create: Honour, update: Honour, at: &Location) -> S3Result<PutMode> {
        let none = self.condition(headers, "if-none-match", create, at)?;
        let some = self.condition(headers, "if-match", update, at)?;
        Ok(match (none, some) {
            (Some(_), _) => PutMode::Create,
            (None, Some(tag)) => PutMode::Update(tag),
            (None, None) => PutMode::Overwrite,
        })
    }

    fn head_of(&self, at: &Location, head: &ObjectHead) -> S3Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        let attributes = &head.attributes;
        let metadata =
            attributes.metadata.iter().map(|(name, value)| (format!("x-amz-meta-{name}"), Some(value.clone())));
        let fixed = [
            ("content-type", attributes.content_type.clone().or(Some("binary/octet-stream".to_owned()))),
            ("cache-control", attributes.cache_control.clone()),
            ("content-disposition", attributes.content_disposition.clone()),
            ("content-encoding", attributes.content_encoding.clone()),
            ("content-language", attributes.content_language.clone()),
            ("expires", attributes.expires.clone()),
            ("x-amz-website-redirect-location", attributes.website_redirect.clone()),
            ("etag", Some(self.shown(at, &head.e_tag).as_str().to_owned())),
        ];
        let fixed = fixed.into_iter().map(|(name, value)| (name.to_owned(), value));
        for (name, value) in fixed.chain(metadata) {
            let Some(value) = value else { continue };
            let name: HeaderName = name.parse().map_err(S3Error::internal_error)?;
            headers.insert(name, HeaderValue::from_str(&value).map_err(S3Error::internal_error)?);
        }
        Ok(headers)
    }

    async fn find_bucket(&self, name: &str) -> S3Result<()> {
        let buckets = self.store.list_buckets().await.map_err(refused)?;
        buckets.iter().find(|bucket| bucket.name == name).map(|_| ()).ok_or_else(|| s3_error!(NoSuchBucket))
    }

    async fn put_bytes(&self, at: &Location, content: Bytes, mode: PutMode, attributes: Attributes) -> S3Result<ETag> {
        let options = PutOptions { mode, attributes, ..PutOptions::default() };
        Ok(self.store.put(at, content.into(), options).await.map_err(refused)?.e_tag)
    }

    async fn whole(&self, at: &Location, if_match: Option<ETag>) -> S3Result<Bytes> {
        let object = self.store.get(at, GetOptions { if_match, range: None }).await.map_err(refused)?;
        object.bytes(u64::MAX).await.map_err(refused)
    }

    fn add_part(&self, id: &str, number: i32, content: Bytes) -> S3Result<ETag> {
        let tag = ETag::new(&Md5::of(&content).to_string());
        let mut shared = self.shared();
        let upload = shared.uploads.get_mut(id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        upload.parts.insert(number, content);
        Ok(tag)
    }
}

#[async_trait::async_trait]
impl S3 for Backend {
    async fn put_object(&self, request: S3Request<dto::PutObjectInput>) -> S3Result<S3Response<dto::PutObjectOutput>> {
        let input = request.input;
        let at = Location::new(input.bucket, input.key);
        let conditions = self.shared().conditions;
        let mode = self.mode(&request.headers, conditions.create, conditions.update, &at)?;
        let content = collect(input.body).await?;
        let tag = self.put_bytes(&at, content, mode, attributes(&request.headers)).await?;
        self.shared().tags.remove(&(at, tag.clone()));
        Ok(S3Response::new(dto::PutObjectOutput { e_tag: Some(dto_tag(&tag)), ..Default::default() }))
    }

    async fn get_object(&self, request: S3Request<dto::GetObjectInput>) -> S3Result<S3Response<dto::GetObjectOutput>> {
        let input = request.input;
        let at = Location::new(input.bucket, input.key);
        let if_match = self.condition(&request.headers, "if-match", Honour::Kept, &at)?;
        let range = input.range.map(|range| match range {
            dto::Range::Int { first, last: Some(last) } => ByteRange::Bounded(first, last + 1),
            dto::Range::Int { first, last: None } => ByteRange::From(first),
            dto::Range::Suffix { length } => ByteRange::Last(length),
        });
        let object = self.store.get(&at, GetOptions { range, if_match }).await.map_err(refused)?;
        let (head, part) = (object.head.clone(), object.range.clone());
        let content = object.bytes(u64::MAX).await.map_err(refused)?;
        let output = dto::GetObjectOutput {
            content_length: Some(content.len() as i64),
            content_range: range.map(|_| format!("bytes {}-{}/{}", part.start, part.end - 1, head.size)),
            last_modified: Some(head.last_modified.into()),
            body: Some(StreamingBlob::wrap(stream::iter([Ok::<_, std::io::Error>(content)]))),
            ..Default::default()
        };
        let mut answer = S3Response::new(output);
        answer.headers = self.head_of(&at, &head)?;
        Ok(answer)
    }

    async fn head_object(
        &self,
        request: S3Request<dto::HeadObjectInput>,
    ) -> S3Result<S3Response<dto::HeadObjectOutput>> {
        let at = Location::new(request.input.bucket, request.input.key);
        let head = self.store.head(&at).await.map_err(refused)?;
        let mut answer = S3Response::new(dto::HeadObjectOutput {
            content_length: Some(head.size as i64),
            last_modified: Some(head.last_modified.into()),
            ..Default::default()
        });
        answer.headers = self.head_of(&at, &head)?;
        Ok(answer)
    }

    async fn copy_object(
        &self,
        request: S3Request<dto::CopyObjectInput>,
    ) -> S3Result<S3Response<dto::CopyObjectOutput>> {
        let input = request.input;
        let (from, to) = (source(&input.copy_source)?, Location::new(input.bucket, input.key));
        let (conditions, limits) = {
            let shared = self.shared();
            (shared.conditions, shared.limits)
        };
        let mode = self.mode(&request.headers, conditions.copy, conditions.copy, &to)?;
        let source_if_match =
            self.condition(&request.headers, "x-amz-copy-source-if-match", conditions.copy_source, &from)?;
        let replaces = header(&request.headers, "x-amz-metadata-directive") == Some("REPLACE");
        if from == to && !replaces {
            return Err(s3_error!(InvalidRequest, "This copy request is illegal because it changes nothing."));
        }
        if self.store.head(&from).await.map_err(refused)?.size > limits.copy {
            let most = limits.copy;
            return Err(s3_error!(
                InvalidRequest,
                "The specified copy source is larger than the maximum allowable size for a copy source: {most}"
            ));
        }
        let replace = replaces.then(|| attributes(&request.headers));
        let options = CopyOptions { source_if_match, mode, replace, ..CopyOptions::default() };
        let tag = self.store.copy(&from, &to, options).await.map_err(refused)?.e_tag;
        self.shared().tags.remove(&(to, tag.clone()));
        let result = dto::CopyObjectResult {
            e_tag: Some(dto_tag(&tag)),
            last_modified: Some(SystemTime::now().into()),
            ..Default::default()
        };
        Ok(S3Response::new(dto::CopyObjectOutput { copy_object_result: Some(result), ..Default::default() }))
    }

    async fn delete_object(
        &self,
        request: S3Request<dto::DeleteObjectInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectOutput>> {
        let at = Location::new(request.input.bucket, request.input.key);
        let honour = self.shared().conditions.delete;
        let if_match = self.condition(&request.headers, "if-match", honour, &at)?;
        let store: &dyn ObjectStore = &self.store;
        store.delete_one(&at, if_match).await.map_err(refused)?;
        Ok(S3Response::new(dto::DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<dto::DeleteObjectsInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectsOutput>> {
        let input = request.input;
        // S3 insists on one of them.
        let has_digest = request.headers.keys().any(|name| name.as_str().starts_with("x-amz-checksum-"));
        if !has_digest && header(&request.headers, "content-md5").is_none() {
            return Err(s3_error!(InvalidRequest, "Missing required header for this request: Content-MD5"));
        }
        let store: &dyn ObjectStore = &self.store;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in input.delete.objects {
            let at = Location::new(input.bucket.as_str(), object.key.as_str());
            match store.delete_one(&at, None).await {
                Ok(()) => deleted.push(dto::DeletedObject { key: Some(object.key), ..Default::default() }),
                Err(error) => errors.push(dto::Error {
                    key: Some(object.key),
                    code: Some(error.code),
                    message: Some(error.message),
                    ..Default::default()
                }),
            }
        }
        let quiet = input.delete.quiet.unwrap_or_default();
        Ok(S3Response::new(dto::DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            errors: (!errors.is_empty()).then_some(errors),
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<dto::ListObjectsV2Input>,
    ) -> S3Result<S3Response<dto::ListObjectsV2Output>> {
        let input = request.input;
        let most = input.max_keys.unwrap_or(1000).clamp(0, 1000) as usize;
        let after = match input.continuation_token.as_deref() {
            Some(token) => Some(read_token(token)?),
            None => input.start_after.clone(),
        };
        let listing = ListRequest {
            bucket: input.bucket.clone(),
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            start_after: after,
            page_size: Some(most as u32),
        };
        let mut entries: Vec<ListEntry> =
            self.store.list(listing).take(most + 1).try_collect().await.map_err(refused)?;
        let truncated = entries.len() > most;
        entries.truncate(most);
        let next = entries.last().filter(|_| truncated).map(|last| write_token(last.name()));
        let encoded = input.encoding_type.as_ref().is_some_and(|encoding| encoding.as_str() == "url");
        let name = |name: &str| if encoded { encode(name) } else { name.to_owned() };
        let count = entries.len() as i32;
        let (mut contents, mut prefixes) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                ListEntry::Prefix(prefix) => prefixes.push(dto::CommonPrefix { prefix: Some(name(&prefix)) }),
                ListEntry::Object(object) => {
                    let at = Location::new(input.bucket.as_str(), object.key.as_str());
                    contents.push(dto::Object {
                        key: Some(name(&object.key)),
                        size: Some(object.size as i64),
                        e_tag: Some(dto_tag(&self.shown(&at, &object.e_tag))),
                        last_modified: Some(object.last_modified.into()),
                        ..Default::default()
                    });
                }
            }
        }
        Ok(S3Response::new(dto::ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix.as_deref().map(name),
            delimiter: input.delimiter.as_deref().map(name),
            encoding_type: input.encoding_type.clone(),
            max_keys: Some(most as i32),
            key_count: Some(count),
            is_truncated: Some(truncated),
            next_continuation_token: next,
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            ..Default::default()
        }))
    }

    async fn create_bucket(
        &self,
        request: S3Request<dto::CreateBucketInput>,
    ) -> S3Result<S3Response<dto::CreateBucketOutput>> {
        self.store.create_bucket(&request.input.bucket).await.map_err(refused)?;
        Ok(S3Response::new(dto::CreateBucketOutput::default()))
    }

    async fn delete_bucket(
        &self,
        request: S3Request<dto::DeleteBucketInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketOutput>> {
        self.store.delete_bucket(&request.input.bucket).await.map_err(refused)?;
        Ok(S3Response::new(dto::DeleteBucketOutput::default()))
    }

    async fn head_bucket(
        &self,
        request: S3Request<dto::HeadBucketInput>,
    ) -> S3Result<S3Response<dto::HeadBucketOutput>> {
        self.find_bucket(&request.input.bucket).await?;
        Ok(S3Response::new(dto::HeadBucketOutput::default()))
    }

    async fn list_buckets(
        &self,
        _request: S3Request<dto::ListBucketsInput>,
    ) -> S3Result<S3Response<dto::ListBucketsOutput>> {
        let buckets = self.store.list_buckets().await.map_err(refused)?;
        let buckets = buckets.into_iter().map(|bucket| dto::Bucket {
            name: Some(bucket.name),
            creation_date: bucket.created.map(Into::into),
            ..Default::default()
        });
        Ok(S3Response::new(dto::ListBucketsOutput { buckets: Some(buckets.collect()), ..Default::default() }))
    }

    async fn get_bucket_acl(
        &self,
        request: S3Request<dto::GetBucketAclInput>,
    ) -> S3Result<S3Response<dto::GetBucketAclOutput>> {
        self.find_bucket(&request.input.bucket).await?;
        let grants = self.shared().acls.get(&request.input.bucket).cloned().unwrap_or_else(acl::private);
        Ok(S3Response::new(dto::GetBucketAclOutput { grants: Some(grants), owner: Some(acl::owner()) }))
    }

    async fn put_bucket_acl(
        &self,
        request: S3Request<dto::PutBucketAclInput>,
    ) -> S3Result<S3Response<dto::PutBucketAclOutput>> {
        let bucket = request.input.bucket.clone();
        self.find_bucket(&bucket).await?;
        self.shared().acls.insert(bucket, acl::asked(request.input)?);
        Ok(S3Response::new(dto::PutBucketAclOutput::default()))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<dto::CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CreateMultipartUploadOutput>> {
        let input = request.input;
        self.find_bucket(&input.bucket).await?;
        let at = Location::new(input.bucket.as_str(), input.key.as_str());
        let mut shared = self.shared();
        shared.begun += 1;
        let id = format!("upload-{}", shared.begun);
        let begun = SystemTime::now();
        let upload = Upload { at, begun, attributes: attributes(&request.headers), parts: BTreeMap::new() };
        shared.uploads.insert(id.clone(), upload);
        Ok(S3Response::new(dto::CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<dto::UploadPartInput>,
    ) -> S3Result<S3Response<dto::UploadPartOutput>> {
        let input = request.input;
        let content = collect(input.body).await?;
        let tag = self.add_part(&input.upload_id, input.part_number, content)?;
        Ok(S3Response::new(dto::UploadPartOutput { e_tag: Some(dto_tag(&tag)), ..Default::default() }))
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<dto::UploadPartCopyInput>,
    ) -> S3Result<S3Response<dto::UploadPartCopyOutput>> {
        let input = request.input;
        let from = source(&input.copy_source)?;
        let honour = self.shared().conditions.copy_source;
        let if_match = self.condition(&request.headers, "x-amz-copy-source-if-match", honour, &from)?;
        let mut content = self.whole(&from, if_match).await?;
        if let Some(range) = input.copy_source_range.as_deref() {
            let invalid = || s3_error!(InvalidRange);
            let (first, last) =
                range.strip_prefix("bytes=").and_then(|range| range.split_once('-')).ok_or_else(invalid)?;
            let (first, last): (usize, usize) =
                (first.parse().map_err(|_| invalid())?, last.parse().map_err(|_| invalid())?);
            if first > last || last >= content.len() {
                return Err(invalid());
            }
            content = content.slice(first..=last);
        }
        let tag = self.add_part(&input.upload_id, input.part_number, content)?;
        let result = dto::CopyPartResult { e_tag: Some(dto_tag(&tag)), ..Default::default() };
        Ok(S3Response::new(dto::UploadPartCopyOutput { copy_part_result: Some(result), ..Default::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<dto::CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CompleteMultipartUploadOutput>> {
        let input = request.input;
        let at = Location::new(input.bucket.as_str(), input.key.as_str());
        let honour = self.shared().conditions.complete;
        let mode = self.mode(&request.headers, honour, honour, &at)?;
        let (content, digests, count, attributes) = {
            let shared = self.shared();
            let upload = shared.uploads.get(&input.upload_id).filter(|upload| upload.at == at);
            let upload = upload.ok_or_else(|| s3_error!(NoSuchUpload))?;
            let named = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
            let (mut content, mut digests) = (BytesMut::new(), Vec::new());
            for part in &named {
                let number = part.part_number.unwrap_or_default();
                let bytes = upload.parts.get(&number).ok_or_else(|| s3_error!(InvalidPart))?;
                let digest = Md5::of(bytes);
                if part.e_tag.as_ref().is_none_or(|tag| tag.value() != digest.to_string()) {
                    return Err(s3_error!(InvalidPart));
                }
                content.extend_from_slice(bytes);
                digests.extend_from_slice(&digest.0);
            }
            (content.freeze(), digests, named.len(), upload.attributes.clone())
        };
        let below = self.put_bytes(&at, content, mode, attributes).await?;
        let shown = ETag::new(&format!("{}-{count}", Md5::of(&digests)));
        let mut shared = self.shared();
        shared.uploads.remove(&input.upload_id);
        shared.tags.insert((at, below), shown.clone());
        Ok(S3Response::new(dto::CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(dto_tag(&shown)),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<dto::AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::AbortMultipartUploadOutput>> {
        self.shared().uploads.remove(&request.input.upload_id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        Ok(S3Response::new(dto::AbortMultipartUploadOutput::default()))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<dto::ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<dto::ListMultipartUploadsOutput>> {
        self.find_bucket(&request.input.bucket).await?;
        let shared = self.shared();
        let of_bucket = shared.uploads.iter().filter(|(_, upload)| upload.at.bucket() == request.input.bucket);
        let begun = of_bucket.map(|(id, upload)| (upload.at.key().to_owned(), id.clone(), upload.begun)).collect();
        Ok(S3Response::new(uploads::page(begun, request.input)))
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Attributes as the headers give them, past the parsing of the service, which would write dates anew.
fn attributes(headers: &HeaderMap) -> Attributes {
    let value = |name: &str| header(headers, name).map(str::to_owned);
    let metadata = headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-amz-meta-")?;
        Some((name.to_owned(), value.to_str().ok()?.to_owned()))
    });
    Attributes {
        content_type: value("content-type"),
        cache_control: value("cache-control"),
        content_disposition: value("content-disposition"),
        content_encoding: value("content-encoding").filter(|encoding| encoding != "aws-chunked"),
        content_language: value("content-language"),
        expires: value("expires"),
        website_redirect: value("x-amz-website-redirect-location"),
        metadata: metadata.collect(),
    }
}

async fn collect(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let mut content = BytesMut::new();
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            content
                .extend_from_slice(&chunk.map_err(|error| S3Error::with_source(S3ErrorCode::IncompleteBody, error))?);
        }
    }
    Ok(content.freeze())
}

fn source(source: &dto::CopySource) -> S3Result<Location> {
    match source {
        dto::CopySource::Bucket { bucket, key, .. } => Ok(Location::new(&**bucket, &**key)),
        _ => Err(s3_error!(NotImplemented)),
    }
}

fn dto_tag(tag: &ETag) -> dto::ETag {
    dto::ETag::Strong(tag.unquoted().to_owned())
}

/// An error of the store below in the words of S3.
fn refused(error: StoreError) -> S3Error {
    let code = match error.code.as_str() {
        "404" => "NoSuchKey",
        code => code,
    };
    let code = S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    S3Error::with_message(code, error.message)
}
