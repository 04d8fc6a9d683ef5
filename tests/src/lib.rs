//! Tests of the whole: the binary, the client and real servers.
