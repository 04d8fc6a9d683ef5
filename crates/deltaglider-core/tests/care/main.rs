//! Care for buckets: what verify, repair, purge and stats find in them, and what is left when they are done.

mod bench;
mod purge;
mod repair;
mod stats;
mod verify;
