//! What a cache did, counted; with the feature `metrics` told to the façade of that name as well.

use crate::sync::atomic::AtomicU64;
use crate::sync::atomic::Ordering::Relaxed;

/// A number that only grows.
#[derive(Debug)]
pub(crate) struct Counter {
    value: AtomicU64,
    #[cfg(feature = "metrics")]
    name: &'static str,
    #[cfg(feature = "metrics")]
    cause: Option<&'static str>,
}

impl Counter {
    #[cfg_attr(not(feature = "metrics"), allow(unused_variables, reason = "nobody is told"))]
    fn new(name: &'static str, cause: Option<&'static str>) -> Self {
        Self {
            value: AtomicU64::new(0),
            #[cfg(feature = "metrics")]
            name,
            #[cfg(feature = "metrics")]
            cause,
        }
    }

    pub(crate) fn add(&self, more: u64) {
        self.value.fetch_add(more, Relaxed);
        #[cfg(feature = "metrics")]
        match self.cause {
            _ if more == 0 => {}
            Some(cause) => metrics::counter!(self.name, "cause" => cause).increment(more),
            None => metrics::counter!(self.name).increment(more),
        }
    }

    pub(crate) fn get(&self) -> u64 {
        self.value.load(Relaxed)
    }
}

/// What became of lookups and inserts.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) coalesced: Counter,
    pub(crate) bypasses: Counter,
    pub(crate) corruptions: Counter,
    pub(crate) unknown_keys: Counter,
    pub(crate) rewraps: Counter,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            hits: Counter::new("deltaglider_cache_hits_total", None),
            misses: Counter::new("deltaglider_cache_misses_total", None),
            coalesced: Counter::new("deltaglider_cache_coalesced_total", None),
            bypasses: Counter::new("deltaglider_cache_bypasses_total", None),
            corruptions: Counter::new("deltaglider_cache_corruptions_total", None),
            unknown_keys: Counter::new("deltaglider_cache_unknown_keys_total", None),
            rewraps: Counter::new("deltaglider_cache_rewraps_total", None),
        }
    }
}

/// Entries that were evicted, by cause.
#[derive(Debug)]
pub(crate) struct Evicted {
    pub(crate) budget: Counter,
    pub(crate) space: Counter,
    pub(crate) age: Counter,
}

impl Default for Evicted {
    fn default() -> Self {
        let evicted = |cause| Counter::new("deltaglider_cache_evictions_total", Some(cause));
        Self { budget: evicted("budget"), space: evicted("space"), age: evicted("age") }
    }
}
