//! Headers that all answers have in common.

use std::mem;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Browsers may load nothing from elsewhere, show nothing elsewhere, use no device, and guess nothing; pages for people
/// say themselves what they need. The proxy that ends TLS in front of this process says that they come by TLS alone
/// (Strict-Transport-Security).
const SECURITY: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// Kept, but never shown without asking whether it is still so.
const CACHING: (HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");

/// The headers, put together once: to copy them costs less than to add them one by one.
pub(crate) struct CommonHeaders(HeaderMap);

impl CommonHeaders {
    pub(crate) fn new() -> Self {
        let all = SECURITY.into_iter().chain([CACHING]);
        Self(all.map(|(name, value)| (name, HeaderValue::from_static(value))).collect())
    }

    /// Adds those that an answer does not have.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        let own = mem::replace(headers, self.0.clone());
        headers.extend(own);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answers_own_headers_count_for_more_all_of_them() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.append(header::VARY, HeaderValue::from_static("a"));
        headers.append(header::VARY, HeaderValue::from_static("b"));
        CommonHeaders::new().add_to(&mut headers);
        let all =
            |name| headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(all(header::CACHE_CONTROL), ["no-store"]);
        assert_eq!(all(header::VARY), ["a", "b"]);
        assert_eq!(all(header::X_FRAME_OPTIONS), ["DENY"]);
        assert_eq!(headers.len(), SECURITY.len() + 3);
    }
}
