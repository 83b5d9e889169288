//! A page of the list, bounded in todos and in bytes: many pages are in memory at once, on their way to slow clients.

use serde::Serialize;
use utoipa::ToSchema;

use super::{cursor::Cursor, model::Todo};

/// The longest page, in bytes of JSON.
pub(crate) const LONGEST: usize = 256 * 1024;

/// What most pages have room in.
const USUAL: usize = 8 * 1024;

const HEAD: &[u8] = br#"{"items":["#;

/// What is after the todos: a name, and a cursor.
const LONGEST_TAIL: usize = r#"],"next_cursor":""}"#.len() + Cursor::LENGTH;

/// A part of the list, newest first; no longer than 256 KiB, which may be fewer todos than were asked for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a draft writes its JSON")]
pub(crate) struct Page {
    items: Vec<Todo>,
    /// Where the next page begins; null if there is none.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// The JSON of a page that todos are still put on.
pub(super) struct Draft {
    json: Vec<u8>,
    most: usize,
    longest: usize,
    count: usize,
    last: Option<Cursor>,
    is_full: bool,
}

impl Draft {
    /// At most so many todos and bytes.
    pub(super) fn new(most: usize, longest: usize) -> Self {
        let mut json = Vec::with_capacity(USUAL);
        json.extend_from_slice(HEAD);
        Self { json, most, longest, count: 0, last: None, is_full: false }
    }

    /// Puts the next todo on the page; after the first for which there is no room, none.
    pub(super) fn add(&mut self, todo: &Todo<impl Serialize>) -> serde_json::Result<()> {
        self.is_full |= self.count >= self.most;
        if self.is_full {
            return Ok(());
        }
        let before = self.json.len();
        if self.count > 0 {
            self.json.push(b',');
        }
        serde_json::to_writer(&mut self.json, todo)?;
        // One has room always, or nobody would get past it.
        if self.count > 0 && self.json.len() + LONGEST_TAIL > self.longest {
            self.json.truncate(before);
            self.is_full = true;
            return Ok(());
        }
        self.count += 1;
        self.last = Some(Cursor { created_at: todo.created_at, id: todo.id });
        Ok(())
    }

    /// The page, in no more memory than it needs.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.json.extend_from_slice(br#"],"next_cursor":"#);
        match self.last.filter(|_| self.is_full) {
            Some(cursor) => self.json.extend_from_slice(format!("\"{}\"}}", cursor.encode()).as_bytes()),
            None => self.json.extend_from_slice(b"null}"),
        }
        self.json.shrink_to_fit();
        self.json
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::{Value, json};

    use super::*;

    fn page(most: usize, longest: usize, todos: impl IntoIterator<Item = Todo>) -> Vec<u8> {
        let mut draft = Draft::new(most, longest);
        todos.into_iter().for_each(|todo| draft.add(&todo).unwrap());
        draft.finish()
    }

    fn many(count: u128, notes: &str) -> impl Iterator<Item = Todo> {
        (0..count).map(move |number| Todo::with_notes(number, notes))
    }

    /// How many todos are on it, and after which of them the next one begins.
    fn read(page: &[u8]) -> (usize, Option<usize>) {
        let page: Value = serde_json::from_slice(page).unwrap();
        let items = page["items"].as_array().unwrap();
        let cursors = items.iter().map(|item| Cursor {
            created_at: DateTime::UNIX_EPOCH,
            id: item["id"].as_str().unwrap().parse().unwrap(),
        });
        let next = page["next_cursor"].as_str();
        let after = next.map(|next| cursors.map(|it| it.encode()).position(|it| it == next).unwrap());
        (items.len(), after)
    }

    #[test]
    fn a_page_that_has_room_for_all_is_the_last() {
        for count in [0, 1, 5] {
            let page = page(5, LONGEST, many(count, ""));
            assert_eq!((read(&page).0 as u128, read(&page).1), (count, None));
        }
    }

    #[test]
    fn a_page_ends_before_the_first_todo_that_is_one_too_many_in_number_or_bytes() {
        assert_eq!(read(&page(5, LONGEST, many(6, ""))), (5, Some(4)));
        // What looks short may be long: a control character has six bytes.
        let notes = "\u{1}".repeat(10_000);
        let by_bytes = page(100, LONGEST, many(100, &notes));
        assert_eq!(read(&by_bytes), (4, Some(3)));
        assert!(by_bytes.len() <= LONGEST);
        // Nor does a short one slip in behind one that was too long.
        let gap = page(
            100,
            1000,
            [(0, ""), (1, &*notes), (2, "")].map(|(number, notes)| Todo::with_notes(number, notes)),
        );
        assert_eq!(read(&gap), (1, Some(0)));
    }

    #[test]
    fn a_page_is_filled_to_the_last_byte() {
        let all = page(9, LONGEST, many(3, "\"ü"));
        let longest = all.len() - "null".len() + "\"\"".len() + Cursor::LENGTH;
        assert_eq!(read(&page(9, longest, many(3, "\"ü"))), (3, None));
        assert_eq!(read(&page(9, longest - 1, many(3, "\"ü"))), (2, Some(1)));
    }

    #[test]
    fn one_todo_has_room_however_long_it_is() {
        assert_eq!(read(&page(100, 1000, many(2, &"a".repeat(10_000)))), (1, Some(0)));
    }

    #[test]
    fn a_page_has_the_todos_as_they_are_and_no_more_memory_than_it_needs() {
        let page = page(5, LONGEST, many(2, "\""));
        let todos: Vec<_> = many(2, "\"").collect();
        let expected = json!({ "items": todos, "next_cursor": null });
        assert_eq!(serde_json::from_slice::<Value>(&page).unwrap(), expected);
        assert_eq!(page.capacity(), page.len());
    }
}
