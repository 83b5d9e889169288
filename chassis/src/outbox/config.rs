//! Who is told, and how hard it is tried.

use axum::http::Uri;

use super::{
    kinds::{WebhookSecret, WebhookUrl},
    signer::Signer,
};
use crate::config::{Integer, Need, Reader, Variable};

const WEBHOOK_URL: Variable<WebhookUrl> = Variable::new(
    "WEBHOOK_URL",
    WebhookUrl,
    Need::OptionalSecret,
    "where the worker sends what happens and what is due; it delivers nothing if not set",
);
const WEBHOOK_SECRET: Variable<WebhookSecret> = Variable::new(
    "WEBHOOK_SECRET",
    WebhookSecret,
    Need::OptionalSecret,
    "what deliveries are signed with after Standard Webhooks; must be set if WEBHOOK_URL is",
);
const WEBHOOK_ATTEMPTS: Variable<Integer<u16>> = Variable::new(
    "WEBHOOK_ATTEMPTS",
    Integer::new(1, 100),
    Need::Default("12"),
    "how often to try a delivery, with growing pauses, before it is given up",
);

/// Who is told of events, and how often it is tried.
pub struct OutboxConfig {
    pub(super) webhook: Option<(Uri, Signer)>,
    pub(super) attempts: i32,
}

impl OutboxConfig {
    /// Reads `WEBHOOK_URL`, `WEBHOOK_SECRET` and `WEBHOOK_ATTEMPTS`.
    pub fn read(from: &mut Reader) -> Option<Self> {
        let webhook = from.read_together(&WEBHOOK_URL, &WEBHOOK_SECRET);
        let attempts = from.read(&WEBHOOK_ATTEMPTS);
        Some(Self { webhook: webhook?, attempts: attempts?.into() })
    }

    /// Whether anybody is told.
    pub fn delivers(&self) -> bool {
        self.webhook.is_some()
    }
}
