//! A line that a process has written: the form in which it is kept, and those in which it is shown.
//!
//! Pure, and a crate of its own because it is compiled with optimisation, which the toolchain is not: there may be
//! hundreds of thousands of lines to show.

mod escape;
mod line;
mod readable;

pub use escape::{escape, escape_json, is_invisible};
pub use line::{Line, now, time};

/// A text in one of a terminal's colours, by its number, if it is to be in colour.
pub fn paint(colours: bool, colour: u8, text: &str) -> String {
    if colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
}
