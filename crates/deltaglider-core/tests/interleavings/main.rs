//! Every order of two and three clients' calls, by the real engine.

mod clients;
mod conversions;
mod puts;
mod scenarios;
