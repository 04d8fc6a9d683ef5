//! Deltas for what you store in S3: a thin client shaped like aws-sdk-s3.
