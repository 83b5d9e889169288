//! Todos to begin with.

use chassis::{
    etag::IfMatch,
    fields::{Change, Field},
};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    model::{NewTodo, TodoPatch},
    notes::Notes,
    store::{StoreError, Todos},
    timestamp::Timestamp,
    title::Title,
};

/// A todo that is always the same one, by its id.
pub(crate) struct Sample {
    id: u128,
    title: &'static str,
    notes: Option<&'static str>,
    /// In so many hours, or before so many.
    due: Option<i64>,
    done: bool,
}

/// One of each kind that looks or behaves differently.
pub(crate) const SAMPLES: [Sample; 7] = [
    Sample::new(1, "Look around: this list is shared with everyone who has it open"),
    Sample { due: Some(3), ..Sample::new(2, "Water the plants") },
    Sample {
        due: Some(26),
        notes: Some("Milk, bread, tomatoes.\nAsk whether anybody wants coffee."),
        ..Sample::new(3, "Buy groceries")
    },
    Sample { due: Some(24 * 7), ..Sample::new(4, "Prepare the talk for next week") },
    Sample {
        due: Some(-49),
        ..Sample::new(5, "Send the invoice that should have gone out the day before yesterday")
    },
    Sample { done: true, ..Sample::new(6, "Sign up for the course") },
    Sample { done: true, due: Some(-24), ..Sample::new(7, "Return the library books") },
];

/// What became of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Seeded {
    Created,
    /// It had been removed.
    Restored,
    /// It was there, as it was or as somebody has made it since.
    Kept,
}

impl Sample {
    const fn new(id: u128, title: &'static str) -> Self {
        Self { id, title, notes: None, due: None, done: false }
    }

    /// One that no other todo will ever have: version 8 is free for own use (RFC 9562, 5.8).
    fn id(&self) -> Uuid {
        uuid::Builder::from_custom_bytes((0x746f_646f_5f61_7069_7365_6564_0000_0000 | self.id).to_be_bytes())
            .into_uuid()
    }

    fn new_todo(&self, now: DateTime<Utc>) -> Result<NewTodo, String> {
        let mut new = NewTodo::titled(Title::parse(self.title.into())?);
        new.notes = self.notes.map(|notes| Notes::parse(notes.into())).transpose()?;
        new.due_at = self.due.and_then(|hours| Timestamp::new(now + TimeDelta::hours(hours)));
        Ok(new)
    }

    /// Sees to it that there is this todo; nobody's change of it is undone.
    pub(crate) async fn plant(&self, todos: &Todos<'_>, now: DateTime<Utc>) -> Result<Seeded, String> {
        let failed = |error: StoreError| format!("cannot add {:?}: {error}", self.title);
        let (id, new) = (self.id(), self.new_todo(now)?);
        let (todo, seeded) = match todos.get(id).await {
            Ok(todo) => (todo, Seeded::Kept),
            Err(StoreError::NotFound) => match todos.restore(id).await {
                Ok(todo) => (todo, Seeded::Restored),
                Err(StoreError::NotFound) => match todos.create_as(id, &new).await.map_err(failed)? {
                    Some(todo) => (todo, Seeded::Created),
                    // Somebody else was faster.
                    None => return Ok(Seeded::Kept),
                },
                Err(error) => return Err(failed(error)),
            },
            Err(error) => return Err(failed(error)),
        };
        // Also of one whose seeding was cut off in between. Whatever has another version was changed by somebody.
        if self.done && todo.version == 1 {
            match todos.update(id, &completed(now), &IfMatch(Some(vec![1]))).await {
                Ok(_) | Err(StoreError::NotFound | StoreError::OtherVersion) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(seeded)
    }
}

/// The change that completes a todo.
pub(crate) fn completed(at: DateTime<Utc>) -> TodoPatch {
    TodoPatch { completed_at: Timestamp::new(at).map_or(Change::Keep, Change::Set), ..TodoPatch::default() }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_is_a_todo_of_its_own() {
        let ids: HashSet<_> = SAMPLES.iter().map(Sample::id).collect();
        assert_eq!(ids.len(), SAMPLES.len());
        assert!(ids.iter().all(|id| id.get_version_num() == 8));
        for sample in &SAMPLES {
            assert!(sample.new_todo(Utc::now()).is_ok(), "{}", sample.title);
        }
    }
}
