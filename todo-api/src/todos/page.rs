//! A page of the list, bounded in todos and in bytes: many pages are in memory at once, on their way to slow clients.

use std::io::{self, Write};

use serde::Serialize;
use utoipa::ToSchema;

use super::{cursor::Cursor, model::Todo};

/// The longest page, in bytes of JSON.
pub(crate) const LONGEST: usize = 256 * 1024;

/// What is around the todos: the names, and a cursor.
const FRAME: usize = 100;

/// A part of the list, newest first; no longer than 256 KiB, which may be fewer todos than were asked for.
#[derive(Serialize, ToSchema)]
pub(crate) struct Page {
    pub(crate) items: Vec<Todo>,
    /// Where the next page begins; null if there is none.
    #[schema(required)]
    pub(crate) next_cursor: Option<String>,
    /// How long it is at most, in bytes of JSON.
    #[serde(skip)]
    size: usize,
}

/// A page that todos are still put on.
pub(super) struct Draft {
    items: Vec<Todo>,
    most: usize,
    longest: usize,
    size: usize,
    is_full: bool,
}

impl Draft {
    /// At most so many todos and bytes.
    pub(super) fn new(most: usize, longest: usize) -> Self {
        Self { items: Vec::new(), most, longest, size: FRAME, is_full: false }
    }

    /// Puts the next todo on the page; after the first for which there is no room, none.
    pub(super) fn add(&mut self, todo: Todo) -> serde_json::Result<()> {
        if self.is_full {
            return Ok(());
        }
        let size = self.size + length(&todo)? + 1;
        // One has room always, or nobody would get past it.
        self.is_full = self.items.len() >= self.most || (size > self.longest && !self.items.is_empty());
        if !self.is_full {
            self.size = size;
            self.items.push(todo);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Page {
        let last = self.items.last().filter(|_| self.is_full);
        let next_cursor = last.map(|todo| Cursor { created_at: todo.created_at, id: todo.id }.encode());
        Page { items: self.items, next_cursor, size: self.size }
    }
}

impl Page {
    /// Its JSON, in no more memory than it needs.
    pub(crate) fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        let mut json = Vec::with_capacity(self.size);
        serde_json::to_writer(&mut json, self)?;
        Ok(json)
    }
}

/// How long a value is as JSON.
fn length(value: &impl Serialize) -> serde_json::Result<usize> {
    struct Length(usize);

    impl Write for Length {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut length = Length(0);
    serde_json::to_writer(&mut length, value)?;
    Ok(length.0)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    fn todo(number: u128, notes: &str) -> Todo {
        Todo {
            id: Uuid::from_u128(number),
            title: "a".into(),
            notes: Some(notes.into()),
            due_at: None,
            completed_at: None,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            version: i64::MAX,
        }
    }

    fn page(most: usize, longest: usize, todos: impl IntoIterator<Item = Todo>) -> Page {
        let mut draft = Draft::new(most, longest);
        todos.into_iter().for_each(|todo| draft.add(todo).unwrap());
        draft.finish()
    }

    fn many(count: u128, notes: &str) -> impl Iterator<Item = Todo> {
        (0..count).map(move |number| todo(number, notes))
    }

    #[test]
    fn a_page_that_has_room_for_all_is_the_last() {
        for count in [0, 1, 5] {
            let page = page(5, LONGEST, many(count, ""));
            assert_eq!((page.items.len() as u128, page.next_cursor), (count, None));
        }
    }

    #[test]
    fn a_page_ends_before_the_first_todo_that_is_one_too_many_in_number_or_bytes() {
        let by_number = page(5, LONGEST, many(6, ""));
        assert_eq!((by_number.items.len(), by_number.next_cursor.is_some()), (5, true));
        // What looks short may be long: a control character has six bytes.
        let notes = "\u{1}".repeat(10_000);
        let by_bytes = page(100, LONGEST, many(100, &notes));
        assert_eq!((by_bytes.items.len(), by_bytes.next_cursor.is_some()), (4, true));
        assert!(by_bytes.to_json().unwrap().len() <= LONGEST);
        // Nor does a short one slip in behind one that was too long.
        let gap = page(100, 1000, [todo(0, ""), todo(1, &notes), todo(2, "")]);
        assert_eq!(gap.items.len(), 1);
    }

    #[test]
    fn one_todo_has_room_however_long_it_is() {
        let page = page(100, 1000, many(2, &"a".repeat(10_000)));
        assert_eq!((page.items.len(), page.next_cursor.is_some()), (1, true));
    }

    #[test]
    fn a_page_is_written_without_more_memory_than_it_has() {
        for page in [page(5, LONGEST, many(9, "\"")), page(5, LONGEST, []), page(1, 1, many(2, "ü"))] {
            let json = page.to_json().unwrap();
            assert!(json.len() <= page.size && json.capacity() == page.size, "{} {}", json.len(), page.size);
        }
    }
}
