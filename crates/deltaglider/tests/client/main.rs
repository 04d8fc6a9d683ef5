//! The client over local stores, stores in memory and S3 servers in the process.

mod bodies;
mod caching;
mod endurance;
mod fixture;
mod listing;
mod objects;
mod promises;
mod s3;
mod transfers;
