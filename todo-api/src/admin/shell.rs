//! The todos as the shell has them: by the service's own model, with all its rules.

use chassis::{
    etag::IfMatch,
    fields::{Fields, FromFields},
    shell::{
        Model, Session, Words,
        rhai::{self, Dynamic, Engine, EvalAltResult},
    },
};
use chrono::Utc;
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::todos::{self, completed};

const HELP: &str = "\
todos.list()                        the newest; #{state: \"open\", due_before: \"…\", limit: 50} for others
todos.get(id)                       one; instead of an id everywhere a todo will do, too
todos.create(\"Buy milk\")            or #{title: \"…\", notes: \"…\", due_at: \"2030-01-31T12:00:00Z\"}
todos.update(id, #{title: \"…\"})     what is not mentioned stays, () clears
todos.complete(id)  .reopen(id)
todos.delete(id)    .undo(id)       a deleted one can be brought back for a day";

type Outcome = Result<Dynamic, Box<EvalAltResult>>;

/// The value of the variable `todos`.
#[derive(Clone)]
pub(crate) struct Todos(Session);

impl Model for Todos {
    const WORDS: Words = Words {
        name: "todos",
        help: HELP,
        example: "let open = todos.list().filter(|todo| todo.completed_at == ())",
        methods: &["list(", "get(", "create(", "update(", "complete(", "reopen(", "delete(", "undo("],
        columns: &["id", "title", "notes", "due_at", "completed_at", "created_at", "updated_at", "version"],
    };

    fn of(session: Session) -> Self {
        Self(session)
    }

    fn register(engine: &mut Engine) {
        engine
            .register_type_with_name::<Todos>("todos")
            .register_fn("list", |todos: &mut Todos| todos.list(&rhai::Map::new().into()))
            .register_fn("list", |todos: &mut Todos, wanted: rhai::Map| todos.list(&wanted.into()))
            .register_fn("get", |todos: &mut Todos, which: Dynamic| todos.get(&which))
            .register_fn("create", |todos: &mut Todos, new: Dynamic| todos.create(&new))
            .register_fn("update", |todos: &mut Todos, which: Dynamic, patch: rhai::Map| {
                todos.update(&which, &patch.into())
            })
            .register_fn("complete", |todos: &mut Todos, which: Dynamic| todos.complete(&which))
            .register_fn("reopen", |todos: &mut Todos, which: Dynamic| {
                todos.update(&which, &Dynamic::from_map([("completed_at".into(), Dynamic::UNIT)].into()))
            })
            .register_fn("delete", |todos: &mut Todos, which: Dynamic| todos.delete(&which))
            .register_fn("undo", |todos: &mut Todos, which: Dynamic| todos.undo(&which));
    }
}

impl Todos {
    fn list(&self, wanted: &Dynamic) -> Outcome {
        let mut values = map(wanted)?;
        // As in an address, where everything is text.
        for value in values.values_mut().filter(|value| value.is_number()) {
            *value = Value::String(value.to_string());
        }
        let query = read(values)?;
        shown(&self.0.work(async |database| todos::Todos(database).list(&query).await)?)
    }

    fn get(&self, which: &Dynamic) -> Outcome {
        let id = id(which)?;
        shown(&self.0.work(async |database| todos::Todos(database).get(id).await)?)
    }

    fn create(&self, new: &Dynamic) -> Outcome {
        let values = if new.is_string() {
            Map::from_iter([("title".to_owned(), Value::String(new.to_string()))])
        } else {
            map(new)?
        };
        let new = read(values)?;
        let (todo, _) = self.0.work(async |database| todos::Todos(database).create(&new).await)?;
        shown(&todo)
    }

    fn update(&self, which: &Dynamic, patch: &Dynamic) -> Outcome {
        let (id, patch) = (id(which)?, read(map(patch)?)?);
        shown(&self.0.work(async |database| todos::Todos(database).update(id, &patch, &IfMatch(None)).await)?)
    }

    /// Leaves one that is done as it is.
    fn complete(&self, which: &Dynamic) -> Outcome {
        let id = id(which)?;
        shown(&self.0.work(async |database| {
            let todos = todos::Todos(database);
            let todo = todos.get(id).await?;
            if todo.completed_at.is_some() {
                return Ok(todo);
            }
            todos.update(id, &completed(Utc::now()), &IfMatch(None)).await
        })?)
    }

    fn delete(&self, which: &Dynamic) -> Outcome {
        let id = id(which)?;
        self.0.work(async |database| todos::Todos(database).delete(id, &IfMatch(None)).await)?;
        Ok(Dynamic::UNIT)
    }

    fn undo(&self, which: &Dynamic) -> Outcome {
        let id = id(which)?;
        shown(&self.0.work(async |database| todos::Todos(database).restore(id).await)?)
    }
}

/// The id of a todo, given by itself or by the todo.
fn id(which: &Dynamic) -> Result<Uuid, String> {
    let of_todo = which.as_map_ref().ok().and_then(|todo| todo.get("id").cloned());
    let text = of_todo.unwrap_or_else(|| which.clone()).to_string();
    text.parse().map_err(|_| format!("{text:?} is neither a todo nor the id of one"))
}

fn map(value: &Dynamic) -> Result<Map<String, Value>, Box<EvalAltResult>> {
    match rhai::serde::from_dynamic(value)? {
        Value::Object(map) => Ok(map),
        other => Err(format!("{other} is no map such as #{{title: \"Buy milk\"}}").into()),
    }
}

fn read<T: FromFields>(values: Map<String, Value>) -> Result<T, String> {
    Fields::read(values).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(|error| format!("{} {}", error.field, error.detail)).collect();
        errors.join("; ")
    })
}

fn shown(value: &impl Serialize) -> Outcome {
    rhai::serde::to_dynamic(value)
}
