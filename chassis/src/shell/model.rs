//! What a service's shell has of its own.

use rhai::Engine;

use super::Session;

/// The value of a variable that is always there, with methods.
pub trait Model: Clone + 'static {
    /// What is said of it.
    const WORDS: Words;

    /// Makes the value.
    fn of(session: Session) -> Self;

    /// Makes its methods known.
    fn register(engine: &mut Engine);
}

/// What is said of a [`Model`], in `help()` and where words are completed.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// The variable's name.
    pub name: &'static str,
    /// A line for each method.
    pub help: &'static str,
    /// A statement with a variable.
    pub example: &'static str,
    /// The methods, each with its opening parenthesis.
    pub methods: &'static [&'static str],
    /// The names in one of the maps that the methods give, in the order in which people read them.
    pub columns: &'static [&'static str],
}
