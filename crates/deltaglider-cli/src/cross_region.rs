//! A warning on instances of EC2 whose transfers cross regions, beside the work: nothing waits for it.

use std::future;

use deltaglider::CrossRegion;

use crate::context::Context;

/// Warns where this machine is an instance of EC2 in another region than the requests to S3 go to, once they do.
pub(crate) async fn watch(context: &Context) {
    if context.front.no_ec2_detection {
        return;
    }
    let Ok(client) = context.session.client().await else { return };
    if let Some(crossed) = client.cross_region().await {
        // Who closed the pipe learns it from the next result.
        drop(context.output.caution("cross_region", &text(&crossed)));
    }
}

/// The work's result; what watches it is dropped then.
pub(crate) async fn beside<T>(work: impl Future<Output = T>, watch: impl Future<Output = ()>) -> T {
    let watching = async {
        watch.await;
        future::pending().await
    };
    tokio::select! {
        biased;
        result = work => result,
        never = watching => never,
    }
}

pub(crate) fn text(crossed: &CrossRegion) -> String {
    format!(
        "this instance runs in {}, the requests go to {}: transfers between regions are slower and cost money (--region \
         names another; DG_DISABLE_EC2_DETECTION=1 says this no more)",
        crossed.instance, crossed.requests
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_does_not_wait_for_what_watches_it() {
        assert_eq!(beside(async { 1 }, future::pending()).await, 1);
        let late = async {
            tokio::task::yield_now().await;
            2
        };
        assert_eq!(beside(late, async {}).await, 2);
    }
}
