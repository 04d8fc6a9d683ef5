//! What a store holds, as a value, and what a call makes of it.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use deltaglider_core::store::{Attributes, ETag, ListRequest, ListedObject, ObjectHead, PutMode, StoreErrorKind};
use deltaglider_core::{Md5, Sha256};

use super::call::{Answer, Call};

/// A stored object.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its bytes.
    pub content: Bytes,
    /// MD5 of them.
    pub e_tag: ETag,
    /// Headers and metadata.
    pub attributes: Attributes,
    /// Seconds since 1970.
    pub modified: u64,
    /// Digest of content and attributes.
    print: Sha256,
}

impl Object {
    /// An object, not yet stored.
    #[must_use]
    pub fn new(content: Bytes, attributes: Attributes) -> Self {
        let e_tag = ETag::new(&Md5::of(&content).to_string());
        let print = Sha256::of(format!("{attributes:?}{}", Sha256::of(&content)).as_bytes());
        Self { content, e_tag, attributes, modified: 0, print }
    }

    /// Its head as a store tells it.
    #[must_use]
    pub fn head(&self) -> ObjectHead {
        ObjectHead {
            size: self.content.len() as u64,
            e_tag: self.e_tag.clone(),
            last_modified: self.written(),
            attributes: self.attributes.clone(),
            version_id: None,
            storage_class: None,
        }
    }

    pub(super) fn listed(&self, key: &str) -> ListedObject {
        ListedObject {
            key: key.to_owned(),
            size: self.content.len() as u64,
            e_tag: self.e_tag.clone(),
            last_modified: self.written(),
            storage_class: None,
        }
    }

    fn written(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.modified)
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print && self.modified == other.modified
    }
}

impl Eq for Object {}

impl Hash for Object {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print.0.hash(state);
        self.modified.hash(state);
    }
}

/// All that one bucket holds. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Contents {
    objects: BTreeMap<String, Arc<Object>>,
}

impl Contents {
    /// The keys, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.objects.keys().map(String::as_str)
    }

    /// Carries a call out at a time, in seconds since 1970.
    pub fn apply(&mut self, call: &Call, now: u64) -> Answer {
        self.try_apply(call, now).unwrap_or_else(Answer::Failed)
    }

    fn try_apply(&mut self, call: &Call, now: u64) -> Result<Answer, StoreErrorKind> {
        match call {
            Call::Head { key } => Ok(Answer::Object(self.found(key)?)),
            Call::Get { key, range, if_match } => {
                let object = self.found(key)?;
                unchanged(&object, if_match.as_ref())?;
                match range {
                    Some(range) if range.resolve(object.content.len() as u64).is_none() => {
                        Err(StoreErrorKind::InvalidRange)
                    }
                    _ => Ok(Answer::Object(object)),
                }
            }
            Call::Put { key, object, mode } => self.store(key, Object::clone(object), mode, now),
            Call::Copy { from, to, source_if_match, mode, replace } => {
                let source = self.found(from)?;
                unchanged(&source, source_if_match.as_ref())?;
                let attributes = replace.clone().unwrap_or_else(|| source.attributes.clone());
                self.store(to, Object::new(source.content.clone(), attributes), mode, now)
            }
            Call::Delete { key, if_match } => {
                if if_match.is_some() {
                    unchanged(&*self.found(key)?, if_match.as_ref())?;
                }
                self.objects.remove(key);
                Ok(Answer::Deleted)
            }
            Call::List { request } => Ok(Answer::Listed(self.list(request))),
        }
    }

    fn found(&self, key: &str) -> Result<Arc<Object>, StoreErrorKind> {
        self.objects.get(key).cloned().ok_or(StoreErrorKind::NotFound)
    }

    fn store(&mut self, key: &str, mut object: Object, mode: &PutMode, now: u64) -> Result<Answer, StoreErrorKind> {
        match (mode, self.objects.get(key)) {
            (PutMode::Create, Some(_)) => return Err(StoreErrorKind::Conflict),
            (PutMode::Update(_), None) => return Err(StoreErrorKind::NotFound),
            (PutMode::Update(wanted), Some(old)) => unchanged(old, Some(wanted))?,
            (PutMode::Overwrite | PutMode::Create, _) => {}
        }
        object.modified = now;
        let e_tag = object.e_tag.clone();
        self.objects.insert(key.to_owned(), Arc::new(object));
        Ok(Answer::Stored(e_tag))
    }

    fn list(&self, request: &ListRequest) -> Vec<(String, Option<Arc<Object>>)> {
        let ListRequest { prefix, delimiter, start_after, .. } = request;
        let delimiter = delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let mut listed: Vec<(String, Option<Arc<Object>>)> = Vec::new();
        for (key, object) in self.objects.range(prefix.clone()..) {
            let Some(rest) = key.strip_prefix(prefix.as_str()) else { break };
            let folded = delimiter.and_then(|delimiter| rest.find(delimiter).map(|at| at + delimiter.len()));
            let (name, object) = match folded {
                Some(end) => (key[..prefix.len() + end].to_owned(), None),
                None => (key.clone(), Some(Arc::clone(object))),
            };
            let behind = start_after.as_ref().is_none_or(|after| name > *after);
            if behind && listed.last().is_none_or(|(last, _)| *last != name) {
                listed.push((name, object));
            }
        }
        listed
    }
}

fn unchanged(object: &Object, wanted: Option<&ETag>) -> Result<(), StoreErrorKind> {
    match wanted {
        Some(wanted) if object.e_tag != *wanted => Err(StoreErrorKind::Conflict),
        _ => Ok(()),
    }
}
