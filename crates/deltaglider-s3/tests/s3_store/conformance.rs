//! The contracts of the ports, kept over HTTP.

mod objects {
    use crate::start::{BUCKET, start};

    deltaglider_testkit::object_store_conformance!(|| async {
        let (server, store) = start().await;
        (store, BUCKET, server)
    });
}

mod buckets {
    use crate::start::signed;
    use deltaglider_testkit::S3Server;

    deltaglider_testkit::bucket_store_conformance!(|| async {
        let server = S3Server::start().await.unwrap();
        (signed(&server).build().unwrap(), server)
    });
}
