//! What the worker does: it finds what is due, and tells of that and of what happened.

use chassis::{
    Outcome,
    database::Database,
    outbox::Outbox,
    worker::{Found, Worker},
};

use crate::config::WorkerConfig;

/// What is to be told, written by the migrations' triggers.
pub(crate) const OUTBOX: Outbox = Outbox { subject: "todo_id", data: "todo" };

/// Turns what is due into events. Waits for nobody: what is locked is being changed, or another worker's.
const REMIND: &str = "WITH due AS MATERIALIZED (SELECT todos.id, to_jsonb(todos) AS todo FROM reminders \
         JOIN todos ON todos.id = reminders.todo_id WHERE reminders.due_at <= now() \
         ORDER BY reminders.due_at LIMIT 100 FOR UPDATE OF reminders SKIP LOCKED FOR SHARE OF todos SKIP LOCKED), \
     over AS (DELETE FROM reminders USING due WHERE reminders.todo_id = due.id) \
     INSERT INTO outbox (todo_id, kind, todo) SELECT id, 'todo.due', todo FROM due";

/// Works only if there is somebody to tell.
pub(crate) fn build(worker: &mut Worker, config: WorkerConfig) -> Outcome {
    let WorkerConfig { database, outbox } = config;
    if !outbox.delivers() {
        return Ok(());
    }
    let database = Database::of_worker(worker, database);
    let reminding = database.clone();
    worker.each_round(move || {
        let database = reminding.clone();
        async move { remind(&database).await }
    });
    OUTBOX.deliver(worker, &database, outbox)
}

async fn remind(database: &Database) -> Result<Found, String> {
    let done = database.run(async |connection| connection.execute(REMIND, &[]).await).await;
    done.map(|_| Found::Nothing).map_err(|error| format!("cannot look for what is due: {error}"))
}
