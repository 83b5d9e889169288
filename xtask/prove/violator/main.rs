//! A service of the standard library alone that keeps the factors as far as one without a database can, and breaks the
//! one that VIOLATION names.

use std::{
    collections::HashMap,
    env, fs,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    net::{TcpListener, TcpStream},
    process::{self, Command},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

unsafe extern "C" {
    fn signal(number: i32, handler: usize) -> usize;
    fn fork() -> i32;
    fn prctl(option: i32, signal: usize) -> i32;
}

static STOP: AtomicBool = AtomicBool::new(false);
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
static KEPT: Mutex<Option<HashMap<String, String>>> = Mutex::new(None);
static HELD_BACK: Mutex<Option<BufWriter<io::Stdout>>> = Mutex::new(None);

extern "C" fn stop(_: i32) {
    STOP.store(true, Ordering::Relaxed);
}

fn violates(what: &str) -> bool {
    env::var("VIOLATION").is_ok_and(|named| named == what)
}

fn main() {
    match env::args().nth(1).as_deref() {
        Some("describe") => println!("{}", include_str!("describe.json")),
        Some("migrate") => thread::sleep(Duration::from_millis(300)),
        Some("web") => web(),
        other => {
            eprintln!("{other:?} is no process");
            process::exit(2);
        }
    }
}

fn web() {
    unsafe { signal(15, if violates("ignores_sigterm") { 1 } else { stop as *const () as usize }) };
    if violates("goes_away") && unsafe { fork() } != 0 {
        // The parent only waits; it is its child that serves.
        unsafe { signal(15, 0) };
        loop {
            thread::park();
        }
    } else if violates("goes_away") {
        unsafe { prctl(1, 9) }; // and ends with it
    }
    if violates("secret_in_the_log") {
        say(&format!("starting with {}", env::var("TOKEN").unwrap_or_default()), "", "");
    }
    if violates("calls_a_program") {
        Command::new("sh").args(["-c", "true"]).status().expect("there is a shell");
    }
    if violates("config_by_file") {
        fs::read_to_string("/etc/hostname").expect("there is a file of the system");
    }
    if violates("needs_a_server_in_front") {
        loop {
            thread::park();
        }
    }
    let log = violates("log_file").then(|| fs::File::create("/tmp/violator.log").or_else(|_| fs::File::create("/violator.log")));
    let port: u16 = env::var("PORT").unwrap().parse().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    listener.set_nonblocking(true).unwrap();
    while !STOP.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, _)) => {
                UNDER_WAY.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || {
                    let _ = serve(stream);
                    UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
                });
            }
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
    // Whoever is in the queue has connected before it was told to stop.
    while let Ok((stream, _)) = listener.accept() {
        let _ = serve(stream);
    }
    drop(listener);
    while UNDER_WAY.load(Ordering::Relaxed) > 0 {
        thread::sleep(Duration::from_millis(1));
    }
    drop(log);
}

/// One request for each connection: what would be kept open is closed in good order.
fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let mut reader = BufReader::new(stream);
    let (mut line, mut length, mut id, mut trace) = (String::new(), 0, String::new(), String::new());
    reader.read_line(&mut line)?;
    loop {
        let mut field = String::new();
        reader.read_line(&mut field)?;
        let Some((name, value)) = field.trim().split_once(": ") else { break };
        match name {
            "content-length" => length = value.parse().unwrap_or(0),
            "x-request-id" => id = value.to_owned(),
            "traceparent" if !violates("no_trace") => trace = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let answer = answer(&line, &String::from_utf8_lossy(&body));
    say(line.trim(), &id, &trace);
    let (status, text) = answer;
    write!(
        reader.get_mut(),
        "HTTP/1.1 {status}\r\nconnection: close\r\nx-release: {}\r\ncontent-length: {}\r\n\r\n{text}",
        env::var("RELEASE_ID").unwrap_or_default(),
        text.len()
    )
}

/// It keeps what it is told in memory, or in a file.
fn answer(line: &str, body: &str) -> (&'static str, String) {
    let mut words = line.split(' ');
    match (words.next(), words.next()) {
        (Some("POST"), _) => {
            let id = format!("{:x}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos());
            if violates("file_in_the_folder") {
                let _ = fs::write(format!("/{id}.txt"), body);
            }
            KEPT.lock().unwrap().get_or_insert_default().insert(id.clone(), body.to_owned());
            ("201 Created", format!("{{\"id\":\"{id}\"}}"))
        }
        (_, Some(path)) if path.starts_with("/kept/") => {
            let kept = KEPT.lock().unwrap().get_or_insert_default().get(&path[6..]).cloned();
            kept.map_or(("404 Not Found", String::new()), |text| ("200 OK", text))
        }
        _ => ("200 OK", "{}".to_owned()),
    }
}

/// A line about what happens, on standard output, unless it is held back.
fn say(message: &str, id: &str, trace: &str) {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let line = format!("{{\"timestamp\":\"{at:020}\",\"message\":{message:?},\"request_id\":\"{id}\",\"trace\":\"{trace}\"}}\n");
    if violates("held_back") {
        let mut held = HELD_BACK.lock().unwrap();
        let held = held.get_or_insert_with(|| BufWriter::with_capacity(1 << 20, io::stdout()));
        let _ = held.write_all(line.as_bytes());
    } else {
        let _ = io::stdout().write_all(line.as_bytes());
        let _ = io::stdout().flush();
    }
}
