//! How a debugger is attached to the processes of a quick build: its sources are called `/source` in its bits, as those of any
//! build are.

use std::path::Path;

use serde_json::{Value, json};

/// What the source's folder is called in the bits.
const SOURCE: &str = "/source";

/// What an editor with `CodeLLDB` takes to attach to a process (`launch.json`).
pub(super) fn configuration(name: &str, process: u32, program: &Path, root: &Path) -> Value {
    json!({
        "name": name,
        "type": "lldb",
        "request": "attach",
        "pid": process,
        "program": program,
        "sourceMap": { SOURCE: root },
    })
}

/// The same in words, with a command for a terminal.
pub(super) fn words(configuration: &Value) -> String {
    let text = |key: &str| configuration[key].as_str().unwrap_or_default();
    let root = configuration["sourceMap"][SOURCE].as_str().unwrap_or_default();
    format!(
        "{} is process {}: gdb -p {1} -ex 'set substitute-path {SOURCE} \"{root}\"' '{}'\n{configuration}",
        text("name"),
        configuration["pid"],
        text("program"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_gets_a_command_and_an_editor_what_it_takes() {
        let configuration = configuration("web.1", 7, Path::new("/t/todo"), Path::new("/home/me/todo"));
        assert_eq!(configuration["sourceMap"], json!({ "/source": "/home/me/todo" }));
        let words = words(&configuration);
        let command =
            "web.1 is process 7: gdb -p 7 -ex 'set substitute-path /source \"/home/me/todo\"' '/t/todo'\n";
        assert!(words.starts_with(command) && words.contains(r#""request":"attach""#), "{words}");
    }
}
