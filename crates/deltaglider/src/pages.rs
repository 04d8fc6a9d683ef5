//! Pages of the documentation whose snippets are compiled, and run where they can be, by the documentation tests.

#[doc = include_str!("../../../docs/sdk/getting-started.md")]
struct GettingStarted;

#[doc = include_str!("../../../docs/CACHE_MANAGEMENT.md")]
struct CacheManagement;
