//! The binary, as its users run it: in a home of its own, with nothing in the environment.

#![allow(clippy::unwrap_used)]

mod bench;
mod canary;
mod file_store;
mod leftovers;
mod s3;
mod sharing;
mod signals;
