//! Conformance suites, fault and counting stores, and an S3 server in the process.

pub mod codec_conformance;
