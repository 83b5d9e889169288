//! What a migration is. The database is held against it, and `migrate` applies it.

use std::fmt::Write;

use ring::digest::{SHA256, SHA384, digest};

/// A step of the database's schema: a file of SQL in the binary. What is in a release never changes.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

impl Migration {
    /// The text of `migrations/VERSION_NAME.sql`, whose version has four digits.
    pub const fn new(version: i64, name: &'static str, sql: &'static str) -> Self {
        Self { version, name, sql }
    }

    /// Its place among the others.
    pub const fn version(&self) -> i64 {
        self.version
    }

    /// Where its text is, in the folder of the service's package.
    pub fn file(&self) -> String {
        format!("migrations/{:04}_{}.sql", self.version, self.name)
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) const fn sql(&self) -> &'static str {
        self.sql
    }

    /// SHA-384 of the text.
    pub(crate) fn checksum(&self) -> Vec<u8> {
        digest(&SHA384, self.sql.as_bytes()).as_ref().into()
    }
}

/// A digest that no other list of migrations has: a database that was brought to it has nothing to apply.
pub(crate) fn digest_of(migrations: &[Migration]) -> String {
    let mut text = String::new();
    for migration in migrations {
        let _ = writeln!(text, "{} {}", migration.version, hexadecimal(&migration.checksum()));
    }
    format!("sha256:{}", hexadecimal(digest(&SHA256, text.as_bytes()).as_ref()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads one of these versions.
pub(crate) fn known(migrations: &[Migration], text: &str) -> Result<i64, String> {
    let found = migrations.iter().map(Migration::version).find(|version| version.to_string() == text);
    found.ok_or_else(|| {
        let names: Vec<_> = migrations.iter().map(|it| format!("{} ({})", it.version, it.name)).collect();
        format!("this binary knows {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_of_migrations_has_a_digest_of_its_own() {
        let (pets, food) = (Migration::new(1, "pets", "a"), Migration::new(2, "food", "b"));
        let other = Migration::new(2, "food", "b ");
        let all = [&[][..], &[pets], &[pets, food], &[pets, other]].map(digest_of);
        assert!(all.iter().all(|digest| digest.starts_with("sha256:") && digest.len() == 71), "{all:?}");
        assert!((1..all.len()).all(|end| !all[..end].contains(&all[end])), "{all:?}");
    }

    #[test]
    fn only_the_listed_versions_are_known() {
        let list = [Migration::new(2, "pets", ""), Migration::new(10, "food", "")];
        assert_eq!(known(&list, "10"), Ok(10));
        for text in ["", "3", "010", "+2", "pets"] {
            assert!(known(&list, text).unwrap_err().contains("2 (pets), 10 (food)"), "{text}");
        }
        assert_eq!(list[1].file(), "migrations/0010_food.sql");
    }
}
