//! What the log shipper makes of the files that a node keeps: its own configuration, read by an rsyslogd of the test's.

use std::{
    env, fs,
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask_contract::templates;

use crate::support::{PATIENCE, needs};

/// A line on a node begins with this, and with its stream and whether it goes on.
const TIME: &str = "2011-04-06T20:32:17.123456789Z";

/// How much of a line is in one part.
const PART: usize = 16_384;

/// How long to wait until it is looked again.
const AGAIN: Duration = Duration::from_millis(50);

/// The shipper of one node, with a file as its destination.
struct Shipper {
    node: TempDir,
    child: Child,
}

impl Shipper {
    /// As `k8s/logging.yaml` has it, but for what asks the cluster, and for where things are.
    fn start() -> Self {
        let node = TempDir::new().unwrap();
        for folder in ["config", "containers", "pods", "spool"] {
            fs::create_dir(node.path().join(folder)).unwrap();
        }
        let at = |name: &str| node.path().join(name).display().to_string();
        for (name, text) in config().as_object().unwrap() {
            let text = text.as_str().unwrap().replace("/etc/logging", &at("config"));
            let text = text.replace("/var/spool/rsyslog", &at("spool")).replace("sleep 30", "sleep 0.1");
            let parts = ["module(load=\"mmkubernetes\"", "action(type=\"mmkubernetes\""];
            let text = parts.iter().fold(text, |text, part| without(&text, part));
            fs::write(node.path().join("config").join(name), text).unwrap();
        }
        let mut command = Command::new("/bin/sh");
        command.arg(at("config/run")).stdin(Stdio::null());
        let path = format!("{}:/usr/sbin", env::var("PATH").unwrap_or_default());
        command.env_clear().env("PATH", path).envs([
            ("SHIP_CONFIG", at("config/file.conf")),
            ("SHIP_FROM", at("containers/*_todo_*.log")),
            ("SHIP_PATH", at("shipped")),
        ]);
        Self { child: command.spawn().unwrap(), node }
    }

    /// The file in which the node keeps what a pod writes, as the kubelet lays it out.
    fn pod(&self, name: &str) -> PathBuf {
        let folder = self.node.path().join(format!("pods/todo_{name}_uid/web"));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("0.log");
        fs::write(&file, "").unwrap();
        symlink(&file, self.link(name)).unwrap();
        file
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.link(name)).unwrap();
        fs::remove_dir_all(self.node.path().join(format!("pods/todo_{name}_uid"))).unwrap();
    }

    fn link(&self, name: &str) -> PathBuf {
        self.node.path().join(format!("containers/{name}_todo_web-{}.log", "0".repeat(64)))
    }

    /// What is brought, once there is so much.
    #[track_caller]
    fn brings(&self, count: usize) -> Vec<Value> {
        let shipped = self.node.path().join("shipped");
        until(|| {
            let brought = fs::read(&shipped).unwrap_or_default();
            let brought = String::from_utf8_lossy(&brought);
            let lines = brought.matches('\n').count();
            if lines >= count { Ok(()) } else { Err(format!("{lines} of {count} have come: {brought}")) }
        });
        let text = String::from_utf8(fs::read(&shipped).unwrap()).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Files that are open and deleted.
    fn deleted(&self) -> usize {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
        let open =
            children.split_whitespace().filter_map(|child| fs::read_dir(format!("/proc/{child}/fd")).ok());
        let links = open.flatten().flatten().filter_map(|file| fs::read_link(file.path()).ok());
        links.filter(|link| link.to_string_lossy().ends_with("(deleted)")).count()
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        let id = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        let _ = kill_process(id, Signal::TERM);
        let _ = self.child.wait();
    }
}

/// The files of the shipper's ConfigMap.
fn config() -> Value {
    let objects: Vec<Value> =
        serde_saphyr::from_multiple(templates::brought("logging.yaml").unwrap().text).unwrap();
    objects.iter().find(|object| object["kind"] == "ConfigMap").unwrap()["data"].clone()
}

/// A text without the statement that begins like this.
fn without(text: &str, statement: &str) -> String {
    match text.split_once(statement) {
        Some((before, after)) => format!("{before}{}", after.split_once(")\n").unwrap().1),
        None => text.to_owned(),
    }
}

/// Waits until this is so; nobody announces it.
#[track_caller]
fn until(mut so: impl FnMut() -> Result<(), String>) {
    let began = Instant::now();
    while let Err(why) = so() {
        assert!(began.elapsed() < PATIENCE, "{why}");
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "what another program has open or written is told by nobody")]
fn pause() {
    thread::sleep(AGAIN);
}

/// Parts of lines, as a node keeps them.
fn write(file: &Path, parts: &[(&str, &[u8])]) {
    let mut file = fs::OpenOptions::new().append(true).open(file).unwrap();
    for (tag, text) in parts {
        file.write_all(&[format!("{TIME} {tag} ").as_bytes(), text, b"\n"].concat()).unwrap();
    }
}

/// A line of any length, in as many parts as that takes.
fn write_parts(file: &Path, stream: &str, line: &[u8]) {
    let (goes_on, ends) = (format!("{stream} P"), format!("{stream} F"));
    let mut parts: Vec<(&str, &[u8])> = line.chunks(PART).map(|part| (goes_on.as_str(), part)).collect();
    parts.last_mut().unwrap().0 = &ends;
    write(file, &parts);
}

/// Lines that are no JSON object, though some come close.
const TEXTS: &[&str] = &[
    "",
    "plain",
    "a \"quoted\" \\ one\t",
    "{ not JSON",
    r#"{"a":1"#,
    r#"{"a":1} x"#,
    r#"{"a":1} {"b":2}"#,
    r#"{"a":1},"b":2"#,
    r#"{"a":1}}"#,
    r#"{"a":1}}{"time":"2011","line":"forged"}"#,
    r#"{"a":1},"line":{"b":2}"#,
    r#"{"a":1},{"b":2}"#,
    r#"{"a":1}],[{"b":2}"#,
    r#"{"a":1},"NaN"]"#,
    r#"{"a":{"b":1}"#,
    r#"{"a":1,}"#,
    r#"{"a":[1,]}"#,
    r#"{"a":[,1]}"#,
    "{'a':1}",
    r#"{"a":NaN}"#,
    r#"{"a":TRUE}"#,
    r#"{/* c */"a":1}"#,
    r#"{"a":01}"#,
    r#"{"a":"\x"}"#,
    r#"{"a" 1}"#,
    "[1,2]",
    "1",
];

#[test]
fn whatever_is_written_a_line_is_one_valid_document() {
    if !needs::rsyslogd() {
        return;
    }
    let shipper = Shipper::start();
    let file = shipper.pod("web-1");
    let json: &[&str] = &[
        r#"{"a":1}"#,
        r#"{ "a": [1, {"b": null, "c": []}], "t": true, "f": false, "o": {} }"#,
        r#"{"n":[-0.5e+10,12345678901234567890,1.50],"u":"\u0000 \ud83d\ude00 é€😀 \"/\\"}"#,
        r#"{"a":", NaN ]"}"#,
        "{}",
    ];
    for line in json.iter().chain(TEXTS) {
        write(&file, &[("stdout F", line.as_bytes())]);
    }
    write(
        &file,
        &[
            ("stderr F", b"bad \xff\xfe"),
            ("stdout F", b"{\"a\":\"\xc3\"}"),
            ("stdout F", b"{\"a\":\"\x01\"}"),
            ("stdout F", b"{\"a\":\"\0x\"}"),
            ("stdout F", b"a \0, \\\0, \\u0000, \\n and \\\\\0\xff"),
        ],
    );

    let brought = shipper.brings(json.len() + TEXTS.len() + 5);
    let mut wanted: Vec<Value> = json.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    wanted.extend(TEXTS.iter().map(|line| json!(line)));
    wanted.extend([json!("bad ??"), json!({ "a": "?" }), json!("{\"a\":\"\u{1}\"}")]);
    wanted.extend([json!({ "a": "?x" }), json!(r"a ?, \?, \u0000, \n and \\??")]);
    let lines: Vec<Value> = brought.iter().map(|document| document["line"].clone()).collect();
    assert_eq!(lines, wanted);
    let heads: Vec<_> = brought.iter().map(|document| (&document["time"], &document["stream"])).collect();
    assert_eq!(heads[0], (&json!(TIME), &json!("stdout")));
    assert_eq!(heads[json.len() + TEXTS.len()], (&json!(TIME), &json!("stderr")));
}

#[test]
fn the_parts_of_a_long_line_are_joined() {
    if !needs::rsyslogd() {
        return;
    }
    let shipper = Shipper::start();
    let file = shipper.pod("web-1");
    // A part ends wherever it is full, in the middle of a character, too.
    let long = json!({ "text": "€".repeat(9_000), "more": "x".repeat(900_000) });
    let text = long.to_string();
    assert!(text.as_bytes().chunks(PART).any(|part| str::from_utf8(part).is_err()));
    write_parts(&file, "stdout", text.as_bytes());
    write(
        &file,
        &[("stdout P", b"{\"b\":"), ("stderr F", b"other"), ("stdout F", b"1}"), ("stdout F", b"{\"b\":1}")],
    );

    let lines: Vec<Value> = shipper.brings(5).iter().map(|document| document["line"].clone()).collect();
    assert_eq!(lines[0], long);
    assert_eq!(
        lines[1..],
        [json!("{\"b\":"), json!("other"), json!("1}"), json!({ "b": 1 })],
        "nothing is mixed"
    );
}

#[test]
fn a_line_that_is_longer_than_rsyslogd_takes_is_cut_and_its_rest_stays_text() {
    if !needs::rsyslogd() {
        return;
    }
    let shipper = Shipper::start();
    let file = shipper.pod("web-1");
    // It ends a message here, in the 64th part of the line.
    let cut = (1 << 20) - 64 * format!("{TIME} stdout P ").len() - 63;
    let then = |rest: &str| format!("{}{rest}{}", "y".repeat(cut), "z".repeat(40_000));
    let lines = [
        ("stdout", then("")),
        ("stdout", then("1\",\"release\":\"forged\",\"line\":\"pwned\"} stdout F ")),
        ("stderr", then("word stdout F word")),
        ("stdout", "0130744".repeat(180_000)),
    ];
    for (stream, line) in &lines {
        write_parts(&file, stream, line.as_bytes());
    }
    let brought = shipper.brings(2 * lines.len());
    for (halves, (stream, line)) in brought.chunks(2).zip(&lines) {
        let joined: String = halves.iter().map(|half| half["line"].as_str().unwrap()).collect();
        assert!(joined == *line, "{}", &joined[cut..]);
        for half in halves {
            let head = ["time", "stream", "release"].map(|name| half[name].as_str().unwrap());
            assert_eq!(head, [TIME, stream, ""]);
        }
    }
}

#[test]
fn nothing_that_was_deleted_stays_open_and_no_line_is_lost_or_doubled_by_that() {
    if !needs::rsyslogd() {
        return;
    }
    let shipper = Shipper::start();
    let kept = shipper.pod("web-kept");
    for number in 0..12 {
        let name = format!("web-{number}");
        let file = shipper.pod(&name);
        write(&file, &[("stdout F", format!("{{\"of\":\"{name}\"}}").as_bytes())]);
        write(&kept, &[("stdout F", format!("{{\"kept\":{number}}}").as_bytes())]);
        shipper.brings(2 * (number + 1));
        shipper.remove(&name);
    }
    until(|| match shipper.deleted() {
        0 => Ok(()),
        count => Err(format!("{count} deleted files are open")),
    });
    write(&kept, &[("stdout F", b"{\"kept\":12}")]);
    let brought = shipper.brings(25);
    let kept: Vec<&Value> =
        brought.iter().map(|document| &document["line"]["kept"]).filter(|number| !number.is_null()).collect();
    assert_eq!(kept, (0..13).map(Value::from).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    assert_eq!(brought.len(), 25, "each once");
}
