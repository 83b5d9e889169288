//! How many files, connections among them, the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::server::STANDING;

/// What is open besides: the log, the runtime's own, the connections to the database and to who asks for metrics.
const BESIDES: usize = 64;

/// Asks the system for as many as this many clients need, and gives back how many clients there may be. Many systems
/// allow few at first, and more for the asking.
pub(crate) fn allow(clients: usize, database: usize) -> usize {
    let others = STANDING + BESIDES + database;
    let needed = as_limit(clients.saturating_add(others));
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // None is without a limit.
    let goal = maximum.map_or(needed, |maximum| maximum.min(needed));
    if current.is_some_and(|current| current < goal) {
        let wanted = Rlimit { current: Some(goal), maximum };
        if let Err(error) = setrlimit(Resource::Nofile, wanted) {
            tracing::warn!(%error, "cannot have more files open");
        }
    }
    let allowed = getrlimit(Resource::Nofile).current;
    let fit = allowed.map_or(clients, |allowed| fitting(allowed, clients, others));
    if fit < clients {
        tracing::warn!(
            wanted = clients,
            clients = fit,
            "fewer clients can be served: the system allows too few open files"
        );
    }
    fit
}

/// How many clients there is room for beside the others.
fn fitting(allowed: u64, clients: usize, others: usize) -> usize {
    let room = usize::try_from(allowed).unwrap_or(usize::MAX).saturating_sub(others);
    clients.min(room).max(1)
}

fn as_limit(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_clients_as_fit() {
        assert_eq!(fitting(1_048_576, 1000, 138), 1000);
        assert_eq!(fitting(1024, 1000, 138), 886);
        assert_eq!(fitting(100, 1000, 138), 1);
    }
}
