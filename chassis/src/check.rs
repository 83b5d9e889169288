//! Looks at all that a service depends on, and says of each thing how it is: what is wrong, why, and what to do.
//! All of it, not the first that is wrong alone.

mod configuration;
mod finding;

use futures_util::future::LocalBoxFuture;

pub(crate) use self::configuration::look as environment;
pub use self::finding::{Finding, Trouble};
use crate::{Identity, Outcome};

/// Looks at something and says what was found.
pub(crate) type Look = Box<dyn FnOnce(Identity) -> LocalBoxFuture<'static, Vec<Finding>>>;

/// Looks at everything and tells it; fails if anything is wrong.
pub(crate) async fn run(service: Identity, environment: Vec<Finding>, looks: Vec<Look>) -> Outcome {
    let mut findings = environment;
    for look in looks {
        findings.extend(look(service).await);
    }
    for finding in &findings {
        finding.tell();
    }
    match findings.iter().filter(|finding| finding.is_wrong()).count() {
        0 => Ok(()),
        wrong => Err(format!("wrong: {wrong}; the lines above say what to do").into()),
    }
}
