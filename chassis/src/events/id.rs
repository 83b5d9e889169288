//! Which event a client saw last.

use std::fmt;

use uuid::Uuid;

/// The place of an event in what one process heard without a gap. Another process, or the same one after a gap, counts
/// in another epoch: what a client missed then cannot be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct EventId {
    pub(super) epoch: Uuid,
    pub(super) number: u64,
}

impl EventId {
    /// The place before all events of a new epoch.
    pub(super) fn start() -> Self {
        Self { epoch: Uuid::now_v7(), number: 0 }
    }

    pub(super) fn next(self) -> Self {
        Self { number: self.number + 1, ..self }
    }

    /// An id that we gave out; anything else is as good as none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (epoch, number) = text.split_once('.')?;
        Some(Self { epoch: Uuid::try_parse(epoch).ok()?, number: number.parse().ok()? })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.epoch.simple(), self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text() {
        let id = EventId::start().next().next();
        assert_eq!(EventId::parse(&id.to_string()), Some(id));
    }

    #[test]
    fn what_is_no_id_is_none() {
        for text in
            ["", "1", ".", "x.1", "01890a5dac96774bbcceb302099a8057.", "01890a5dac96774bbcceb302099a8057.-1"]
        {
            assert_eq!(EventId::parse(text), None, "{text:?}");
        }
    }
}
