//! A request with or without a key.

use axum::{
    extract::{FromRequest, Request},
    http::{Method, Uri},
};
use ring::digest::{Context, SHA256};

use super::Key;
use crate::{
    app::App,
    extract::{self, Payload},
    fields::FromFields,
    problem::Problem,
};

/// The JSON object in the body, and what makes sure that it is heeded once.
pub(crate) struct Keyed<T> {
    pub(crate) payload: T,
    pub(crate) once: Option<Once>,
}

/// A key, and by what to know the request that it belongs to.
pub(crate) struct Once {
    pub(crate) key: Key,
    /// A digest of method, address and body.
    pub(crate) fingerprint: [u8; 32],
}

impl<T: FromFields> FromRequest<App> for Keyed<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let key = Key::of(request.headers())?;
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let body = extract::json_body(request, app).await?;
        let Payload(payload) = Payload::parse(&body)?;
        let once = key.map(|key| Once { key, fingerprint: fingerprint(&method, &uri, &body) });
        Ok(Self { payload, once })
    }
}

fn fingerprint(method: &Method, uri: &Uri, body: &[u8]) -> [u8; 32] {
    let mut digest = Context::new(&SHA256);
    for part in [method.as_str(), " ", uri.path(), "?", uri.query().unwrap_or_default(), "\n"] {
        digest.update(part.as_bytes());
    }
    digest.update(body);
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest.finish().as_ref());
    fingerprint
}
