//! A web API that stores files: `PUT` and `GET /files/KEY`, `POST /admin/clear-cache`, `GET /metrics` for Prometheus:
//! `web_api BUCKET 127.0.0.1:8080`. Give `/admin` and `/metrics` a guard of your own before anybody else can reach them.

#![allow(clippy::print_stdout)]

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Router, serve};
use deltaglider::{Client, Error, ErrorKind};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// What every request has in hand. The client is shared, and so is its cache.
#[derive(Clone)]
struct Api {
    client: Client,
    bucket: String,
    metrics: PrometheusHandle,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bucket, address] = &arguments[..] else { return Err("usage: web_api BUCKET ADDRESS:PORT".into()) };
    let metrics = PrometheusBuilder::new().install_recorder()?;
    let api = Api { client: Client::from_env().await?, bucket: bucket.clone(), metrics };
    let client = api.client.clone();

    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let mut terminate = signal(SignalKind::terminate())?;
    let stop = async move {
        terminate.recv().await;
    };
    serve(listener, router(api)).with_graceful_shutdown(stop).await?;
    client.close().await?;
    Ok(())
}

fn router(api: Api) -> Router {
    Router::new()
        .route("/files/{*key}", put(upload).get(download))
        .route("/admin/clear-cache", post(clear_cache))
        .route("/metrics", get(metrics))
        .with_state(api)
}

async fn upload(State(api): State<Api>, Path(key): Path<String>, body: Body) -> Result<impl IntoResponse, Refusal> {
    let body = deltaglider::Body::from_stream(body.into_data_stream());
    let put = api.client.put_object().bucket(api.bucket).key(key).body(body).send().await?;
    Ok((StatusCode::CREATED, [(header::ETAG, put.e_tag.as_str().to_owned())]))
}

async fn download(State(api): State<Api>, Path(key): Path<String>) -> Result<Response, Refusal> {
    let got = api.client.get_object().bucket(api.bucket).key(key).send().await?;
    let headers = [(header::ETAG, got.e_tag().to_owned()), (header::CONTENT_LENGTH, got.content_length().to_string())];
    // A body that fails its check breaks the connection off before its end: nobody takes it for the file.
    Ok((headers, Body::from_stream(got.body)).into_response())
}

/// Never needed, and always safe: requests under way go on with what they hold.
async fn clear_cache(State(api): State<Api>) -> Result<String, Refusal> {
    let freed = api.client.clear_cache().await?;
    Ok(format!("{} references, {} bytes\n", freed.entries, freed.bytes))
}

async fn metrics(State(api): State<Api>) -> Result<impl IntoResponse, Refusal> {
    // Sets the gauges; the counters are told as things happen.
    api.client.cache_stats().await?;
    api.metrics.run_upkeep();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; version=0.0.4"));
    Ok((headers, api.metrics.render()))
}

/// An error of the client, as an answer.
struct Refusal(Error);

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.0.kind() {
            ErrorKind::Usage => StatusCode::BAD_REQUEST,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::Throttled | ErrorKind::Transient => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, format!("{}\n", self.0)).into_response()
    }
}
