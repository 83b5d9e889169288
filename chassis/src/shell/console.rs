//! Evaluates what is said, and remembers the variables and functions of the session.

use rhai::{AST, Dynamic, Engine, EvalAltResult, Position, Scope};

use super::{
    Model, Words,
    output::Output,
    session::{INTERRUPTED, Session},
    show,
    sql::Answer,
};

/// What `help()` says after what it says of the model.
const HELP: &str = "\
sql(\"select …\")                     one statement; an array of maps, or how many rows were changed
help()  exit()                      Ctrl-C ends what is being done, Ctrl-D the shell";

const READS: &str = "Without --write the database refuses every change.";

/// What one evaluation may use: enough for a person, too little to do harm by mistake.
const OPERATIONS: u64 = 5_000_000;
const CALLS: usize = 48;
const DEPTHS: (usize, usize) = (64, 32);
const TEXT: usize = 16 << 20;
const ELEMENTS: usize = 20_000;
/// In all the maps of a value together, which may be a whole table.
const ENTRIES: usize = 1_000_000;

pub(super) struct Console {
    pub(super) engine: Engine,
    pub(super) scope: Scope<'static>,
    functions: AST,
    pub(super) session: Session,
    pub(super) words: Words,
    pub(super) output: Output,
    /// How wide a table may be, if that matters.
    pub(super) width: Option<usize>,
}

/// What came of an evaluation.
pub(super) enum Said {
    Text(String),
    Nothing,
    /// That was it.
    End,
}

/// What went wrong, and in which line of what was said.
pub(super) struct Failure {
    pub(super) line: usize,
    pub(super) why: String,
}

impl Console {
    pub(super) fn new<M: Model>(session: Session, output: Output) -> Self {
        let engine = engine::<M>(&session, &output);
        let (scope, functions) = (Scope::new(), AST::empty());
        Self { engine, scope, functions, session, words: M::WORDS, output, width: None }
    }

    pub(super) fn evaluate(&mut self, text: &str) -> Result<Said, Failure> {
        let ast = self.engine.compile(text).map_err(|error| failure(error.into()))?;
        let ast = self.functions.merge(&ast);
        self.functions = ast.clone_functions_only();
        self.session.interrupts().begin();
        let done = self.engine.eval_ast_with_scope::<Dynamic>(&mut self.scope, &ast);
        self.session.interrupts().end();
        match done {
            _ if self.output.is_lost() => Ok(Said::End),
            // As in the language itself, where a semicolon makes an expression a statement.
            Ok(value) if value.is_unit() || text.trim_end().ends_with(';') => Ok(Said::Nothing),
            Ok(value) => {
                let orders =
                    [self.session.columns(), self.words.columns.iter().map(ToString::to_string).collect()];
                Ok(Said::Text(show::show(&value, &orders, self.width)))
            }
            Err(error) if is_end(&error) => Ok(Said::End),
            Err(error) => Err(failure(error)),
        }
    }
}

/// The language with what there is besides.
fn engine<M: Model>(session: &Session, output: &Output) -> Engine {
    let mut engine = Engine::new();
    let says = || {
        let output = output.clone();
        move |text: &str| output.line(text)
    };
    let (prints, debugs, helps) = (says(), says(), says());
    engine
        .set_max_operations(OPERATIONS)
        .set_max_call_levels(CALLS)
        .set_max_expr_depths(DEPTHS.0, DEPTHS.1)
        .set_max_string_size(TEXT)
        .set_max_array_size(ELEMENTS)
        .set_max_map_size(ENTRIES)
        .disable_symbol("eval")
        .on_print(prints)
        .on_debug(move |text, _, _| debugs(text))
        .register_fn("help", move || helps(&help(&M::WORDS)))
        .register_fn("exit", end);
    M::register(&mut engine);

    let (interrupts, output) = (session.interrupts().clone(), output.clone());
    engine.on_progress(move |_| (interrupts.is_hit() || output.is_lost()).then_some(Dynamic::UNIT));
    let model = M::of(session.clone());
    #[expect(
        deprecated,
        reason = "only marked so because it may change; a variable could not be seen in functions"
    )]
    engine.on_var(move |name, _, _| Ok((name == M::WORDS.name).then(|| Dynamic::from(model.clone()))));
    let session = session.clone();
    engine.register_fn("sql", move |text: &str| -> Result<Dynamic, Box<EvalAltResult>> {
        Ok(match session.sql(text)? {
            Answer::Rows { rows, .. } => {
                Dynamic::from_array(rows.into_iter().map(Dynamic::from_map).collect())
            }
            // Was an error already.
            Answer::TooMany => Dynamic::UNIT,
            Answer::Done(changed) => i64::try_from(changed).unwrap_or(i64::MAX).into(),
        })
    });
    engine
}

fn help(words: &Words) -> String {
    let Words { help, example, .. } = words;
    format!("{help}\n{HELP}\n\nVariables, functions and loops are Rhai's: {example};\n{READS}")
}

/// Rhai's own `exit` ends what is being evaluated and nothing else.
fn end() -> Result<(), Box<EvalAltResult>> {
    Err(EvalAltResult::ErrorTerminated(true.into(), Position::NONE).into())
}

fn is_end(error: &EvalAltResult) -> bool {
    matches!(error.unwrap_inner(), EvalAltResult::ErrorTerminated(token, _) if token.is_bool())
}

fn failure(mut error: Box<EvalAltResult>) -> Failure {
    let line = error.take_position().line().unwrap_or(1);
    let why = match error.unwrap_inner() {
        EvalAltResult::ErrorTerminated(..) => INTERRUPTED.into(),
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorTooManyOperations(_) => format!("took more than {OPERATIONS} steps"),
        _ => error.to_string(),
    };
    Failure { line, why }
}
