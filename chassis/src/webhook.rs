//! Deliveries to whoever wants to hear of what happens, signed as Standard Webhooks (standardwebhooks.com) says.

mod kinds;
mod signer;

pub use self::{
    kinds::{WebhookSecret, WebhookUrl},
    signer::Signer,
};
