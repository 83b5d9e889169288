//! The migrations in this binary.

use sqlx::{
    SqlStr,
    migrate::{Migration, MigrationType},
};

/// Every migration, oldest first. What is listed here must never change; add to the end.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "todos", include_str!("../../migrations/0001_todos.sql")),
    (2, "live", include_str!("../../migrations/0002_live.sql")),
    (10, "idempotency", include_str!("../../migrations/0010_idempotency.sql")),
    (11, "outbox", include_str!("../../migrations/0011_outbox.sql")),
];

/// The versions a database must have for this binary to work.
pub(crate) fn versions() -> Vec<i64> {
    MIGRATIONS.iter().map(|(version, ..)| *version).collect()
}

/// Reads one of these versions.
pub(crate) fn known(text: &str) -> Result<i64, String> {
    let found = versions().into_iter().find(|version| version.to_string() == text);
    found.ok_or_else(|| {
        let names: Vec<_> =
            MIGRATIONS.iter().map(|(version, name, _)| format!("{version} ({name})")).collect();
        format!("this binary knows {}", names.join(", "))
    })
}

/// Where a migration's text is, in the folder of this package.
pub(super) fn file(migration: &Migration) -> String {
    format!("migrations/{:04}_{}.sql", migration.version, migration.description)
}

pub(super) fn migrations() -> impl Iterator<Item = Migration> {
    MIGRATIONS.iter().map(|(version, name, sql)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, SqlStr::from_static(sql), false)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_the_listed_versions_are_known() {
        assert_eq!(known("10"), Ok(10));
        for text in ["", "3", "010", "+1", "todos"] {
            assert!(known(text).unwrap_err().contains("10 (idempotency)"), "{text}");
        }
    }

    #[test]
    fn the_list_is_the_folder_in_order() {
        let mut files: Vec<_> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
            .unwrap()
            .map(|entry| format!("migrations/{}", entry.unwrap().file_name().into_string().unwrap()))
            .collect();
        files.sort();
        let listed: Vec<_> = migrations().map(|migration| file(&migration)).collect();
        assert_eq!(listed, files);
    }
}
