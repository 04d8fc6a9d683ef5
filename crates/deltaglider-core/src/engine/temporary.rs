//! Whole copies for a while: for whoever has to fetch an object past this engine.

use std::time::SystemTime;

use futures::{StreamExt, TryStreamExt};

use super::conditions::random_u64;
use super::{Engine, GetRequest, StoredForm};
use crate::Location;
use crate::delta_space::{temporary, whole_form};
use crate::error::Error;
use crate::record::temporary_metadata;
use crate::store::{Attributes, Operation, Placement, PutBody, PutOptions, StoreError, StoreErrorKind};

impl Engine {
    /// Where an object is stored so that a URL gives it: where it stands, or as a whole copy until then, where it is a delta. Where an
    /// object that is not there yet would stand.
    ///
    /// Requests: those of a head; for a copy those of [`Engine::store_temporary`].
    ///
    /// # Errors
    /// [`Error::StoredAsDelta`] for a delta without a time; else those of [`Engine::head`] and [`Engine::store_temporary`].
    pub async fn shareable(&self, at: &Location, copy_until: Option<SystemTime>) -> Result<Location, Error> {
        let head = match self.head(at).await {
            Ok(head) => head,
            Err(error) if error.is_not_found() => return Ok(whole_form(at)),
            Err(error) => return Err(error),
        };
        match (head.stored, copy_until) {
            (StoredForm::Delta { .. }, Some(expires)) => self.store_temporary(at, expires, &Placement::default()).await,
            (StoredForm::Delta { .. }, None) => Err(Error::StoredAsDelta { at: at.clone() }),
            (whole, _) => Ok(whole.at().clone()),
        }
    }

    /// Stores a whole copy of an object at the bucket's root, below `.deltaglider/tmp/`, where no listing shows it, and says where.
    /// It says of itself when it expires, which is told here by the clock of this machine, and there by the store's; removing it then is left to whoever purges the bucket.
    ///
    /// Requests: those of a get, and one put, in parts above the store's own threshold.
    ///
    /// # Errors
    /// As [`Engine::get`] and [`Engine::put`]; nothing is left then.
    pub async fn store_temporary(
        &self,
        at: &Location,
        expires: SystemTime,
        placement: &Placement,
    ) -> Result<Location, Error> {
        let got = self.get(at, &GetRequest::default()).await?;
        let to = temporary(at, u128::from(random_u64()) << 64 | u128::from(random_u64()));
        let expires = self.store_time(expires);
        let metadata = temporary_metadata(at, got.head.sha256, expires, SystemTime::now());
        let options = PutOptions {
            attributes: Attributes { metadata, ..got.head.attributes },
            placement: placement.clone(),
            ..PutOptions::default()
        };
        let place = to.clone();
        let stream = got.body.map_err(move |error| {
            StoreError::new(Operation::Put, &place, StoreErrorKind::Other, "the object cannot be read")
                .with_source(error)
        });
        let body = PutBody::Stream { size: Some(got.range.end - got.range.start), stream: stream.boxed() };
        self.inner.store.put(&to, body, options).await?;
        Ok(to)
    }
}
