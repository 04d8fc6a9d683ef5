//! `presign`: a URL by which anybody can fetch an object for a while.

use std::time::SystemTime;

use deltaglider::core::Error;

use crate::args::presign::PresignArgs;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::{Class, Failure};
use crate::operand::Operand;
use crate::session::Root;

pub(super) async fn run(args: &PresignArgs, context: &Context) -> Result<Exit, CliError> {
    let url = Operand::url(&args.url)?;
    let root = context.session.root(&url).await.map_err(CliError::plain)?;
    if root.at.key().is_empty() {
        return Err(CliError::usage(format!("`{url}` names no object: write s3://bucket/key")));
    }
    let (buckets, _) = context.session.buckets(&url).await.map_err(CliError::plain)?;
    let copy_until = args.rehydrate.then(|| SystemTime::now() + args.expires_in);
    let stored = match root.engine.shareable(&root.at, copy_until).await {
        Ok(stored) => stored,
        Err(Error::StoredAsDelta { .. }) => return Err(a_delta(&root)),
        Err(error) => return Err(CliError::plain(error)),
    };
    let signed = buckets.presign(&stored, args.expires_in).await.map_err(CliError::plain)?;
    context.output.presigned(&root.url(root.at.key()), &signed, args.expires_in)?;
    Ok(Exit::Done)
}

fn a_delta(root: &Root) -> CliError {
    let url = root.url(root.at.key());
    let message = format!("{url} is stored as a delta: a URL would give the delta, not the object");
    let failure = Failure::new(Class::Service, "StoredAsDelta", message)
        .with_fix("add --rehydrate, which stores a whole copy for as long as the URL is valid");
    CliError::Fatal { label: "", failure: Box::new(failure), exit: Exit::Failed }
}
