//! The client over local stores, stores in memory and S3 servers in the process.

mod bodies;
mod bucket_config;
mod caching;
mod care;
mod endurance;
mod fixture;
#[cfg(feature = "secrets-manager")]
mod keys;
mod listing;
mod maintenance;
mod objects;
mod promises;
mod s3;
mod transfers;
mod troubleshooting;
mod vcdiff;
