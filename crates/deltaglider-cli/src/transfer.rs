//! Moving objects: sources are enumerated, transfers planned, carried out several at a time, and reported.

mod carry;
mod contents;
mod convert;
mod departure;
mod download;
mod execute;
mod gate;
mod pace;
mod plan;
mod source;
mod sync_plan;

use std::path::PathBuf;

use deltaglider::core::Location;
use deltaglider::core::engine::PutRequest;
use deltaglider::core::store::{Attributes, Placement};

use crate::args::transfer::TransferArgs;
use crate::output::{Line, Warning};
use crate::session::Root;

pub(crate) use contents::same_content;
pub(crate) use departure::onto_itself;
pub(crate) use execute::{Execution, execute};
pub(crate) use plan::{Destination, Planner, shown};
pub(crate) use source::{Entry, Listed, Ready, Source, SourceOptions, archived, entries, listing};
pub(crate) use sync_plan::{Decision, Direction, Facts, Join, Rule, decide};

/// One end of a transfer.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// Standard input or output.
    Stream,
    /// A file here.
    Local(PathBuf),
    /// An object of a store.
    Object(Root, Location),
}

/// One object to move.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) source: End,
    pub(crate) destination: End,
    /// Bytes of content, where they are known.
    pub(crate) size: Option<u64>,
    pub(crate) line: Line,
    /// The only object of its command, named on the command line.
    pub(crate) alone: bool,
}

/// What comes of an entry of the source.
#[derive(Clone, Debug)]
pub(crate) enum Planned {
    /// It is transferred.
    Transfer(Box<Item>),
    /// It is passed over; silently without a warning.
    Skip(Option<Warning>),
}

/// What is done with an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Work {
    /// Its content goes to the destination.
    #[default]
    Copy,
    /// It becomes a delta where it is.
    MigrateInPlace,
    /// It becomes a plain object, where it is or at the destination.
    Rehydrate,
}

/// How objects are stored and read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    work: Work,
    attributes: Attributes,
    /// What replaces the attributes of a copy's source.
    replacement: Option<Attributes>,
    placement: Placement,
    guess_content_type: bool,
    whole: bool,
    max_ratio: Option<f64>,
    verify: bool,
    ignore_archived: bool,
    /// Sources go when they have arrived.
    moving: bool,
    /// What the destination holds already is left as it is.
    keep: bool,
}

impl Settings {
    pub(crate) fn new(args: &TransferArgs) -> Self {
        let attributes = args.headers.attributes();
        Self {
            work: Work::Copy,
            // A redirection is an object's own; a delta has no place for it.
            whole: args.no_delta || args.placement.is_archive() || attributes.website_redirect.is_some(),
            replacement: args.headers.replacement(),
            placement: args.placement.placement(),
            guess_content_type: !args.headers.no_guess_mime_type,
            max_ratio: args.max_ratio,
            verify: args.verify,
            ignore_archived: args.ignore_glacier_warnings,
            moving: false,
            keep: args.no_overwrite,
            attributes,
        }
    }

    /// Sources go when they have arrived.
    pub(crate) fn moving(self, moving: bool) -> Self {
        Self { moving, ..self }
    }

    /// Whoever plans has looked at the destination already.
    pub(crate) fn overwriting(self) -> Self {
        Self { keep: false, ..self }
    }

    /// Settings of a rehydration, which has none.
    pub(crate) fn rehydration() -> Self {
        Self { work: Work::Rehydrate, ..Self::default() }
    }

    /// The same for other work.
    pub(crate) fn with_work(self, work: Work) -> Self {
        Self { work, ..self }
    }

    /// How a file of this name is put.
    fn put_request(&self, name: Option<&str>) -> PutRequest {
        let mut attributes = self.attributes.clone();
        if attributes.content_type.is_none() && self.guess_content_type {
            let guess = name.and_then(|name| mime_guess::from_path(name).first_raw());
            attributes.content_type = guess.map(str::to_owned);
        }
        // What S3 gives an object that came without one.
        attributes.content_type.get_or_insert_with(|| "binary/octet-stream".to_owned());
        PutRequest { attributes, ..self.bare_put_request() }
    }

    /// Whether a copy of an object onto itself would change anything.
    fn changes_copies(&self) -> bool {
        self.replacement.is_some() || self.placement != Placement::default() || self.whole || self.max_ratio.is_some()
    }

    /// How an object is put whose attributes come from elsewhere.
    pub(crate) fn bare_put_request(&self) -> PutRequest {
        PutRequest {
            placement: self.placement.clone(),
            whole: self.whole,
            max_ratio: self.max_ratio,
            ..PutRequest::default()
        }
    }
}
