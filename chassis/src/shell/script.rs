//! The shell for a script on standard input: it ends with the first error.

use std::{
    io::{self, BufRead},
    process::ExitCode,
};

use super::{
    console::{Console, Said},
    line,
};

/// Evaluates line by line, as they come; what spans several lines when it is whole.
pub(super) fn run(mut console: Console) -> Result<ExitCode, String> {
    let mut text = String::new();
    let mut first = 1;
    for (index, line) in io::stdin().lock().lines().enumerate() {
        let line =
            line.map_err(|error| format!("line {}: cannot read standard input: {error}", index + 1))?;
        text.push_str(&line);
        if line::is_begun(&console.engine, &text) {
            text.push('\n');
            continue;
        }
        match console.evaluate(&text) {
            Ok(Said::Text(text)) => console.output.line(&text),
            Ok(Said::Nothing) => {}
            Ok(Said::End) => return Ok(ExitCode::SUCCESS),
            Err(failure) => return Err(format!("line {}: {}", first - 1 + failure.line, failure.why)),
        }
        if console.output.is_lost() {
            return Ok(ExitCode::SUCCESS);
        }
        text.clear();
        first = index + 2;
    }
    if text.is_empty() {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(format!("line {first}: what begins here has no end"))
    }
}
