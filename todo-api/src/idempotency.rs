//! Requests that can be sent again without being done again: `Idempotency-Key`, after
//! draft-ietf-httpapi-idempotency-key-header. Keys are in the database, so that any process knows them all.

mod answer;
mod ledger;

pub(crate) use self::{
    answer::Answer,
    ledger::{Outcome, once},
};
