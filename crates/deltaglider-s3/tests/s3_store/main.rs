//! The store against a server in the process.
#![allow(clippy::unwrap_used)]

mod access;
mod bodies;
mod conformance;
mod requests;
mod retries;
mod start;
mod uploads;
