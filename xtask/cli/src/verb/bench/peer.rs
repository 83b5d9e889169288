//! The same service, or the measured part of it, with what others would write it in: `bench/peers`.

mod go;
mod ninja;

use std::path::{Path, PathBuf};

use xtask_contract::Result;

use super::{
    Bench,
    asker::Asker,
    parts::service::configured,
    process::{Running, SHORT, free_port, on_one_core},
};

/// A service that the requests are measured beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    /// The whole list and creation, as the users of django-ninja would write and tune it.
    Ninja,
    /// The measured requests without the chassis: the difference is what the chassis costs.
    Axum,
    /// The measured requests in Go.
    Go,
}

impl Peer {
    pub(super) const ALL: [Self; 3] = [Self::Ninja, Self::Axum, Self::Go];

    /// The name that the figures call it by.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ninja => "django-ninja",
            Self::Axum => "plain axum",
            Self::Go => "Go with pgx",
        }
    }

    /// The name of its database.
    pub(super) fn database(self) -> &'static str {
        match self {
            Self::Ninja => "ninja",
            Self::Axum => "axum",
            Self::Go => "go",
        }
    }

    /// Whether it answers all requests to list and to create as the service does, also those that are refused.
    pub(super) fn is_whole(self) -> bool {
        self == Self::Ninja
    }

    /// Its program, ready to start; none where this machine lacks what it takes, which the report then says.
    pub(super) async fn install(self, bench: &Bench<'_>, asker: &Asker<'_>) -> Result<Option<PathBuf>> {
        match self {
            Self::Ninja => ninja::install(bench).await,
            Self::Axum => Ok(Some(asker.plain())),
            Self::Go => go::build(bench).await,
        }
    }

    /// Starts it on a core with as many connections to the database, and waits until it answers.
    pub(super) async fn start(
        self,
        bench: &Bench<'_>,
        program: &Path,
        url: &str,
        connections: u32,
    ) -> Result<Running> {
        let port = free_port()?;
        let mut command = configured(on_one_core(program), url);
        command.env("CONNECTIONS", connections.to_string()).env("PORT", port.to_string());
        if self == Self::Ninja {
            ninja::configure(bench, &mut command, port);
        }
        let mut peer = Running::start(self.name(), &mut command, port)?;
        peer.until_ready(self.name(), "/api/todos?limit=1", SHORT).await?;
        Ok(peer)
    }

    /// Says that nothing is measured beside it.
    fn skip(self, bench: &Bench<'_>, why: &str) {
        bench.skip(&format!("all beside {}", self.name()), why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_peers_share_a_name_or_a_database() {
        for of in [Peer::name, Peer::database] {
            let mut names = Peer::ALL.map(of).to_vec();
            names.extend(["ours", "bare"]);
            names.sort_unstable();
            assert!(names.windows(2).all(|two| two[0] != two[1]), "{names:?}");
        }
    }
}
