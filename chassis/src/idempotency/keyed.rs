//! A request with or without a key.

use axum::{
    extract::{FromRef, FromRequest, Request},
    http::{Method, Uri},
};
use ring::digest::{Context, SHA256};

use super::Key;
use crate::{
    extract::{self, BodyTimeout, Payload},
    fields::FromFields,
    problem::Problem,
};

/// The JSON object in the body, and the key that makes sure that it is applied once.
pub struct Keyed<T> {
    /// What is in the body.
    pub payload: T,
    /// The request's key, if it has one.
    pub once: Option<Once>,
}

/// A key, and by what to know the request that it belongs to.
pub struct Once {
    key: Key,
    /// A digest of method, address and body.
    fingerprint: [u8; 32],
}

impl Once {
    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// A digest of method, address and body, by which to know the request that the key belongs to.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }
}

impl<T: FromFields, S: Send + Sync> FromRequest<S> for Keyed<T>
where
    BodyTimeout: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let key = Key::of(request.headers())?;
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let body = extract::json_body(request, BodyTimeout::from_ref(state)).await?;
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
