//! Configuration: environment variables, each declared once, and all errors reported together.
//!
//! A [`Variable`] has a name, a kind of value, a need and a line of help. A function reads those that a process uses
//! from a [`Reader`]; the same function tells which there are, without a value being set.
//!
//! ```
//! use chassis::config::{Integer, Need, Reader, Variable, Word};
//!
//! const NAME: Variable<Word> = Variable::new("NAME", Word, Need::Default("world"), "whom to greet");
//! const TIMES: Variable<Integer<u16>> =
//!     Variable::new("TIMES", Integer::new(1, 9), Need::Required, "how often to greet");
//!
//! // Everything is read before the first `?`, so that everything wrong is reported.
//! fn read(from: &mut Reader) -> Option<(String, u16)> {
//!     let name = from.read(&NAME);
//!     let times = from.read(&TIMES);
//!     Some((name?, times?))
//! }
//!
//! let good = Reader::new([("TIMES".into(), "3".into())]);
//! assert_eq!(good.load(read).unwrap(), ("world".to_owned(), 3));
//!
//! let bad = Reader::new([("TIMES".into(), "many".into()), ("NAME".into(), "a b".into())]);
//! assert_eq!(bad.load(read).unwrap_err().lines().len(), 2);
//!
//! assert_eq!(Reader::describe(|from| drop(read(from))).len(), 2);
//! ```

mod duration;
mod kinds;
mod reader;
mod secret;
mod variable;

#[cfg(all(test, feature = "outbox"))]
pub(crate) use self::kinds::testing;
pub use self::{
    kinds::{Address, Choice, HostNames, Integer, LogLevel, Origins, Span, Text, Word},
    reader::{ConfigError, Reader},
    secret::Secret,
    variable::{Description, Kind, Need, Shape, Variable},
};
