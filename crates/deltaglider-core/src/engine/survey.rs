//! What is stored under a prefix, one delta space after the other.

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::Engine;
use crate::delta_space::{StoredName, stored_prefix};
use crate::error::Error;
use crate::store::{ETag, ListEntry, ListRequest, ListedObject};
use crate::{DeltaSpace, Location};

/// The stored objects of a delta space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredSpace {
    pub(super) space: DeltaSpace,
    /// What stands where the reference would be.
    pub(super) reference: Option<ListedObject>,
    /// What has the name of a delta, with its logical key.
    pub(super) deltas: Vec<(String, ListedObject)>,
    /// Everything else of the users', with its logical key.
    pub(super) whole: Vec<(String, ListedObject)>,
    /// What lies below an internal directory of the space.
    pub(super) internal: Vec<ListedObject>,
}

impl StoredSpace {
    fn new(space: DeltaSpace) -> Self {
        Self { space, reference: None, deltas: Vec::new(), whole: Vec::new(), internal: Vec::new() }
    }

    fn take(&mut self, object: ListedObject) {
        match StoredName::of(&object.key) {
            StoredName::Internal => self.internal.push(object),
            StoredName::Reference => self.reference = Some(object),
            StoredName::Delta(key) => self.deltas.push((key, object)),
            StoredName::Whole(key) => self.whole.push((key, object)),
        }
    }

    /// Where listed objects are, and their entity tags.
    pub(super) fn listed<'a>(&self, objects: impl Iterator<Item = &'a ListedObject>) -> Vec<(Location, ETag)> {
        objects.map(|object| (self.at(object), object.e_tag.clone())).collect()
    }

    /// Where a listed object is.
    pub(super) fn at(&self, object: &ListedObject) -> Location {
        Location::new(self.space.bucket(), object.key.as_str())
    }
}

impl Engine {
    /// The delta spaces under a prefix, taken as a directory. Requests: the pages of the listing.
    ///
    /// A space is given out when its last object has passed; until then its lines, and those of the spaces above it, are held in
    /// memory.
    pub(super) fn survey(&self, prefix: &Location) -> BoxStream<'static, Result<StoredSpace, Error>> {
        let directory = match prefix.key() {
            "" => String::new(),
            key if key.ends_with('/') => key.to_owned(),
            key => format!("{key}/"),
        };
        let bucket = prefix.clone();
        let mut listed = self.inner.store.list(ListRequest::below(prefix.bucket(), stored_prefix(&directory)));
        async_stream::try_stream! {
            let mut open = Open::default();
            while let Some(entry) = listed.try_next().await? {
                let ListEntry::Object(object) = entry else { continue };
                let at = bucket.with_key(object.key.as_str());
                for complete in open.take(&at, object) {
                    yield complete;
                }
            }
            while let Some(complete) = open.0.pop() {
                yield complete;
            }
        }
        .boxed()
    }
}

/// Spaces that may still get objects, each within the one before it.
#[derive(Debug, Default)]
struct Open(Vec<StoredSpace>);

impl Open {
    /// Takes the next object in the order of keys, and gives out the spaces that it is behind.
    fn take(&mut self, at: &Location, object: ListedObject) -> Vec<StoredSpace> {
        let mut complete = Vec::new();
        while let Some(last) = self.0.pop_if(|last| !at.key().starts_with(last.space.prefix())) {
            complete.push(last);
        }
        let space = DeltaSpace::holding(at);
        match self.0.last_mut() {
            Some(last) if last.space == space => last.take(object),
            _ => {
                let mut opened = StoredSpace::new(space);
                opened.take(object);
                self.0.push(opened);
            }
        }
        complete
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn spaces_come_when_they_are_complete() {
        let keys = [
            ".deltaglider/tmp/x",
            "a.zip.delta",
            "r/.deltaglider/trash/x",
            "r/a.txt",
            "r/es/b.zip.delta",
            "r/es/reference.bin",
            "r/reference.bin",
            "reference.bin",
            "s/x",
        ];
        let mut open = Open::default();
        let mut spaces = Vec::new();
        for key in keys {
            let object = ListedObject {
                key: key.to_owned(),
                size: 1,
                e_tag: ETag::new("x"),
                last_modified: UNIX_EPOCH,
                storage_class: None,
            };
            spaces.extend(open.take(&Location::new("b", key), object));
        }
        spaces.extend(open.0.into_iter().rev());
        let told: Vec<_> = spaces
            .iter()
            .map(|space| {
                let StoredSpace { space, reference, deltas, whole, internal } = space;
                (space.prefix(), reference.is_some(), deltas.len(), whole.len(), internal.len())
            })
            .collect();
        assert_eq!(
            told,
            [("r/es/", true, 1, 0, 0), ("r/", true, 0, 1, 1), ("s/", false, 0, 1, 0), ("", true, 1, 0, 1)]
        );
    }
}
