//! Why a kind cluster could not be made, of the hundreds of lines that `kind create` quotes: its own error, and what the
//! command that failed says of errors. All of it is kept in a file.

use std::{fs, path::Path};

use xtask_contract::Error;

/// How many lines of the command that failed are shown.
const MOST: usize = 5;

/// The error of `kind create` with its cause alone. The whole of it goes to `log`.
pub(super) fn explained(error: Error, port: u16, log: &Path) -> Error {
    let whole = error.why.join("\n");
    let Some(cause) = cause(&whole) else { return error };
    let next = if is_taken(&whole, port) {
        format!("stop what listens at port {port} (`cargo xtask down` stops a local deploy)")
    } else if fs::write(log, &whole).is_ok() {
        format!("all that kind said is in {}", log.display())
    } else {
        "`kind create cluster` shows all that it says".to_owned()
    };
    Error { why: vec![cause], ..error }.next(next)
}

fn is_taken(text: &str, port: u16) -> bool {
    let of_port = |line: &str| line.contains(&format!(":{port}"));
    let taken = ["address already in use", "port is already allocated"];
    text.lines().any(|line| of_port(line) && taken.iter().any(|words| line.contains(words)))
}

/// kind's own error without the command line that it quotes, and the lines below that tell of errors, each once.
fn cause(text: &str) -> Option<String> {
    let (_, from_error) = text.split_once("ERROR: ")?;
    let (error, output) = from_error.split_once("Command Output: ").unwrap_or((from_error, ""));
    let error = error.split_once(": command \"").map_or(error, |(error, _)| error).trim();
    let mut lines: Vec<&str> = Vec::new();
    for line in output.lines().map(str::trim).filter(|line| tells_of_an_error(line)) {
        lines.retain(|known| *known != line);
        lines.push(line);
    }
    let newest = &lines[lines.len().saturating_sub(MOST)..];
    Some(newest.iter().fold(error.to_owned(), |text, line| format!("{text}\n{line}")))
}

/// Whether a line is one of an error: no step that is told of, no place in a program, and no heading.
fn tells_of_an_error(line: &str) -> bool {
    let lower = line.to_lowercase();
    let words = ["error", "fail", "cannot", "couldn't", "isn't", "not running", "not healthy"];
    let is_step = line.starts_with(['I', 'W']) && line[1..].starts_with(|c: char| c.is_ascii_digit());
    words.iter().any(|word| lower.contains(word))
        && !is_step
        && !line.contains(".go:")
        && !line.ends_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What kind 0.33 said, shortened: of a port that is taken, and of a kubelet that does not start.
    const TAKEN: &str = include_str!("creation/port-taken.txt");
    const NO_KUBELET: &str = include_str!("creation/no-kubelet.txt");

    fn explained(said: &str, port: u16, folder: &Path) -> Error {
        let error = Error::failed("running `kind create cluster`", format!("it says:\n{said}"));
        super::explained(error, port, &folder.join("dev.log"))
    }

    #[test]
    fn a_port_that_is_taken_is_named_and_nothing_else_is_guessed() {
        let folder = tempfile::tempdir().unwrap();
        let error = explained(TAKEN, 30000, folder.path());
        let why = error.why.concat();
        assert!(why.starts_with("failed to create cluster\ndocker: Error response from daemon: "), "{why}");
        assert!(why.ends_with("listen tcp4 127.0.0.1:30000: bind: address already in use"), "{why}");
        assert_eq!(why.lines().count(), 2);
        assert!(error.next.unwrap().starts_with("stop what listens at port 30000"));
        let another = explained(TAKEN, 30001, folder.path()).next.unwrap();
        assert!(!another.contains("30001"), "{another}");
    }

    #[test]
    fn a_cluster_that_does_not_come_up_says_why_in_a_few_lines_and_keeps_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let error = explained(NO_KUBELET, 30000, folder.path());
        let why = error.why.concat();
        assert!(why.starts_with("failed to create cluster: failed to init node with kubeadm\n"), "{why}");
        assert!(why.contains("error execution phase wait-control-plane"), "{why}");
        assert!(why.contains("10248: connect: connection refused"), "{why}");
        assert!(why.contains("The kubelet is not running"), "{why}");
        assert!(why.lines().count() <= 1 + MOST, "{why}");
        let (next, kept) = (error.next.unwrap(), fs::read_to_string(folder.path().join("dev.log")).unwrap());
        assert!(next.contains("dev.log") && !next.contains("30000") && kept.contains(NO_KUBELET), "{next}");
    }

    #[test]
    fn an_error_of_another_kind_stays_as_it_is() {
        let error = explained("no such command", 30000, Path::new("/nowhere"));
        assert_eq!((error.why.concat(), error.next), ("it says:\nno such command".into(), None));
    }
}
