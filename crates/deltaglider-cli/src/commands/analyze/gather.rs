//! The facts of an analysis: one logical listing, one of what is stored, or a walk through a directory.

use std::time::SystemTime;

use deltaglider::core::delta_space::{StoredName, logical_directory, stored_prefix};
use deltaglider::core::engine::{Engine, StoredForm};
use deltaglider::core::record::Record;
use deltaglider::core::store::{ListEntry, ListRequest};
use futures::TryStreamExt;

use crate::analysis::{Analysis, Point};
use crate::args::analyze::AnalyzeArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::failure::Failure;
use crate::local::{self, Found};
use crate::operand::{Operand, as_directory};
use crate::sampling::Survey;
use crate::session::Root;
use crate::transfer::{End, listing};

/// What was found.
pub(super) struct Gathered {
    pub(super) analysis: Analysis,
    /// What is not stored as deltas and could be.
    pub(super) survey: Survey,
    pub(super) engine: Engine,
    /// Where a store's objects are.
    pub(super) root: Option<Root>,
    pub(super) shown: String,
}

pub(super) async fn gather(args: &AnalyzeArgs, context: &Context) -> Result<Gathered, CliError> {
    match Operand::parse(&args.source)? {
        Operand::Stream => Err(CliError::usage("a stream cannot be analyzed: name a bucket or a directory")),
        Operand::Local(path) => {
            if !path.is_dir() {
                return Err(CliError::usage(format!("`{}` is no directory and no URL", args.source)));
            }
            // No request is made: the engine is there for its codecs.
            let engine = context.session.engine().await.map_err(CliError::plain)?;
            let mut analysis = Analysis::default();
            let mut survey = Survey::default();
            let walked = path.clone();
            let walk = tokio::task::spawn_blocking(move || {
                let mut files = Vec::new();
                local::walk(&walked, true, &mut |found| {
                    if let Found::File(file) = found {
                        let modified = std::fs::metadata(&file.path).and_then(|metadata| metadata.modified());
                        files.push((file, modified.unwrap_or(SystemTime::UNIX_EPOCH)));
                    }
                    true
                });
                files.sort_by(|(a, _), (b, _)| a.relative.cmp(&b.relative));
                files
            });
            let files = walk.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
            for (file, stored_at) in files {
                if !args.filters.filter.allows(&file.relative, None) {
                    continue;
                }
                note(&mut analysis, &engine, &file.relative, file.size, (file.size, false), stored_at);
                survey.add(&engine, &file.relative, End::Local(file.path), file.size);
            }
            Ok(Gathered { analysis, survey, engine, root: None, shown: local::shown(&path) })
        }
        Operand::Store(url) => {
            let root = context.session.root(&url).await.map_err(CliError::plain)?;
            stored(args, root).await
        }
    }
}

async fn stored(args: &AnalyzeArgs, root: Root) -> Result<Gathered, CliError> {
    let engine = root.engine.clone();
    let prefix = as_directory(root.at.key());
    let mut analysis = Analysis::default();
    let mut survey = Survey::default();
    let request = ListRequest::below(root.at.bucket(), stored_prefix(&prefix));
    let mut physical = engine.store().list(request);
    while let Some(entry) = physical.try_next().await.map_err(CliError::plain)? {
        let ListEntry::Object(object) = entry else { continue };
        if StoredName::of(&object.key) != StoredName::Reference {
            continue;
        }
        let directory = &object.key[..object.key.rfind('/').map_or(0, |slash| slash + 1)];
        let Some(relative) = logical_directory(directory).and_then(|key| key.strip_prefix(&prefix).map(str::to_owned))
        else {
            continue;
        };
        // Somebody's own object of that name is none.
        match engine.store().head(&root.at.with_key(object.key.as_str())).await {
            Ok(head) if matches!(Record::read(&head.attributes.metadata), Ok(Record::Reference(_))) => {
                analysis.add_reference(&relative, object.size);
            }
            Err(error) if !error.is_not_found() => return Err(CliError::plain(error)),
            _ => {}
        }
    }
    let mut objects = listing(&root, None);
    while let Some(object) = objects.try_next().await.map_err(|error| CliError::plain(Failure::from(error)))? {
        let relative = object.key.get(prefix.len()..).unwrap_or_default().to_owned();
        if !args.filters.filter.allows(&relative, None) {
            continue;
        }
        let is_delta = matches!(object.stored, StoredForm::Delta { .. });
        let stored = (object.stored_size, is_delta);
        note(&mut analysis, &engine, &relative, object.size, stored, object.last_modified);
        let directory = &relative[..relative.rfind('/').map_or(0, |slash| slash + 1)];
        if !is_delta && !analysis.has_reference(directory) {
            let end = End::Object(root.clone(), root.at.with_key(object.key));
            survey.add(&engine, &relative, end, object.size);
        }
    }
    let shown = root.url(&prefix);
    Ok(Gathered { analysis, survey, engine, root: Some(root), shown })
}

fn note(
    analysis: &mut Analysis,
    engine: &Engine,
    relative: &str,
    size: u64,
    (stored, is_delta): (u64, bool),
    stored_at: SystemTime,
) {
    let name = relative.rsplit('/').next().unwrap_or(relative);
    if !(is_delta || engine.policy().wants_delta(name, size)) {
        analysis.add_other(size);
        return;
    }
    let point = Point { name: relative.to_owned(), stored_at, size, stored, is_delta };
    analysis.add(relative, point);
}
