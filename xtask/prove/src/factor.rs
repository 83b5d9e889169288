//! The twelve factors, and what each of them claims.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// One of the twelve factors (<https://12factor.net>), or what their revision adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Factor {
    /// I: one codebase, many deploys.
    Codebase,
    /// II: dependencies are declared and isolated.
    Dependencies,
    /// III: config is in the environment.
    Config,
    /// IV: backing services are attached resources.
    BackingServices,
    /// V: build, release and run are strictly apart.
    Stages,
    /// VI: processes are stateless and share nothing.
    Processes,
    /// VII: services are exported by binding a port.
    PortBinding,
    /// VIII: a service scales by its processes.
    Concurrency,
    /// IX: processes start fast and stop gracefully.
    Disposability,
    /// X: deploys are as alike as possible.
    Parity,
    /// XI: logs are streams of events.
    Logs,
    /// XII: one-off processes are like all others.
    Admin,
    /// What is called telemetry by the revision.
    Telemetry,
}

/// Numeral, name, title and claim of each, in their order.
const TEXTS: [[&str; 4]; 13] = [
    [
        "I",
        "codebase",
        "Codebase",
        "What runs was built from a commit of this repository, and building it again gives the same bits.",
    ],
    [
        "II",
        "dependencies",
        "Dependencies",
        "The service needs nothing of the system that it runs on: no library, no program, no file.",
    ],
    [
        "III",
        "config",
        "Config",
        "Each process has just the environment that its release says, and no secret is anywhere else.",
    ],
    [
        "IV",
        "backing-services",
        "Backing services",
        "The database is exchanged by config alone, and one that is gone for a while is survived.",
    ],
    [
        "V",
        "stages",
        "Build, release, run",
        "A release never changes, and running it compiles nothing and needs no source.",
    ],
    [
        "VI",
        "processes",
        "Processes",
        "No process keeps anything: what one was told, all know, also after all were killed.",
    ],
    [
        "VII",
        "port-binding",
        "Port binding",
        "The service speaks HTTP by itself, on the port that it is told.",
    ],
    [
        "VIII",
        "concurrency",
        "Concurrency",
        "It grows and shrinks by processes under load, which nobody but their supervisor manages.",
    ],
    [
        "IX",
        "disposability",
        "Disposability",
        "A process starts in a moment, finishes its work when it is told to stop, and may die at any time.",
    ],
    [
        "X",
        "parity",
        "Dev/prod parity",
        "Deploys have the same variables and the same backing services, and get a commit soon.",
    ],
    [
        "XI",
        "logs",
        "Logs",
        "A process writes what happens to its standard output, at once, and nowhere else.",
    ],
    [
        "XII",
        "admin",
        "Admin processes",
        "A one-off process has the image, the environment and the user of all others.",
    ],
    ["+", "telemetry", "Telemetry", "What a client calls its request is in each line about it."],
];

impl Factor {
    /// All of them, in their order.
    pub const ALL: [Self; 13] = [
        Self::Codebase,
        Self::Dependencies,
        Self::Config,
        Self::BackingServices,
        Self::Stages,
        Self::Processes,
        Self::PortBinding,
        Self::Concurrency,
        Self::Disposability,
        Self::Parity,
        Self::Logs,
        Self::Admin,
        Self::Telemetry,
    ];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        self.texts()[1]
    }

    /// Its number as the methodology writes it; the last one has none there.
    pub fn numeral(self) -> &'static str {
        self.texts()[0]
    }

    /// Its title.
    pub fn title(self) -> &'static str {
        self.texts()[2]
    }

    /// What is claimed, in a sentence.
    pub fn claim(self) -> &'static str {
        self.texts()[3]
    }

    fn texts(self) -> [&'static str; 4] {
        TEXTS[self as usize]
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl FromStr for Factor {
    type Err = String;

    /// By its name, by its numeral (`IX`) or by its number (`9`).
    fn from_str(text: &str) -> Result<Self, String> {
        let is_it = |(place, factor): &(usize, Self)| {
            factor.name() == text.to_lowercase()
                || factor.numeral() == text.to_uppercase()
                || (place + 1).to_string() == text
        };
        let found = Self::ALL.into_iter().enumerate().find(is_it).map(|(_, factor)| factor);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no factor is called so; these are there, also by their numbers: {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_known_by_its_name_its_numeral_and_its_number() {
        for text in ["disposability", "Disposability", "IX", "ix", "9"] {
            assert_eq!(text.parse(), Ok(Factor::Disposability), "{text}");
        }
        assert!("0".parse::<Factor>().unwrap_err().contains("dependencies"));
        assert_eq!("telemetry".parse(), Ok(Factor::Telemetry));
    }
}
