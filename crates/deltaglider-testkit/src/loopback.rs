//! Serves HTTP connections on the loopback device until it is told to stop.

use std::io;
use std::net::SocketAddr;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// A listener on a free port of 127.0.0.1; dropped, it ends with all of its connections.
#[derive(Debug)]
pub(crate) struct Loopback {
    address: SocketAddr,
    acceptor: JoinHandle<()>,
}

impl Loopback {
    /// Serves every connection by a clone of the service.
    pub(crate) async fn serve<S, B>(service: S) -> io::Result<Self>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let acceptor = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else { return };
                        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
                        // A connection that a fault cut ends in an error, as it was meant to.
                        connections.spawn(async move { drop(connection.await) });
                    }
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { address, acceptor })
    }

    /// Its URL.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}
