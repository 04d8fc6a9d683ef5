//! The API that AWS Lambda offers to the code that it runs, played on the loopback device.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

/// The API, and the one function that asks it for work.
pub struct RuntimeApi {
    pub address: String,
    events: mpsc::Sender<Value>,
    outcomes: mpsc::Receiver<Result<Value, Value>>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Work {
    events: Arc<Mutex<mpsc::Receiver<Value>>>,
    outcomes: mpsc::Sender<Result<Value, Value>>,
}

impl RuntimeApi {
    pub async fn start() -> Self {
        let (events, to_do) = mpsc::channel(1);
        let (done, outcomes) = mpsc::channel(1);
        let work = Work { events: Arc::new(Mutex::new(to_do)), outcomes: done };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(outcome))
            .with_state(work);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, events, outcomes, server }
    }

    /// Gives the function an event, and waits for what it answers: a response, or an error.
    pub async fn invoke(&mut self, event: Value) -> Result<Value, Value> {
        self.events.send(event).await.unwrap();
        self.outcomes.recv().await.unwrap()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn next(State(work): State<Work>) -> impl IntoResponse {
    let Some(event) = work.events.lock().await.recv().await else { std::future::pending().await };
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        // In the year 2100.
        ("lambda-runtime-deadline-ms", "4102444800000"),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:archive"),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0"),
    ];
    (headers, event.to_string())
}

async fn outcome(State(work): State<Work>, Path((_, outcome)): Path<(String, String)>, body: Bytes) -> StatusCode {
    let value = serde_json::from_slice(&body).unwrap();
    work.outcomes.send(if outcome == "response" { Ok(value) } else { Err(value) }).await.unwrap();
    StatusCode::ACCEPTED
}
