//! An S3 server in the process: HTTP on the loopback device, signatures checked, conditions atomic, faults on demand.
//!
//! Objects lie in core's [`MemoryStore`], whose conditions are true ones. Every request is logged, and can be made to fail.

mod acl;
mod backend;
mod conditions;
mod fault;
mod log;
mod token;
mod uploads;
mod wire;

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use deltaglider_core::store::memory::MemoryStore;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::S3ServiceBuilder;

use backend::Backend;
pub use backend::Limits;
pub use conditions::{Conditions, Honour};
pub use fault::ServerFault;
pub use log::{LoggedRequest, RequestLog};
use wire::Front;

use crate::loopback::Loopback;

/// The access key that the server knows.
pub const ACCESS_KEY: &str = "AKIATESTKIT";
/// Its secret key.
pub const SECRET_KEY: &str = "secret-of-the-testkit";

/// A running server; ends when it is dropped.
#[derive(Debug)]
pub struct S3Server {
    loopback: Loopback,
    backend: Backend,
    front: Front,
    public: Arc<Mutex<HashSet<String>>>,
}

impl S3Server {
    /// Starts a server without buckets, which keeps every promise, on a free port of 127.0.0.1.
    pub async fn start() -> io::Result<Self> {
        Self::start_over(MemoryStore::new()).await
    }

    /// Starts a server over a store of the caller's.
    pub async fn start_over(store: MemoryStore) -> io::Result<Self> {
        let backend = Backend::new(store);
        let public = Arc::new(Mutex::new(HashSet::new()));
        let mut builder = S3ServiceBuilder::new(backend.clone());
        builder.set_auth(Keys);
        builder.set_access(Access { public: Arc::clone(&public) });
        let front = Front::new(builder.build());
        let loopback = Loopback::serve(front.clone()).await?;
        Ok(Self { loopback, backend, front, public })
    }

    /// Its URL.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.loopback.endpoint()
    }

    /// The access key that it knows.
    #[must_use]
    pub fn access_key(&self) -> &'static str {
        ACCESS_KEY
    }

    /// Its secret key.
    #[must_use]
    pub fn secret_key(&self) -> &'static str {
        SECRET_KEY
    }

    /// What it holds, past the protocol.
    #[must_use]
    pub fn store(&self) -> &MemoryStore {
        self.backend.store()
    }

    /// Every request since the start or the last reset.
    #[must_use]
    pub fn log(&self) -> &RequestLog {
        self.front.log()
    }

    /// Decides the fate of requests from now on, in place of what decided before: `None` lets a request pass. The number counts
    /// the requests of the operation from 1, since this was called.
    pub fn inject(&self, decide: impl Fn(&LoggedRequest, u64) -> Option<ServerFault> + Send + Sync + 'static) {
        self.front.inject(decide);
    }

    /// Lets the requests of an operation with these numbers, from 1, fail.
    pub fn fail(&self, operation: &'static str, numbers: impl Into<Vec<u64>>, fault: ServerFault) {
        let numbers = numbers.into();
        self.inject(move |request, number| {
            (request.operation == operation && numbers.contains(&number)).then(|| fault.clone())
        });
    }

    /// Lets every request pass again.
    pub fn heal(&self) {
        self.front.inject(|_, _| None);
    }

    /// Which conditions it honours from now on.
    pub fn set_conditions(&self, conditions: Conditions) {
        self.backend.set_conditions(conditions);
    }

    /// How large what may be from now on.
    pub fn set_limits(&self, limits: Limits) {
        self.backend.set_limits(limits);
    }

    /// Lets anybody read and write a bucket.
    pub fn make_public(&self, bucket: &str) {
        self.public.lock().unwrap_or_else(PoisonError::into_inner).insert(bucket.to_owned());
    }

    /// Ids of the uploads under way.
    #[must_use]
    pub fn uploads(&self) -> Vec<String> {
        self.backend.uploads()
    }
}

struct Keys;

#[async_trait::async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> s3s::S3Result<SecretKey> {
        if access_key == ACCESS_KEY {
            return Ok(SecretKey::from(SECRET_KEY));
        }
        Err(s3s::s3_error!(InvalidAccessKeyId, "The access key that you provided does not exist in our records."))
    }
}

struct Access {
    public: Arc<Mutex<HashSet<String>>>,
}

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> s3s::S3Result<()> {
        let bucket = context.s3_path().get_bucket_name().unwrap_or_default();
        let public = self.public.lock().unwrap_or_else(PoisonError::into_inner).contains(bucket);
        if context.credentials().is_some() || public {
            return Ok(());
        }
        Err(s3s::s3_error!(AccessDenied, "Access Denied"))
    }
}
