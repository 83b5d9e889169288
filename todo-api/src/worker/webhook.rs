//! Where the events go: one HTTP request each, signed as Standard Webhooks (standardwebhooks.com) says.

use std::time::Duration;

use axum::{
    body::Bytes,
    http::{Request, Uri, header},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::Utc;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use ring::hmac;
use serde_json::json;
use tokio::time::timeout;

use super::outbox::Event;
use crate::trace::Step;

/// How long one delivery may take: less than a claim holds, and than stopping may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The receiver.
pub(super) struct Webhook {
    url: Uri,
    signer: Signer,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// The secret that sender and receiver share.
pub(crate) struct Signer(hmac::Key);

impl Signer {
    /// `whsec_` and 24 to 64 bytes in base64.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(text.strip_prefix("whsec_")?).ok()?;
        (24..=64).contains(&bytes.len()).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let tag = hmac::sign(&self.0, format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(tag))
    }
}

impl Webhook {
    pub(super) fn new(url: Uri, signer: Signer) -> Result<Self, String> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|error| format!("cannot read the certificate authorities of this system: {error}"))?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self { url, signer, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Sends one event; says why it was not taken. The address is in no message: it may hold a password.
    pub(super) async fn send(&self, event: &Event, step: Step) -> Result<(), String> {
        let body =
            json!({ "type": event.kind, "timestamp": event.created_at, "data": event.todo }).to_string();
        let (id, timestamp) = (event.uuid.to_string(), Utc::now().timestamp());
        let request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.signer.sign(&id, timestamp, &body))
            .header("traceparent", step.to_header())
            .body(Full::from(body))
            .map_err(|error| error.to_string())?;
        match timeout(LIMIT, self.client.request(request)).await {
            Ok(Ok(response)) if response.status().is_success() => Ok(()),
            Ok(Ok(response)) => Err(format!("it answered {}", response.status().as_u16())),
            Ok(Err(error)) if error.is_connect() => Err("it cannot be reached".into()),
            Ok(Err(_)) => Err("the connection broke".into()),
            Err(_) => Err(format!("no answer within {LIMIT:?}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let signer = Signer::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_long_enough() {
        for text in ["", "whsec_", "whsec_YQ==", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?"] {
            assert!(Signer::parse(text).is_none(), "{text}");
        }
    }
}
