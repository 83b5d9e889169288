//! Where the events go: one HTTP request each, signed as Standard Webhooks (standardwebhooks.com) says.

use std::time::Duration;

use axum::{
    body::Bytes,
    http::{Request, Uri, header},
};
use chrono::Utc;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::json;
use tokio::time::timeout;

use super::{signer::Signer, store::Event};
use crate::{Identity, trace::Step};

/// How long one delivery may take: less than a claim holds, and than stopping may take.
const LIMIT: Duration = Duration::from_secs(5);

/// The receiver.
pub(super) struct Webhook {
    agent: String,
    url: Uri,
    signer: Signer,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Webhook {
    pub(super) fn new(service: Identity, url: Uri, signer: Signer) -> Result<Self, String> {
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(|error| format!("cannot read the certificate authorities of this system: {error}"))?
            .https_or_http()
            .enable_http1()
            .build();
        let agent = format!("{}/{}", service.name(), service.version());
        Ok(Self { agent, url, signer, client: Client::builder(TokioExecutor::new()).build(connector) })
    }

    /// Sends one event; says why it was not taken. The address is in no message: it may hold a password.
    pub(super) async fn send(&self, event: &Event, step: Step) -> Result<(), String> {
        let body =
            json!({ "type": event.kind, "timestamp": event.created_at, "data": event.data }).to_string();
        let (id, timestamp) = (event.uuid.to_string(), Utc::now().timestamp());
        let request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, &self.agent)
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
