//! The HTTP client under the SDK: rustls with ring, with the certificates that the settings name.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http::Uri;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::builder::Settings;

/// A bundle of certificate authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    #[error("the CA bundle {path} cannot be read")]
    Read { path: String, source: std::io::Error },
    #[error("the CA bundle {path} holds no certificate in PEM, or one that cannot be understood")]
    Certificates { path: String },
}

/// Makes the client; its connections and the system's certificates are loaded with the first request.
pub(crate) fn make(settings: &Settings) -> Result<SharedHttpClient, BundleError> {
    if !settings.verify_ssl {
        return Ok(SharedHttpClient::new(Unverified::new(settings.connect_timeout)));
    }
    let trust = match &settings.ca_bundle {
        Some(path) => TrustStore::empty().with_pem_certificate(read_bundle(path)?),
        // Nobody speaks TLS then: the system's certificates, which take a while, need not be loaded.
        None if settings.is_plain() => TrustStore::empty(),
        None => TrustStore::default(),
    };
    let proxied = !settings.endpoint.as_deref().is_some_and(is_loopback);
    let client = Builder::new().build_with_connector_fn(move |limits, components| {
        let mut connector = Connector::builder()
            .proxy_config(if proxied { ProxyConfig::from_env() } else { ProxyConfig::disabled() })
            .tls_provider(Provider::Rustls(CryptoMode::Ring));
        connector.set_connector_settings(limits.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        // Cannot fail: the context is two fields.
        if let Ok(context) = TlsContext::builder().with_trust_store(trust.clone()).build() {
            connector.set_tls_context(context);
        }
        connector.build()
    });
    Ok(client)
}

/// Reads a bundle and makes sure that every certificate in it can be used: the SDK's client would panic over it.
fn read_bundle(path: &Path) -> Result<Vec<u8>, BundleError> {
    let shown = || path.display().to_string();
    let pem = std::fs::read(path).map_err(|source| BundleError::Read { path: shown(), source })?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let usable = certificate.is_ok_and(|certificate| roots.add(certificate).is_ok());
        if !usable {
            return Err(BundleError::Certificates { path: shown() });
        }
    }
    if roots.is_empty() {
        return Err(BundleError::Certificates { path: shown() });
    }
    Ok(pem)
}

fn is_loopback(endpoint: &str) -> bool {
    let uri: Option<Uri> = endpoint.parse().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// A client that believes any certificate, which the SDK's own does not offer. It knows no proxies.
#[derive(Clone, Debug)]
struct Unverified {
    client: Client<HttpsConnector<TcpConnector>, SdkBody>,
}

impl Unverified {
    fn new(connect_timeout: Duration) -> Self {
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect_timeout));
        let crypto = Arc::new(ring::default_provider());
        let believer = Arc::new(Believer { crypto: Arc::clone(&crypto) });
        let config = ClientConfig::builder_with_provider(crypto)
            .with_protocol_versions(rustls::DEFAULT_VERSIONS)
            .unwrap_or_else(|_| unreachable!("ring offers the default versions"))
            .dangerous()
            .with_custom_certificate_verifier(believer)
            .with_no_client_auth();
        let https = hyper_rustls::HttpsConnectorBuilder::new().with_tls_config(config);
        let connector = https.https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector);
        Self { client }
    }
}

impl HttpClient for Unverified {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Unverified {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.client.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.request(request).await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

#[derive(Debug)]
struct Believer {
    crypto: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Believer {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.crypto.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.crypto.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.crypto.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn loopback_goes_past_proxies() {
        for endpoint in ["http://localhost:1", "http://127.0.0.1", "http://127.9.0.1:80/x", "https://[::1]:9"] {
            assert!(is_loopback(endpoint), "{endpoint}");
        }
        for endpoint in ["http://localhost.example", "https://10.0.0.1"] {
            assert!(!is_loopback(endpoint), "{endpoint}");
        }
    }

    #[test]
    fn a_bundle_without_certificates_is_an_error() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").expect("written");
        assert!(matches!(read_bundle(file.path()), Err(BundleError::Certificates { .. })));
        assert!(matches!(read_bundle(Path::new("/nowhere/at/all")), Err(BundleError::Read { .. })));
    }
}
