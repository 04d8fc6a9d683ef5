//! Calls of a store, and answers, as values.

use std::fmt;
use std::sync::Arc;

use deltaglider_core::store::{
    Attributes, ByteRange, ETag, ListEntry, ListRequest, Operation, PutMode, StoreErrorKind,
};

use super::contents::Object;

/// A request to a store with one bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Head and body of an object.
    Get {
        /// Its key.
        key: String,
        /// Only this part.
        range: Option<ByteRange>,
        /// Only with this entity tag.
        if_match: Option<ETag>,
    },
    /// The head of an object.
    Head {
        /// Its key.
        key: String,
    },
    /// An object is stored.
    Put {
        /// Its key.
        key: String,
        /// Content and attributes.
        object: Arc<Object>,
        /// On which condition.
        mode: PutMode,
    },
    /// An object is copied.
    Copy {
        /// The source's key.
        from: String,
        /// The destination's key.
        to: String,
        /// Only if the source has this entity tag.
        source_if_match: Option<ETag>,
        /// On which condition at the destination.
        mode: PutMode,
        /// Other attributes.
        replace: Option<Attributes>,
    },
    /// An object is deleted.
    Delete {
        /// Its key.
        key: String,
        /// Only with this entity tag.
        if_match: Option<ETag>,
    },
    /// A listing, as a whole.
    List {
        /// What is asked for.
        request: ListRequest,
    },
}

impl Call {
    /// Which operation it is.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::Get { .. } => Operation::Get,
            Self::Head { .. } => Operation::Head,
            Self::Put { .. } => Operation::Put,
            Self::Copy { .. } => Operation::Copy,
            Self::Delete { .. } => Operation::Delete,
            Self::List { .. } => Operation::List,
        }
    }

    /// The key that is asked for or written to; the prefix of a listing.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Get { key, .. } | Self::Head { key } | Self::Put { key, .. } | Self::Delete { key, .. } => key,
            Self::Copy { to, .. } => to,
            Self::List { request } => &request.prefix,
        }
    }

    /// Whether it changes what is stored.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self, Self::Put { .. } | Self::Copy { .. } | Self::Delete { .. })
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tag = |tag: &ETag| tag.unquoted().chars().take(6).collect::<String>();
        let operation = self.operation().api_name().trim_end_matches("Object").trim_end_matches("ObjectsV2");
        write!(f, "{} {}", operation.to_uppercase(), self.key())?;
        match self {
            Self::Get { if_match: Some(wanted), .. } | Self::Delete { if_match: Some(wanted), .. } => {
                write!(f, " if-match {}", tag(wanted))
            }
            Self::Put { object, mode, .. } => {
                write!(f, " ({})", tag(&object.e_tag))?;
                condition(f, mode)
            }
            Self::Copy { from, source_if_match, mode, .. } => {
                write!(f, " from {from}")?;
                if let Some(wanted) = source_if_match {
                    write!(f, " if-match {}", tag(wanted))?;
                }
                condition(f, mode)
            }
            Self::Get { .. } | Self::Head { .. } | Self::Delete { .. } | Self::List { .. } => Ok(()),
        }
    }
}

fn condition(f: &mut fmt::Formatter<'_>, mode: &PutMode) -> fmt::Result {
    match mode {
        PutMode::Overwrite => Ok(()),
        PutMode::Create => f.write_str(" if-none-match *"),
        PutMode::Update(tag) => write!(f, " if-match {}", tag.unquoted().chars().take(6).collect::<String>()),
    }
}

/// What a store answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The object, to a GET or a HEAD.
    Object(Arc<Object>),
    /// Stored, with this entity tag.
    Stored(ETag),
    /// Deleted.
    Deleted,
    /// What is listed: key and object, or a common prefix.
    Listed(Vec<(String, Option<Arc<Object>>)>),
    /// Refused.
    Failed(StoreErrorKind),
}

impl Answer {
    /// The lines of a listing.
    pub(super) fn entries(listed: &[(String, Option<Arc<Object>>)]) -> Vec<ListEntry> {
        let entry = |(key, object): &(String, Option<Arc<Object>>)| match object {
            Some(object) => ListEntry::Object(object.listed(key)),
            None => ListEntry::Prefix(key.clone()),
        };
        listed.iter().map(entry).collect()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(object) => write!(f, "{}", object.e_tag.unquoted().chars().take(6).collect::<String>()),
            Self::Stored(_) => f.write_str("stored"),
            Self::Deleted => f.write_str("deleted"),
            Self::Listed(listed) => {
                let keys: Vec<&str> = listed.iter().map(|(key, _)| key.as_str()).collect();
                write!(f, "[{}]", keys.join(", "))
            }
            Self::Failed(kind) => write!(f, "{kind:?}"),
        }
    }
}
