//! A console over a service's own models: at a terminal for a person, from standard input for a script.
//!
//! The language is [Rhai](https://rhai.rs). Beside `sql("…")`, in which nothing is changed unless `--write` was given, a
//! service has one variable with methods of its own: a [`Model`].
//!
//! ```
//! use chassis::{
//!     Identity, Service,
//!     shell::{self, Model, Session, Words, rhai::Engine},
//! };
//!
//! #[derive(Clone)]
//! struct Pets(Session);
//!
//! impl Model for Pets {
//!     const WORDS: Words = Words {
//!         name: "pets",
//!         help: "pets.hello()    greets",
//!         example: "let greeting = pets.hello()",
//!         methods: &["hello("],
//!         columns: &["name"],
//!     };
//!
//!     fn of(session: Session) -> Self {
//!         Self(session)
//!     }
//!
//!     fn register(engine: &mut Engine) {
//!         engine.register_fn("hello", |_: &mut Pets| "Hello!");
//!     }
//! }
//!
//! let identity = Identity::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
//! let service = Service::new(identity, "Keeps pets").one_off(shell::process::<Pets>());
//! # let _ = service;
//! ```

mod console;
mod interrupts;
mod line;
mod model;
mod output;
mod script;
mod session;
mod show;
mod sql;
mod terminal;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::Args;
pub use rhai;
use tokio::runtime::Builder;

use self::{console::Console, interrupts::Interrupts, output::Output};
pub use self::{
    model::{Model, Words},
    session::Session,
};
use crate::{Identity, OneOff, database::DatabaseConfig};

/// What may be done.
#[derive(Args)]
struct Arguments {
    /// Change things, too: the database refuses it otherwise
    #[arg(long)]
    write: bool,
}

/// The one-off process `shell`.
pub fn process<M: Model>() -> OneOff {
    OneOff::interactive(
        "shell",
        "Try things on the models and the database, at a console or from a script on standard input",
        DatabaseConfig::read_for_one_off,
        |service, Arguments { write }, config| run::<M>(service, config, write),
    )
}

/// Runs until the end of the input or the first error of a script.
fn run<M: Model>(service: Identity, config: DatabaseConfig, write: bool) -> Result<ExitCode, String> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let _inside = runtime.enter();
    let at_terminal = io::stdin().is_terminal();
    let interrupts =
        Interrupts::catch(at_terminal).map_err(|error| format!("cannot catch signals: {error}"))?;
    let session = Session::open(runtime.handle().clone(), service, config, write, interrupts)?;
    let output = Output::default();
    let console = Console::new::<M>(session, output.clone());
    let done = if at_terminal {
        runtime.block_on(terminal::connected()).map_err(|error| format!("cannot catch signals: {error}"))?;
        terminal::run(console, service)
    } else {
        script::run(console)
    };
    // Does not wait for what hangs.
    runtime.shutdown_background();
    output.end().and(done)
}
