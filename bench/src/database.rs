//! The databases.

use tokio_postgres::{Client, NoTls};

use crate::Outcome;

/// The statements that fill a database: what one busy person has written down in some years.
const SEED: &str = "
    SET todo_api.announces = 'later';
    INSERT INTO todos (id, title, notes, due_at, completed_at, created_at, updated_at, version)
    SELECT md5(n::text)::uuid, 'Todo number ' || n || ' of a long list of things',
        CASE WHEN n % 2 = 0 THEN repeat('What is to be known of it. ', 5) END,
        CASE WHEN n % 3 = 0 THEN made + interval '30 days' END,
        CASE WHEN n % 4 > 0 THEN made + interval '2 days 3.5 hours' END,
        made, made + interval '2 days 3.5 hours', 1 + n % 4
    FROM (SELECT n, timestamptz '2024-01-01T08:00:00.123456Z' + n * interval '1 hour' AS made
          FROM generate_series(1, 10000) AS n) AS seeds;
    TRUNCATE outbox;
    VACUUM ANALYZE;
";

/// Connects as the service does.
pub(crate) async fn connect(url: &str) -> Outcome<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .map_err(|error| format!("connecting to PostgreSQL: {error}"))?;
    // Its end is heard of at the next statement.
    tokio::spawn(connection);
    client.batch_execute("SET todo_api.announces = 'later'").await?;
    Ok(client)
}

pub(crate) async fn create(server: &str, name: &str) -> Outcome {
    let server = connect(server).await?;
    // All who are compared plan as the service's connections do: what a table was like when a connection planned for it is
    // luck, and made another service up to seven times as slow.
    for statement in
        [format!("CREATE DATABASE {name}"), format!("ALTER DATABASE {name} SET enable_seqscan = off")]
    {
        let made = server.batch_execute(&statement).await;
        made.map_err(|error| format!("making the database {name}: {error}"))?;
    }
    Ok(())
}

pub(crate) async fn seed(database: &str) -> Outcome {
    let client = connect(database).await?;
    for statement in SEED.split(';').filter(|statement| !statement.trim().is_empty()) {
        // One by one: VACUUM is for no transaction.
        client.batch_execute(statement).await.map_err(|error| format!("filling a database: {error}"))?;
    }
    Ok(())
}
