//! Questions at the terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use xtask_contract::{Context, Error, Progress, Result, Secret};
use xtask_lines::{escape, is_invisible};

use super::Ui;

/// What Ctrl-C sends.
const INTERRUPT: u8 = 3;
/// The most that a terminal hands over of one line (`N_TTY_BUF_SIZE`, less its end).
const LONGEST_LINE: usize = 4095;

impl Ui {
    /// Whether there is somebody who sees a question and can answer.
    pub(crate) fn can_ask() -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Has the terminal hand over each key at once and show none, until what is given back is dropped; nothing, where
    /// nobody sits at one.
    pub(crate) fn key_by_key() -> Result<Option<Restore>> {
        if !Self::can_ask() {
            return Ok(None);
        }
        let doing = || "listening for keys";
        let mut terminal = tcgetattr(io::stdin()).doing(doing)?;
        let before = Restore(terminal.clone());
        terminal.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Now, &terminal).doing(doing)?;
        Ok(Some(before))
    }

    /// Asks whether to do something. Without a terminal that is refused.
    pub(crate) fn ask(&self, question: &str) -> Result<bool> {
        let doing = || format!("asking {question:?}");
        if !Self::can_ask() {
            return Err(
                Error::refused(doing(), "there is no terminal to answer at").next("answer with --yes")
            );
        }
        self.finish_step();
        prompt(&format!("{question} [y/N] ")).doing(doing)?;
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).doing(doing)?;
        Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks for one of so many things, which were shown with numbers from 1; an empty answer is the first one, and any
    /// other answer is none.
    pub(crate) fn pick(&self, question: &str, of: usize) -> Result<Option<usize>> {
        let doing = || format!("asking {question:?}");
        self.finish_step();
        prompt(&format!("{question} [1] ")).doing(doing)?;
        let mut answer = String::new();
        let length = io::stdin().lock().read_line(&mut answer).doing(doing)?;
        Ok(if length == 0 { None } else { picked(&answer, of) })
    }

    /// Reads a secret: from the terminal, without showing it, or the whole of standard input without the newline
    /// at its end.
    pub(crate) fn secret(&self, name: &str) -> Result<Secret> {
        let doing = || format!("reading the value of {name}");
        self.finish_step();
        if io::stdin().is_terminal() {
            return hidden_line(&format!("{name} (it is not shown): "), doing);
        }
        let text = io::read_to_string(io::stdin()).doing(doing)?;
        let value = text.strip_suffix('\n').unwrap_or(&text);
        if let Some(unseen) = unseen(value) {
            self.note(&format!("the value of {name} is kept as it is given: {unseen}"));
        }
        Ok(Secret::new(value))
    }
}

/// What an editor or a shell may have put into a value that nobody sees.
fn unseen(value: &str) -> Option<String> {
    let (first, last) = (value.chars().next(), value.chars().next_back());
    let mut found = Vec::new();
    if first == Some('\u{feff}') {
        found.push("it begins with a byte order mark (U+FEFF), as some editors write it");
    }
    if value.contains('\r') {
        found.push("it has carriage returns, as lines of Windows end; `tr -d '\\r'` removes them");
    }
    if last == Some('\n') {
        found.push("it ends with an empty line");
    }
    if [first, last].into_iter().flatten().any(|end| matches!(end, ' ' | '\t' | '\u{a0}')) {
        found.push("it begins or ends with a space");
    }
    let joins_or_turns = |c: char| matches!(c, '\u{200c}'..='\u{200f}' | '\u{2028}'..='\u{202e}');
    let after_mark = value.strip_prefix('\u{feff}').unwrap_or(value);
    if after_mark.chars().any(|c| is_invisible(c) || joins_or_turns(c)) {
        found.push("it has characters that no font shows");
    }
    (!found.is_empty()).then(|| found.join("; "))
}

/// The place that an answer names, from 0.
fn picked(answer: &str, of: usize) -> Option<usize> {
    match answer.trim() {
        "" => Some(0),
        number => number.parse::<usize>().ok()?.checked_sub(1).filter(|place| *place < of),
    }
}

/// A line of the terminal that is not shown. The terminal still edits it; only Ctrl-C ends the line instead of the
/// process, which could not set the terminal right any more.
fn hidden_line(question: &str, doing: impl Fn() -> String) -> Result<Secret> {
    let before = tcgetattr(io::stdin()).doing(&doing)?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    quiet.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
    let mut line = Vec::new();
    let read = {
        let _again = Restore(before);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet).doing(&doing)?;
        prompt(question).and_then(|()| read_line(&mut io::stdin().lock(), &mut line))
    };
    let _ = writeln!(io::stderr());
    read.doing(&doing)?;
    if line.contains(&INTERRUPT) {
        return Err(Error::refused(doing(), "it was interrupted"));
    }
    if line.len() >= LONGEST_LINE {
        return Err(Error::refused(doing(), "a terminal cuts a line that is so long")
            .next("give it by standard input: `… < FILE`"));
    }
    let text = String::from_utf8(line).map_err(|_| Error::refused(doing(), "it is no UTF-8 text"))?;
    Ok(Secret::new(text.strip_suffix('\n').unwrap_or(&text)))
}

/// Reads to the end of a line, or to an interrupt: nothing may follow that.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let read = input.fill_buf()?;
        let end = read.iter().position(|byte| [b'\n', INTERRUPT].contains(byte));
        let length = end.map_or(read.len(), |end| end + 1);
        line.extend_from_slice(&read[..length]);
        input.consume(length);
        if end.is_some() || length == 0 {
            return Ok(());
        }
    }
}

/// Sets the terminal back to what it was.
pub(crate) struct Restore(pub(super) Termios);

impl Drop for Restore {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

fn prompt(question: &str) -> io::Result<()> {
    let mut stderr = io::stderr();
    write!(stderr, "{}", escape(question))?;
    stderr.flush()
}

#[cfg(test)]
mod tests {
    use super::{picked, unseen};

    #[test]
    fn what_nobody_sees_in_a_value_is_told() {
        for (value, said) in [
            ("canary\r", "carriage returns"),
            ("\u{feff}canary", "byte order mark"),
            ("canary\n", "ends with an empty line"),
            (" canary", "a space"),
            ("can\u{200b}ary", "no font"),
        ] {
            let told = unseen(value).unwrap();
            assert!(told.contains(said) && !told.contains("canary"), "{told}");
        }
        for value in ["canary", "", "two words", "-----BEGIN KEY-----\nx\n-----END KEY-----", "pässword"] {
            assert_eq!(unseen(value), None, "{value:?}");
        }
    }

    #[test]
    fn nothing_is_the_first_and_what_is_not_there_is_none() {
        assert_eq!((picked("\n", 2), picked(" 2 \n", 2)), (Some(0), Some(1)));
        for answer in ["0", "3", "n", "-1", "1x"] {
            assert_eq!(picked(answer, 2), None, "{answer}");
        }
    }
}
