//! The binary, as its users run it: in a home of its own, with nothing in the environment.

#![allow(clippy::unwrap_used)]

mod access;
mod bench;
mod cache;
mod canary;
mod care;
mod earlier;
mod file_store;
mod insight;
mod keys;
mod leftovers;
mod limits;
mod memory;
mod migrate;
mod moving;
mod rehydrate;
mod rotation;
mod s3;
mod sharing;
mod signals;
mod sync;
