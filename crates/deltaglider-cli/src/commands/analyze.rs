//! `analyze`: what deltas save, where they do not, and what they would save of what is not migrated.

mod gather;

use std::fs;

use deltaglider::core::engine::stats::Verdict;

use crate::args::analyze::AnalyzeArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{AnalysisReport, Rebase, html};
use crate::sampling;

/// Spaces for which another reference is tried.
const REBASED: usize = 3;

pub(super) async fn run(args: AnalyzeArgs, context: &Context) -> Result<Exit, CliError> {
    let gathered = gather::gather(&args, context).await?;
    let analysis = &gathered.analysis;
    let spaces = analysis.by_size();
    let mut estimate = None;
    let mut rebases = Vec::new();
    if !args.no_samples {
        if !gathered.survey.is_empty() {
            let engine = &gathered.engine;
            estimate = Some(gathered.survey.estimate(None, engine).await.map_err(CliError::plain)?);
        }
        let poor = spaces.iter().filter(|space| space.verdict(args.min_deltas) == Verdict::Poor).take(REBASED);
        for space in poor {
            let (Some(root), Some(newest)) = (&gathered.root, space.points.last()) else { continue };
            let others: Vec<_> = space.points.iter().rev().skip(1).take(sampling::PER_SPACE).collect();
            let ratios = sampling::against(root, newest, &others).await.map_err(CliError::plain)?;
            if let (mean, error) = sampling::interval(&ratios)
                && !ratios.is_empty()
            {
                let (prefix, on) = (space.prefix.clone(), newest.name.clone());
                rebases.push(Rebase { prefix, on, samples: ratios.len(), ratio: mean, error });
            }
        }
    }
    let report = AnalysisReport {
        source: &gathered.shown,
        analysis,
        spaces: &spaces,
        estimate: estimate.as_ref(),
        rebases: &rebases,
        top: args.top,
        min_deltas: args.min_deltas,
        price: args.price,
        max_ratio: gathered.engine.policy().max_ratio,
    };
    if let Some(path) = &args.html {
        fs::write(path, html::page(&report)).map_err(|error| {
            CliError::plain(Failure::local(format!("{} cannot be written", path.display()), &error))
        })?;
    }
    context.output.analysis(&report)?;
    Ok(Exit::Done)
}
