//! The requests that are compared, and what is measured of them.

use super::super::super::{
    figure::{Goal, Unit, What},
    peer::Peer,
};

/// The requests that are compared.
#[derive(Clone, Copy)]
pub(super) enum Work {
    List,
    Create,
}

/// What is measured of a kind of requests.
pub(super) struct Kinds {
    /// Beside django-ninja.
    pub(super) core: What,
    pub(super) p50: What,
    pub(super) p99: What,
    /// Beside the bare statements.
    pub(super) all: What,
    pub(super) clock: What,
}

/// What is measured of a kind of requests beside a peer that answers them alone.
pub(super) struct Plain {
    pub(super) peer: Peer,
    pub(super) core: What,
    pub(super) clock: What,
}

impl Work {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Create => "create",
        }
    }

    pub(super) fn figures(self) -> Kinds {
        let names = match self {
            Self::List => [
                "list, a second of the service's core",
                "list, p50",
                "list, p99",
                "list, a second of a core with PostgreSQL's time",
                "list, a second by the clock",
            ],
            Self::Create => [
                "create, a second of the service's core",
                "create, p50",
                "create, p99",
                "create, a second of a core with PostgreSQL's time",
                "create, a second by the clock",
            ],
        };
        let [core, p50, p99, all, clock] = names;
        Kinds {
            core: What::most(core, Unit::PerSecond, Goal::Ratio(10.0)),
            p50: What::least(p50, Unit::Millis, Goal::Ratio(10.0)),
            p99: What::least(p99, Unit::Millis, Goal::Ratio(10.0)),
            all: What::most(all, Unit::PerSecond, Goal::Ratio(0.7)),
            clock: What::most(clock, Unit::PerSecond, Goal::Ratio(0.7)),
        }
    }

    pub(super) fn beside_plain(self) -> [Plain; 2] {
        let [axum, go] = match self {
            Self::List => [
                [
                    "list, a second of the service's core, beside plain axum",
                    "list, a second by the clock, beside plain axum",
                ],
                ["list, a second of the service's core, beside Go", "list, a second by the clock, in Go"],
            ],
            Self::Create => [
                [
                    "create, a second of the service's core, beside plain axum",
                    "create, a second by the clock, beside plain axum",
                ],
                ["create, a second of the service's core, beside Go", "create, a second by the clock, in Go"],
            ],
        };
        let plain = |peer, [core, clock]: [&'static str; 2], goal| {
            let what = |name| What::most(name, Unit::PerSecond, Goal::Ratio(goal));
            Plain { peer, core: what(core), clock: what(clock) }
        };
        [plain(Peer::Axum, axum, 0.8), plain(Peer::Go, go, 1.0)]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_figures_share_a_name_by_which_documents_find_them() {
        let keys = [Work::List, Work::Create].into_iter().flat_map(|work| {
            let Kinds { core, p50, p99, all, clock } = work.figures();
            let plain = work.beside_plain().into_iter().flat_map(|plain| [plain.core, plain.clock]);
            plain.chain([core, p50, p99, all, clock])
        });
        let keys: Vec<String> = keys.map(|what| what.of(&[1.0]).unwrap().key()).collect();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "{keys:#?}");
    }

    #[test]
    fn each_peer_that_is_not_whole_has_figures() {
        for work in [Work::List, Work::Create] {
            let measured = work.beside_plain().map(|plain| plain.peer);
            let plain = Peer::ALL.into_iter().filter(|peer| !peer.is_whole());
            assert_eq!(measured.to_vec(), plain.collect::<Vec<_>>());
        }
    }
}
