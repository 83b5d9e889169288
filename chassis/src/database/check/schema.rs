//! Whether the schema is the one that this binary wants.

use crate::{
    check::Trouble,
    database::{
        Connection,
        schema::{Place, SchemaStatus, status},
    },
    migration::Migration,
};

/// The migrations that are in, that lack, and that are not what they should be.
pub(super) async fn look(connection: &Connection, migrations: &[Migration]) -> Result<String, Trouble> {
    evaluate(&status(connection, migrations).await?)
}

fn evaluate(migrations: &[SchemaStatus]) -> Result<String, Trouble> {
    let versions = |wanted: fn(&Place) -> bool| {
        let all = migrations.iter().filter(|migration| wanted(&migration.place));
        Some(all.map(|migration| migration.version.to_string()).collect::<Vec<_>>().join(", "))
            .filter(|list| !list.is_empty())
    };
    let mut wrong = Vec::new();
    let mut next = Vec::new();
    if let Some(list) = versions(|place| matches!(place, Place::OtherText(_))) {
        wrong.push(format!("applied from another text: {list}"));
        next.push("run the release that applied them, or restore the database that belongs to this one");
    }
    if let Some(list) = versions(|place| matches!(place, Place::Unfinished)) {
        wrong.push(format!("begun but not finished: {list}"));
        next.push("see what of it is in the schema, mend that by hand, and its row in _sqlx_migrations");
    }
    let applied = versions(|place| matches!(place, Place::Applied(_)));
    if let Some(list) = versions(|place| matches!(place, Place::ToCome)) {
        wrong.push(format!("lacking: {list}; applied: {}", applied.as_deref().unwrap_or("none")));
        next.push("run `migrate`");
    }
    if !wrong.is_empty() {
        return Err(Trouble::new(format!("migrations {}", wrong.join("; ")), next.join("; ")));
    }
    let newer = versions(|place| matches!(place, Place::Newer(_)));
    Ok(format!(
        "all migrations are in and as they should be: {}{}",
        applied.unwrap_or_default(),
        newer.map(|list| format!("; of a newer binary: {list}")).unwrap_or_default()
    ))
}
