//! What the three stages hand to one another, and nothing else: digests, the image layout, build records,
//! the service's own description, deploy files, sealed secrets and the ledger of releases.
//!
//! Architecture invariant: every stage depends on this crate and on no other stage. Stages speak through
//! the files defined here, never through values in memory.

pub mod archive;
pub mod build_record;
mod chain;
pub mod deploy;
pub mod digest;
pub mod durable;
pub mod env_name;
pub mod error;
pub mod image;
pub mod layout;
pub mod ledger;
pub mod progress;
pub mod release;
pub mod release_id;
pub mod repo;
pub mod seal;
pub mod service;
pub mod value;
pub mod witness;

pub use build_record::BuildRecord;
pub use deploy::Deploy;
pub use digest::Digest;
pub use env_name::EnvName;
pub use error::{Context, Error, Exit, Result};
pub use layout::Layout;
pub use ledger::Ledger;
pub use progress::Progress;
pub use release::Release;
pub use release_id::ReleaseId;
pub use repo::Repo;
