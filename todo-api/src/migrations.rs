//! The steps of the database's schema.

use chassis::migrate::Migration;

/// Every migration, oldest first. What is listed here must never change; add to the end.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration::new(1, "todos", include_str!("../migrations/0001_todos.sql")),
    Migration::new(2, "live", include_str!("../migrations/0002_live.sql")),
    Migration::new(10, "idempotency", include_str!("../migrations/0010_idempotency.sql")),
    Migration::new(11, "outbox", include_str!("../migrations/0011_outbox.sql")),
    Migration::new(12, "by_index", include_str!("../migrations/0012_by_index.sql")),
];

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_list_is_the_folder_in_order() {
        let mut files: Vec<_> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
            .unwrap()
            .map(|entry| format!("migrations/{}", entry.unwrap().file_name().into_string().unwrap()))
            .collect();
        files.sort();
        assert_eq!(MIGRATIONS.iter().map(Migration::file).collect::<Vec<_>>(), files);
    }
}
