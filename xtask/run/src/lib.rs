//! Stage 3, run: from one release to running processes, on this machine or on a cluster.
//!
//! Architecture invariants: nothing is compiled here, and no config is read but the release's; what it takes to
//! start a backing service without one is handed in ([`services`]). A deploy ends up on the release asked for or
//! stays on the one it was on. How that is done where a deploy runs is a [`Backend`]'s, each a crate of its own; here is
//! what all of them share.

mod backend;
mod cause;
mod change;
mod console;
mod deploy_state;
mod dev;
mod failure_record;
mod formation;
mod gone;
mod history;
pub mod http;
mod job;
pub mod logs;
mod options;
pub mod ports;
mod postgres_url;
mod process_mark;
mod pushed;
mod ran;
mod report;
mod service_state;
mod signals;
mod verbs;
mod wanted;

pub use backend::{Asked, Backend, Backends, OneOff, OwnPostgres, Services, Shipper};
pub use cause::Cause;
pub use change::Change;
pub use console::Console;
pub use deploy_state::DeployState;
pub use dev::{DevBackend, DevLoop, no_quick_builds};
pub use failure_record::FailureRecord;
pub use formation::{Amount, Formation, ScaleRequest, in_words, resolve};
pub use gone::{Data, Down, Gone};
pub use history::{Fate, History, Outcome};
pub use job::Job;
pub use options::{IfBusy, Options, SILENCE, START, Timing};
pub use postgres_url::PostgresUrl;
pub use process_mark::ProcessMark;
pub use pushed::Pushed;
pub use ran::{Announce, Ran, Status};
pub use report::{PodStatus, ProcessStatus, Report};
pub use service_state::ServiceState;
pub use signals::interrupted;
pub use verbs::{
    admin::{admin, nothing_runs},
    deploy_state::{deploy_state, deploy_states},
    dev::dev,
    down::{down, losses},
    logging,
    logs::logs,
    run::{changes, could_run, preflight, run},
    scale::{formation, scale},
    services,
    status::status,
};
pub use wanted::Wanted;
