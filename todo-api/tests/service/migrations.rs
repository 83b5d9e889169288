//! The schema is changed by `migrate`, and by nothing else.

use sqlx::Executor;

use super::{
    database::TestDatabase,
    process::{Service, run},
};

#[tokio::test]
async fn web_waits_for_the_schema_and_never_makes_it() {
    let database = TestDatabase::empty().await;
    let service = Service::start(&database.url(), &[]).await;
    let response = service.get("/readyz").await;
    assert_eq!(response.status(), 503);
    assert!(response.text().await.unwrap().contains("migrate"));
    assert_eq!(service.get("/livez").await.status(), 200);
    let response = service.get("/api/todos").await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(tables, 0);

    assert!(run("migrate", &[("DATABASE_URL", &database.url())]).await.status.success());
    assert_eq!(service.get("/readyz").await.status(), 200);
    assert_eq!(service.get("/api/todos").await.status(), 200);
}

#[tokio::test]
async fn many_at_once_do_each_migration_once() {
    let database = TestDatabase::empty().await;
    let url = database.url();
    let variables = [("DATABASE_URL", url.as_str())];
    let (a, b, c) =
        tokio::join!(run("migrate", &variables), run("migrate", &variables), run("migrate", &variables));
    let mut applied = 0;
    for output in [a, b, c] {
        assert!(output.status.success(), "{output:?}");
        let log = String::from_utf8(output.stdout).unwrap();
        let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        assert_eq!((&last["message"], &last["version"]), (&"migrated".into(), &1.into()));
        assert_eq!(log.lines().count() as u64, last["count"].as_u64().unwrap() + 1);
        applied += last["count"].as_u64().unwrap();
    }
    assert_eq!(applied, 1);
}

#[tokio::test]
async fn a_newer_schema_is_fine() {
    let database = TestDatabase::migrated().await;
    database
        .execute(
            "ALTER TABLE todos ADD COLUMN colour text; \
             INSERT INTO _sqlx_migrations VALUES (9999, 'of the future', now(), true, '', 0)",
        )
        .await;
    assert!(run("migrate", &[("DATABASE_URL", &database.url())]).await.status.success());
    let service = Service::ready(&database, &[]).await;
    assert_eq!(service.get("/api/todos").await.status(), 200);
}

#[tokio::test]
async fn a_migration_under_way_does_not_break_running_processes() {
    let database = TestDatabase::migrated().await;
    let service = Service::ready(&database, &[]).await;
    // Prepares the statements whose results would change if they were not spelt out.
    assert_eq!(service.get("/api/todos").await.status(), 200);
    database.execute("ALTER TABLE todos ADD COLUMN colour text").await;
    assert_eq!(service.get("/api/todos").await.status(), 200);
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    let database = TestDatabase::migrated().await;
    database.execute("UPDATE _sqlx_migrations SET checksum = 'other'").await;
    let output = run("migrate", &[("DATABASE_URL", &database.url())]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("another text"));
}

#[tokio::test]
async fn the_schema_refuses_what_the_service_would() {
    let database = TestDatabase::migrated().await;
    let mut connection = database.connect().await;
    for sql in [
        "INSERT INTO todos (id, title) VALUES (gen_random_uuid(), '')",
        "INSERT INTO todos (id, title) VALUES (gen_random_uuid(), repeat('x', 201))",
        "INSERT INTO todos (id, title, notes) VALUES (gen_random_uuid(), 'x', repeat('x', 10001))",
        "INSERT INTO todos (id, title, version) VALUES (gen_random_uuid(), 'x', 0)",
    ] {
        assert!(connection.execute(sql).await.is_err(), "{sql}");
    }
}
