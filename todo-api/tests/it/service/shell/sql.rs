//! SQL in the shell: what it gives, and what it may not do.

use super::{count, refused, shown};
use crate::support::database::TestDatabase;

#[tokio::test]
async fn sql_gives_tables_and_values_of_every_type() {
    let database = TestDatabase::migrated().await;
    let table = shown(
        &database,
        &[],
        "sql(\"SELECT n AS number, n % 2 = 0 AS even, NULL AS nothing FROM generate_series(1, 2) AS n\")",
    )
    .await;
    assert_eq!(
        table.lines().collect::<Vec<_>>(),
        ["number  even   nothing", "------  -----  -------", "1       false  null", "2       true   null"]
    );
    let text = r#"
        let row = sql(`SELECT 7::int8 AS i, 1.5::float8 AS f, 12.30::numeric AS n, '{"a": [1]}'::jsonb AS j,
            'x'::text AS t, ARRAY[1, 2] AS a, interval '1 day' AS d, '\x00ff'::bytea AS b,
            '10.0.0.1'::inet AS ip, date '2030-01-31' AS day`)[0];
        print(row.i + 1); print(row.f * 2); print(row.n); print(row.j.a[0] + 1); print(row.t);
        print(row.a); print(row.d); print(row.b); print(row.ip); print(row.day);
        sql("SELECT 1 AS x WHERE false")
    "#;
    assert_eq!(
        shown(&database, &[], text).await.lines().collect::<Vec<_>>(),
        ["8", "3.0", "12.30", "2", "x", "{1,2}", "1 day", "\\x00ff", "10.0.0.1", "2030-01-31", "(none)"]
    );
    let changes = "sql(\"INSERT INTO todos (id, title) SELECT gen_random_uuid(), n::text FROM generate_series(1, 3) n\")\n\
                   sql(\"DELETE FROM todos WHERE title > '1' RETURNING title\").len\n\
                   sql(\"CREATE TABLE other ()\")";
    assert_eq!(shown(&database, &["--write"], changes).await.lines().collect::<Vec<_>>(), ["3", "2", "0"]);
}

#[tokio::test]
async fn what_is_too_much_is_refused_and_not_waited_for() {
    let database = TestDatabase::migrated().await;
    let text = "try { sql(\"SELECT generate_series(1, 2000000000)\") } catch(why) { print(why) }\n\
                sql(\"SELECT generate_series(1, 10000) AS n\").len";
    let all = shown(&database, &[], text).await;
    assert!(all.starts_with("there are more than 10000 rows: add a LIMIT"), "{all}");
    assert!(all.ends_with("\n10000\n"), "{all}");
}

#[tokio::test]
async fn without_write_the_database_refuses_every_change() {
    let database = TestDatabase::migrated().await;
    let insert = "INSERT INTO todos (id, title) VALUES (gen_random_uuid(), 'x')";
    for text in [
        "todos.create(\"a\")".to_owned(),
        format!("sql(\"{insert}\")"),
        format!("sql(\"WITH made AS ({insert} RETURNING 1) SELECT * FROM made\")"),
        format!("sql(\"COMMIT; {insert}\")"),
        format!("sql(\"SELECT 1; {insert}\")"),
        format!("sql(\"SET default_transaction_read_only = off\")\nsql(\"{insert}\")"),
        format!(
            "sql(\"SELECT set_config('default_transaction_read_only', 'off', false)\")\nsql(\"{insert}\")"
        ),
        format!("sql(\"SELECT set_config('transaction_read_only', 'off', false)\")\nsql(\"{insert}\")"),
        "sql(\"SET TRANSACTION READ WRITE\")".to_owned(),
        format!("sql(\"SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE\")\nsql(\"{insert}\")"),
        format!("sql(\"BEGIN READ WRITE\")\nsql(\"{insert}\")"),
        format!("sql(\"COMMIT\")\nsql(\"{insert}\")"),
        format!("sql(\"COMMIT AND CHAIN\")\nsql(\"{insert}\")"),
        format!(
            "sql(\"ROLLBACK\")\nsql(\"SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE\")\nsql(\"{insert}\")"
        ),
        format!("sql(`DO $$ BEGIN COMMIT; SET default_transaction_read_only = off; {insert}; END $$`)"),
        format!(
            "sql(`DO $$ BEGIN PERFORM set_config('transaction_read_only', 'off', true); {insert}; END $$`)"
        ),
        "sql(\"CREATE TABLE other ()\")".to_owned(),
        "sql(\"TRUNCATE todos\")".to_owned(),
        "sql(\"EXPLAIN ANALYZE DELETE FROM todos\")".to_owned(),
    ] {
        let told = refused(&database, &[], &text).await;
        assert!(told.starts_with("line "), "{text}: {told}");
        assert_eq!(count(&database).await, 0, "{text}");
    }
    let told = refused(&database, &[], "todos.create(\"a\")").await;
    assert!(told.contains("read-only transaction") && told.contains("--write"), "{told}");
    // Nor does it make what it refuses outlive the statement.
    assert_eq!(
        shown(&database, &[], "sql(\"SHOW transaction_read_only\")[0].transaction_read_only").await,
        "on\n"
    );
}
