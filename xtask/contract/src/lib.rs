//! What the three stages hand to one another, and nothing else: digests, the image layout, build records,
//! the service's own description, deploy files, sealed secrets and the ledger of releases.
//!
//! Architecture invariant: every stage depends on this crate and on no other stage. Stages speak through
//! the files defined here, never through values in memory.

pub mod archive;
pub mod build_record;
pub mod bundle;
pub mod callee;
pub mod chain;
pub mod changes;
pub mod checksums;
pub mod command;
pub mod deploy;
pub mod digest;
pub mod durable;
pub mod env_name;
pub mod error;
pub mod example;
pub mod git;
mod identity;
pub mod image;
pub mod kubernetes_name;
pub mod labels;
pub mod last_deployed;
pub mod layout;
pub mod ledger;
pub mod logging;
pub mod nearest;
mod object_kind;
pub mod objects;
pub mod plain_file;
pub mod policy;
pub mod progress;
pub mod quantity;
pub mod referrers;
pub mod release;
pub mod release_id;
pub mod repo;
pub mod repository;
pub mod seal;
mod secret;
pub mod secrets;
pub mod service;
mod service_name;
pub mod settings;
pub mod signature;
pub mod target;
pub mod templates;
#[cfg(test)]
mod test_ledger;
pub mod throw_away;
mod toml_error;
pub mod tool;
pub mod value;
pub mod vouched;
mod workspace;

pub use build_record::BuildRecord;
pub use callee::Callee;
pub use changes::Changes;
pub use deploy::Deploy;
pub use digest::Digest;
pub use env_name::EnvName;
pub use error::{Context, Error, ErrorKind, Result, brief};
pub use git::Git;
pub use identity::Identity;
pub use kubernetes_name::Namespace;
pub use layout::Layout;
pub use ledger::Ledger;
pub use logging::Logging;
pub use object_kind::ObjectKind;
pub use policy::Policy;
pub use progress::Progress;
pub use release::Release;
pub use release_id::ReleaseId;
pub use repo::Repo;
pub use repository::Repository;
pub use seal::Recipient;
pub use secret::Secret;
pub use secrets::SealedSecrets;
pub use service_name::ServiceName;
pub use vouched::{Record, Vouched};
