//! `mb`: makes a bucket, or a store in a directory.

use crate::args::mb::MbArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::operand::Operand;

pub(super) async fn run(args: &MbArgs, context: &Context) -> Result<Exit, CliError> {
    let url = Operand::url(&args.url)?;
    let (buckets, bucket) = context.session.buckets(&url).await.map_err(CliError::plain)?;
    let made = if bucket.is_empty() {
        Err(Failure::no_bucket())
    } else {
        buckets.create_bucket(&bucket).await.map_err(Failure::from)
    };
    match made {
        Ok(()) => {
            context.output.bucket("make_bucket", &bucket)?;
            Ok(Exit::Done)
        }
        Err(failure) => {
            context.output.bucket_failed("make_bucket", &url, &failure)?;
            Ok(Exit::Failed)
        }
    }
}
