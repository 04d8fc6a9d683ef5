//! What deltas would save, estimated from samples that are encoded for real.

use std::collections::BTreeMap;

use deltaglider::core::Location;
use deltaglider::core::engine::{Engine, GetRequest, PutRequest, Sampler, Source as Content};
use futures::{StreamExt, TryStreamExt};

use crate::analysis::Point;
use crate::failure::Failure;
use crate::session::Root;
use crate::transfer::End;

/// Objects of a delta space that are encoded, beside the first.
pub(crate) const PER_SPACE: usize = 3;
/// Delta spaces that are sampled, the largest first.
const SPACES: usize = 12;
/// Bytes that are read for an estimate, at most.
const BUDGET: u64 = 1 << 30;

/// An object that may be sampled.
#[derive(Clone, Debug)]
pub(crate) struct Pick {
    pub(crate) end: End,
    pub(crate) name: String,
    pub(crate) size: u64,
}

/// The objects of one delta space that may become deltas.
#[derive(Clone, Debug)]
pub(crate) struct Space {
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    first: Pick,
    others: Vec<Pick>,
}

/// What is to be stored, by delta space.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    spaces: BTreeMap<String, Space>,
    pub(crate) plain_objects: u64,
    pub(crate) plain_bytes: u64,
    random: u64,
}

/// What one space would come to.
#[derive(Clone, Debug)]
pub(crate) struct SpaceEstimate {
    pub(crate) prefix: String,
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    /// Delta ÷ object of each sample; 1 where it would stay whole.
    pub(crate) samples: Vec<f64>,
    /// Bytes of the reference that would be stored besides.
    pub(crate) new_reference: u64,
}

/// What all of it would come to.
#[derive(Clone, Debug)]
pub(crate) struct Estimate {
    pub(crate) objects: u64,
    pub(crate) logical: u64,
    pub(crate) plain_objects: u64,
    /// Bytes that would be stored: at least, likely, at most.
    pub(crate) stored: [u64; 3],
    pub(crate) spaces: Vec<SpaceEstimate>,
    pub(crate) samples: usize,
}

impl Survey {
    /// Takes note of an object, by its name below the source.
    pub(crate) fn add(&mut self, engine: &Engine, relative: &str, end: End, size: u64) {
        let (prefix, name) = relative.split_at(relative.rfind('/').map_or(0, |slash| slash + 1));
        if !engine.policy().wants_delta(name, size) {
            self.plain_objects += 1;
            self.plain_bytes += size;
            return;
        }
        let pick = Pick { end, name: relative.to_owned(), size };
        let Some(space) = self.spaces.get_mut(prefix) else {
            self.spaces.insert(prefix.to_owned(), Space { objects: 1, bytes: size, first: pick, others: Vec::new() });
            return;
        };
        space.objects += 1;
        space.bytes += size;
        if space.others.len() < PER_SPACE {
            space.others.push(pick);
            return;
        }
        // Each of them with the same chance, and the same ones in each run.
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (self.random >> 33) % (space.objects - 1);
        if let Some(slot) = space.others.get_mut(at as usize) {
            *slot = pick;
        }
    }

    /// Whether nothing in it may become a delta.
    pub(crate) fn is_empty(&self) -> bool {
        self.spaces.is_empty()
    }

    pub(crate) fn objects(&self) -> u64 {
        self.plain_objects + self.spaces.values().map(|space| space.objects).sum::<u64>()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.plain_bytes + self.spaces.values().map(|space| space.bytes).sum::<u64>()
    }

