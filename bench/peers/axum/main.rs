//! The list and the creation of todos with axum and tokio-postgres alone: what `cargo xtask bench` measures the chassis by.
//!
//! The two requests that are measured are answered as todo-api answers them: the first page and a new todo. No other pages,
//! no filters, no logs, no metrics, no limits.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::{error::Error, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderName, StatusCode, header},
    routing::get,
    serve::ListenerExt,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};
use tokio_postgres::{Client, Config, NoTls, Row, Statement};
use uuid::Uuid;

const COLUMNS: &str = "id, title, notes, due_at, completed_at, created_at, updated_at, version";
const PAGE: usize = 20;

/// An answer that is not what was asked for.
type Refusal = (StatusCode, String);

#[derive(Serialize)]
struct Todo {
    id: Uuid,
    title: String,
    notes: Option<String>,
    due_at: Option<Moment>,
    completed_at: Option<Moment>,
    created_at: Moment,
    updated_at: Moment,
    version: i64,
}

/// Written in one piece, as todo-api does: by itself chrono hands it over digit by digit.
struct Moment(DateTime<Utc>);

#[derive(Serialize)]
struct Page {
    items: Vec<Todo>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTodo {
    title: String,
    notes: Option<String>,
    due_at: Option<DateTime<Utc>>,
}

/// Requests take turns at the connections, and do not wait for one another: tokio-postgres sends them on at once.
struct Database(Vec<Connection>, AtomicUsize);

struct Connection(Client, [Statement; 2]);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name| std::env::var(name).map_err(|error| format!("reading {name}: {error}"));
    let mut config: Config = variable("DATABASE_URL")?.parse()?;
    // As todo-api does: not announced by a trigger, which would make commits wait for one another.
    config.options("-c todo_api.announces=later");
    let mut connections = Vec::new();
    for _ in 0..variable("CONNECTIONS")?.parse()? {
        connections.push(Connection::open(&config).await?);
    }
    let database = Arc::new(Database(connections, AtomicUsize::new(0)));
    let routes = Router::new().route("/api/todos", get(list).post(create)).with_state(database);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", variable("PORT")?.parse()?)).await?;
    // As its users tune it: an answer does not wait for the acknowledgement of the one before.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, routes).await?)
}

async fn list(State(database): State<Arc<Database>>) -> Result<Json<Page>, Refusal> {
    let Connection(client, [list, _]) = database.connection();
    // The one too many only tells that there is more.
    let rows = client.query(list, &[&21_i64]).await.map_err(refusal)?;
    let mut items = rows.iter().map(Todo::from_row).collect::<Result<Vec<_>, _>>().map_err(refusal)?;
    let more = items.len() > PAGE;
    items.truncate(PAGE);
    let next_cursor = items.last().filter(|_| more).map(Todo::cursor);
    Ok(Json(Page { items, next_cursor }))
}

async fn create(
    State(database): State<Arc<Database>>,
    Json(NewTodo { title, notes, due_at }): Json<NewTodo>,
) -> Result<(StatusCode, [(HeaderName, String); 2], Json<Todo>), Refusal> {
    let title = title.trim();
    if title.is_empty() || title.chars().count() > 200 || title.chars().any(char::is_control) {
        return Err((StatusCode::UNPROCESSABLE_ENTITY, "title must have 1 to 200 characters".into()));
    }
    let Connection(client, [_, insert]) = database.connection();
    let row = client.query_one(insert, &[&Uuid::now_v7(), &title, &notes, &due_at]).await.map_err(refusal)?;
    let todo = Todo::from_row(&row).map_err(refusal)?;
    let (location, etag) = (format!("/api/todos/{}", todo.id), format!("\"{}\"", todo.version));
    Ok((StatusCode::CREATED, [(header::LOCATION, location), (header::ETAG, etag)], Json(todo)))
}

fn refusal(error: impl Error) -> Refusal {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

impl Database {
    fn connection(&self) -> &Connection {
        &self.0[self.1.fetch_add(1, Relaxed) % self.0.len()]
    }
}

impl Connection {
    async fn open(config: &Config) -> Result<Self, tokio_postgres::Error> {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        let list =
            format!("SELECT {COLUMNS} FROM todos WHERE true ORDER BY created_at DESC, id DESC LIMIT $1");
        let insert = format!(
            "INSERT INTO todos (id, title, notes, due_at) VALUES ($1, $2, $3, $4) RETURNING {COLUMNS}"
        );
        let statements = [client.prepare(&list).await?, client.prepare(&insert).await?];
        Ok(Self(client, statements))
    }
}

impl Todo {
    fn from_row(row: &Row) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            id: row.try_get(0)?,
            title: row.try_get(1)?,
            notes: row.try_get(2)?,
            due_at: row.try_get::<_, Option<_>>(3)?.map(Moment),
            completed_at: row.try_get::<_, Option<_>>(4)?.map(Moment),
            created_at: Moment(row.try_get(5)?),
            updated_at: Moment(row.try_get(6)?),
            version: row.try_get(7)?,
        })
    }

    fn cursor(&self) -> String {
        BASE64.encode([&self.created_at.0.timestamp_micros().to_be_bytes()[..], self.id.as_bytes()].concat())
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}
