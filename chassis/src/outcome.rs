//! What a process comes to.

/// What a process came to; the error says why it failed.
pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