    /// Reads samples and encodes them as they would be stored below `to`; nothing is stored. Costs 1 request for each space, and those
    /// of the objects that are read.
    pub(crate) async fn estimate(&self, to: Option<&Root>, engine: &Engine) -> Result<Estimate, Failure> {
        let mut order: Vec<_> = self.spaces.iter().collect();
        order.sort_by_key(|(_, space)| std::cmp::Reverse(space.bytes));
        let (mut budget, mut sampled) = (BUDGET, 0);
        let mut spaces = Vec::new();
        for (prefix, space) in order {
            let mut estimate = SpaceEstimate {
                prefix: prefix.clone(),
                objects: space.objects,
                bytes: space.bytes,
                samples: Vec::new(),
                new_reference: space.first.size,
            };
            let cost = space.first.size + space.others.iter().map(|pick| pick.size).sum::<u64>();
            if sampled < SPACES && cost <= budget {
                (sampled, budget) = (sampled + 1, budget - cost);
                sample(space, to, engine, &mut estimate).await?;
            }
            spaces.push(estimate);
        }
        Ok(Estimate::of(self, spaces))
    }
}

/// Encodes the samples of a space, against the reference that is there or the first object, which would become it.
async fn sample(
    space: &Space,
    to: Option<&Root>,
    engine: &Engine,
    estimate: &mut SpaceEstimate,
) -> Result<(), Failure> {
    let request = PutRequest::default();
    if let Some(to) = to {
        let at = |pick: &Pick| below(to, &pick.name);
        let first = to.engine.estimate(&at(&space.first), content(&space.first).await?, &request).await?;
        if !first.becomes_reference {
            estimate.new_reference = 0;
            for pick in std::iter::once(&space.first).chain(&space.others) {
                let put = to.engine.estimate(&at(pick), content(pick).await?, &request).await?;
                estimate.samples.push(ratio(put.stored_size, put.size));
            }
            return Ok(());
        }
    }
    let largest = space.others.iter().map(|pick| pick.size).max().unwrap_or(0);
    let Some(sampler) = engine.sampler(to.map(|to| to.at.bucket()), content(&space.first).await?, largest).await?
    else {
        estimate.samples.extend(space.others.iter().map(|_| 1.0));
        return Ok(());
    };
    for pick in &space.others {
        estimate.samples.push(delta_ratio(&sampler, pick, engine.policy().max_ratio).await?);
    }
    Ok(())
}

/// What objects of a store would take as deltas against another one of them; 1 where they would stay whole.
pub(crate) async fn against(root: &Root, reference: &Point, targets: &[&Point]) -> Result<Vec<f64>, Failure> {
    let pick = |point: &Point| {
        let end = End::Object(root.clone(), below(root, &point.name));
        Pick { end, name: point.name.clone(), size: point.size }
    };
    let bytes: u64 = targets.iter().map(|point| point.size).sum();
    if reference.size + bytes > BUDGET {
        return Ok(Vec::new());
    }
    let largest = targets.iter().map(|point| point.size).max().unwrap_or(0);
    let engine = &root.engine;
    let Some(sampler) = engine.sampler(Some(root.at.bucket()), content(&pick(reference)).await?, largest).await? else {
        return Ok(Vec::new());
    };
    let mut ratios = Vec::new();
    for target in targets {
        ratios.push(delta_ratio(&sampler, &pick(target), engine.policy().max_ratio).await?);
    }
    Ok(ratios)
}

async fn delta_ratio(sampler: &Sampler, pick: &Pick, max_ratio: f64) -> Result<f64, Failure> {
    let size = sampler.delta_size(content(pick).await?).await?;
    Ok(size.map(|size| ratio(size, pick.size)).filter(|ratio| *ratio <= max_ratio).unwrap_or(1.0))
}

fn below(to: &Root, relative: &str) -> Location {
    to.at.with_key(format!("{}{relative}", crate::operand::as_directory(to.at.key())))
}

