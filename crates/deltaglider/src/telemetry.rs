//! What the feature `metrics` tells of puts, gets and what the cache holds; nothing without it. The cache tells the rest itself.

use deltaglider_core::cache::CacheStats;
use deltaglider_core::engine::ReferenceUse;

use crate::object::put::PutObjectOutput;

/// Tells of a put, and passes it on.
pub(crate) fn put(output: PutObjectOutput) -> PutObjectOutput {
    #[cfg(feature = "metrics")]
    {
        let labels = [("kind", output.kind), ("reference", name(output.reference))];
        metrics::counter!("deltaglider_puts_total", &labels).increment(1);
        metrics::counter!("deltaglider_put_bytes_total").increment(output.size);
        metrics::counter!("deltaglider_put_stored_bytes_total").increment(output.stored_size);
    }
    output
}

/// Tells of a get of so many bytes, for which `fetched` ones had to be fetched.
#[cfg_attr(not(feature = "metrics"), allow(unused_variables, reason = "nobody is told"))]
pub(crate) fn got(reference: ReferenceUse, bytes: u64, fetched: u64) {
    #[cfg(feature = "metrics")]
    {
        metrics::counter!("deltaglider_gets_total", "reference" => name(reference)).increment(1);
        metrics::counter!("deltaglider_get_bytes_total").increment(bytes);
        metrics::counter!("deltaglider_get_fetched_bytes_total").increment(fetched);
    }
}

/// Tells what the cache holds.
#[cfg_attr(not(feature = "metrics"), allow(unused_variables, reason = "nobody is told"))]
pub(crate) fn holds(stats: &CacheStats) {
    #[cfg(feature = "metrics")]
    {
        // Exact up to 2^53.
        let set = |name: &'static str, value: u64| metrics::gauge!(name, "backend" => stats.backend).set(value as f64);
        set("deltaglider_cache_bytes", stats.bytes);
        set("deltaglider_cache_entries", stats.entries);
        set("deltaglider_cache_limit_bytes", stats.limit);
    }
}

#[cfg(feature = "metrics")]
fn name(reference: ReferenceUse) -> &'static str {
    match reference {
        ReferenceUse::None => "none",
        ReferenceUse::Created => "created",
        ReferenceUse::Cached => "cached",
        ReferenceUse::Fetched => "fetched",
        _ => "other",
    }
}
