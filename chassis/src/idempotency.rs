//! Requests that can be sent again without being done again: `Idempotency-Key`, after
//! draft-ietf-httpapi-idempotency-key-header.
//!
//! [`Keyed`] reads a request with or without a key. With the feature `postgres`, `once` does what it asks for in one
//! transaction with noting the key, under an advisory lock that any process sees. Keys are kept for a day in a table
//! that one of the service's migrations makes:
//!
//! ```sql
//! CREATE TABLE idempotency_keys (
//!     key         text        PRIMARY KEY CHECK (char_length(key) BETWEEN 1 AND 255),
//!     fingerprint bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),
//!     status      smallint    NOT NULL CHECK (status BETWEEN 200 AND 299),
//!     location    text        NOT NULL,
//!     etag        text        NOT NULL,
//!     body        text        NOT NULL,
//!     created_at  timestamptz NOT NULL DEFAULT now()
//! );
//! CREATE INDEX idempotency_keys_oldest_first ON idempotency_keys (created_at);
//! ```

#[cfg(feature = "postgres")]
mod answer;
mod key;
mod keyed;
#[cfg(feature = "postgres")]
mod ledger;

#[cfg(feature = "postgres")]
pub use self::{
    answer::Answer,
    ledger::{Outcome, once},
};
pub use self::{
    key::Key,
    keyed::{Keyed, Once},
};