async fn content(pick: &Pick) -> Result<Content, Failure> {
    match &pick.end {
        End::Local(path) => Ok(Content::File(path.clone())),
        End::Object(root, at) => {
            let got = root.engine.get(at, &GetRequest::default()).await?;
            Ok(Content::Stream(got.body.map_err(std::io::Error::other).boxed()))
        }
        End::Stream => Err(Failure::usage("standard input cannot be sampled")),
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

impl SpaceEstimate {
    /// Bytes that would become deltas.
    fn delta_bytes(&self) -> u64 {
        self.bytes.saturating_sub(self.new_reference)
    }

    pub(crate) fn mean(&self) -> Option<f64> {
        (!self.samples.is_empty()).then(|| self.samples.iter().sum::<f64>() / self.samples.len() as f64)
    }
}

impl Estimate {
    fn of(survey: &Survey, spaces: Vec<SpaceEstimate>) -> Self {
        let all: Vec<f64> = spaces.iter().flat_map(|space| space.samples.iter().copied()).collect();
        let (mean, error) = interval(&all);
        let fixed: u64 = survey.plain_bytes + spaces.iter().map(|space| space.new_reference).sum::<u64>();
        let deltas: u64 = spaces.iter().map(SpaceEstimate::delta_bytes).sum();
        let likely: f64 = spaces.iter().map(|space| space.mean().unwrap_or(mean) * space.delta_bytes() as f64).sum();
        let margin = error * deltas as f64;
        // Nothing is ever stored larger than it is.
        let at = |bytes: f64| fixed + bytes.clamp(0.0, deltas as f64).round() as u64;
        Self {
            objects: survey.objects(),
            logical: survey.bytes(),
            plain_objects: survey.plain_objects,
            stored: [at(likely - margin), at(likely), at(likely + margin)],
            samples: all.len(),
            spaces,
        }
    }

    /// The share that would be saved: at least, likely, at most.
    pub(crate) fn saved(&self) -> [f64; 3] {
        let [low, likely, high] = self.stored.map(|stored| 1.0 - ratio(stored, self.logical.max(1)));
        [high, likely, low]
    }
}

/// The mean of samples, and how far the true one may be from it, with 95 % confidence by Student's distribution. Of a single sample
/// nothing is known.
pub(crate) fn interval(samples: &[f64]) -> (f64, f64) {
    /// Quantiles of 97.5 % for 1, 2, … degrees of freedom.
    const QUANTILES: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];
    let number = samples.len() as f64;
    match samples {
        [] => (1.0, 1.0),
        [only] => (*only, 1.0),
        _ => {
            let mean = samples.iter().sum::<f64>() / number;
            let variance = samples.iter().map(|sample| (sample - mean).powi(2)).sum::<f64>() / (number - 1.0);
            let quantile = QUANTILES.get(samples.len() - 2).copied().unwrap_or(1.96);
            (mean, quantile * (variance / number).sqrt())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_narrows_with_samples() {
        assert_eq!(interval(&[]), (1.0, 1.0));
        assert_eq!(interval(&[0.1]), (0.1, 1.0));
        let (mean, error) = interval(&[0.1, 0.2, 0.3]);
        // 4.303 · 0.1 ÷ √3
        assert!((mean - 0.2).abs() < 1e-9 && (error - 0.2484).abs() < 1e-3, "{error}");
        assert!(interval(&[0.1, 0.2, 0.3].repeat(10)).1 < 0.04);
    }

    #[test]
    fn an_estimate_never_promises_more_than_there_is() {
        let space = |samples: Vec<f64>| SpaceEstimate {
            prefix: "p/".to_owned(),
            objects: 11,
            bytes: 1100,
            samples,
            new_reference: 100,
        };
        let survey = Survey { plain_objects: 1, plain_bytes: 50, ..Survey::default() };
        let estimate = Estimate::of(&survey, vec![space(vec![0.1, 0.1, 0.1])]);
        assert_eq!(estimate.stored, [250, 250, 250]);
        let estimate = Estimate::of(&survey, vec![space(vec![0.1, 0.9])]);
        assert_eq!(estimate.stored, [150, 650, 1150]);
        let estimate = Estimate::of(&survey, vec![space(Vec::new())]);
        assert_eq!(estimate.stored, [150, 1150, 1150]);
    }
}
