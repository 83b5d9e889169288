//! What a service announces.

use serde::Serialize;

/// Something that happened, as it is announced and as those who watch hear of it. Announcements may overtake one another;
/// a version in them tells which is newer.
pub trait Change: Clone + PartialEq + Send + Sync + 'static {
    /// The database's channel.
    const CHANNEL: &'static str;

    /// Anything may have happened.
    const ANYTHING: Self;

    /// Reads an announcement. One that means nothing, of a newer schema perhaps, may mean anything.
    fn parse(payload: &str) -> Self;

    /// Writes an announcement, as the migrations' triggers do. Shorter than 8000 bytes.
    fn payload(&self) -> String;

    /// The name of the event, as clients get it.
    fn name(&self) -> &'static str;

    /// The data of the event, as clients get it.
    fn data(&self) -> impl Serialize;
}

/// For tests of what is around changes.
#[cfg(test)]
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fed {
    Pet(u8),
    Anything,
}

#[cfg(test)]
impl Change for Fed {
    const CHANNEL: &'static str = "pets";
    const ANYTHING: Self = Self::Anything;

    fn parse(payload: &str) -> Self {
        payload.parse().map_or(Self::Anything, Self::Pet)
    }

    fn payload(&self) -> String {
        if let Self::Pet(number) = self { number.to_string() } else { String::new() }
    }

    fn name(&self) -> &'static str {
        "fed"
    }

    fn data(&self) -> impl Serialize {}
}
