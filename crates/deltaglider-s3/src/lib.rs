//! DeltaGlider's object store on Amazon S3 and compatible servers.
