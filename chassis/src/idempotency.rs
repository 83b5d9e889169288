//! Requests that can be sent again without being done again: `Idempotency-Key`, after
//! draft-ietf-httpapi-idempotency-key-header.

mod key;
mod keyed;

pub use self::{
    key::Key,
    keyed::{Keyed, Once},
};
