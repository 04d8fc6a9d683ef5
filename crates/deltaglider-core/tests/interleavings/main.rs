//! Every order of two and three clients' calls, by the real engine.

#![allow(clippy::print_stderr, reason = "what was tried, and the way to what went wrong, is told with --nocapture")]

mod clients;
mod conversions;
mod foreign;
mod mutants;
mod puts;
mod scenarios;
mod stores;
mod value_store;
