//! A service of the standard library alone that keeps the factors, and breaks the one that VIOLATION names.

use std::{
    collections::HashMap,
    env,
    ffi::{CString, c_char, c_void},
    fs,
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    net::{TcpListener, TcpStream},
    os::{
        fd::FromRawFd,
        unix::net::{UnixDatagram, UnixListener},
    },
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
    fn setrlimit(resource: i32, limit: *const [u64; 2]) -> i32;
    fn dlopen(name: *const c_char, flags: i32) -> *mut c_void;
}

/// Of Linux and its C library.
const SIGTERM: i32 = 15;
const DEFAULT: usize = 0;
const IGNORED: usize = 1;
const PR_SET_PDEATHSIG: i32 = 1;
const RLIMIT_NOFILE: i32 = 7;
const RTLD_NOW: i32 = 2;

/// As `sd_listen_fds(3)` has it.
const LISTEN_FD: i32 = 3;

static STOP: AtomicBool = AtomicBool::new(false);
static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
static KEPT: AtomicUsize = AtomicUsize::new(0);
static IN_MEMORY: Mutex<Option<HashMap<String, String>>> = Mutex::new(None);
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
        Some("check") => {
            println!("{{\"check\":\"store\",\"server\":\"Store {}\"}}", ask("VERSION").expect("it answers"));
        }
        Some("migrate") => thread::sleep(Duration::from_millis(300)),
        Some("web") => web(),
        other => {
            eprintln!("{other:?} is no process");
            process::exit(2);
        }
    }
}

fn web() {
    let at_stop = if violates("ignores_sigterm") { IGNORED } else { stop as *const () as usize };
    unsafe { signal(SIGTERM, at_stop) };
    before_it_serves();
    let _singleton = violates("locks_a_singleton").then(|| {
        let name = env::var("STORE").unwrap().replace(':', "-");
        let name = <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
        UnixListener::bind_addr(&name.unwrap()).expect("there is no other")
    });
    let _log = violates("log_file").then(|| {
        fs::File::create("/tmp/violator.log").or_else(|_| fs::File::create("/violator.log"))
    });
    let inherited = env::var("LISTEN_FDS").is_ok_and(|number| number == "1");
    let listener = if inherited {
        unsafe { TcpListener::from_raw_fd(LISTEN_FD) }
    } else {
        let port: u16 = env::var("PORT").unwrap().parse().unwrap();
        TcpListener::bind(("127.0.0.1", port)).unwrap()
    };
    listener.set_nonblocking(true).unwrap();
    tell("READY=1");
    while !STOP.load(Ordering::Relaxed) {
        if !accepted(&listener) {
            thread::sleep(Duration::from_millis(1));
        }
    }
    tell("STOPPING=1");
    // Clients in the queue have connected before it was told to stop; the other processes accept those of a shared socket.
    while !inherited && accepted(&listener) {}
    drop(listener);
    while UNDER_WAY.load(Ordering::Relaxed) > 0 {
        thread::sleep(Duration::from_millis(1));
    }
}

/// What is wrong with its start.
fn before_it_serves() {
    if violates("goes_away") {
        if unsafe { fork() } != 0 {
            // The parent only waits; it is its child that serves.
            unsafe { signal(SIGTERM, DEFAULT) };
            loop {
                thread::park();
            }
        }
        unsafe { prctl(PR_SET_PDEATHSIG, 9) }; // and ends with it
    }
    if violates("secret_in_the_log") {
        say(&format!("starting with {}", env::var("TOKEN").unwrap_or_default()), "", "");
    }
    if violates("calls_a_program") {
        Command::new("sh").args(["-c", "true"]).status().expect("there is a shell");
    }
    if violates("needs_a_file") {
        fs::read_to_string("/etc/machine-id").expect("there is a file of the system");
    }
    if violates("takes_a_default_from_a_file") {
        let _ = fs::read_to_string("/etc/violator.conf");
    }
    if violates("loads_a_library") {
        let name = CString::new("libz.so.1").unwrap();
        unsafe { dlopen(name.as_ptr(), RTLD_NOW) };
    }
    if violates("compiles_at_start") {
        let _ = Command::new("/usr/bin/cc").arg("--version").output();
    }
    if violates("fetches_at_start") {
        // Nobody is there; a package would be fetched.
        let _ = TcpStream::connect(("127.0.0.1", 9));
    }
    if violates("changes_its_limits") {
        unsafe { setrlimit(RLIMIT_NOFILE, &[64, 64]) };
    }
}

/// Tells its supervisor how it is (`sd_notify(3)`).
fn tell(word: &str) {
    if let Ok(to) = env::var("NOTIFY_SOCKET") {
        let _ = UnixDatagram::unbound().and_then(|socket| socket.send_to(word.as_bytes(), to));
    }
}

/// Takes a connection, if there is one.
fn accepted(listener: &TcpListener) -> bool {
    let Ok((stream, _)) = listener.accept() else { return false };
    UNDER_WAY.fetch_add(1, Ordering::Relaxed);
    thread::spawn(move || {
        let _ = serve(stream);
        UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
    });
    true
}

/// What matters here of a request.
#[derive(Default)]
struct Request {
    line: String,
    length: usize,
    id: String,
    trace: String,
    in_front: bool,
    session: bool,
}

/// One request for each connection: what would be kept open is closed in good order.
fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    let mut reader = BufReader::new(stream);
    let mut request = Request::default();
    reader.read_line(&mut request.line)?;
    loop {
        let mut field = String::new();
        reader.read_line(&mut field)?;
        let Some((name, value)) = field.trim().split_once(": ") else { break };
        match name {
            "content-length" => request.length = value.parse().unwrap_or(0),
            "x-request-id" => request.id = value.to_owned(),
            "x-forwarded-for" => request.in_front = true,
            "cookie" => request.session = true,
            "traceparent" if !violates("no_trace") => request.trace = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; request.length];
    reader.read_exact(&mut body)?;
    let (status, text) = answer(&request, &String::from_utf8_lossy(&body));
    say(request.line.trim(), &request.id, &request.trace);
    write!(
        reader.get_mut(),
        "HTTP/1.1 {status}\r\nconnection: close\r\nx-release: {}\r\ncontent-length: {}\r\n\r\n{text}",
        env::var("RELEASE_ID").unwrap_or_default(),
        text.len()
    )
}

fn answer(request: &Request, body: &str) -> (&'static str, String) {
    let mut words = request.line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if violates("needs_a_server_in_front") && !request.in_front && path.starts_with("/kept") {
        return ("403 Forbidden", String::new());
    }
    if method == "POST" {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        // Two threads may read the same time.
        let id = format!("{:x}-{nanos:x}-{}", process::id(), KEPT.fetch_add(1, Ordering::Relaxed));
        if violates("file_in_the_folder") {
            let _ = fs::write(format!("/{id}.txt"), body);
        }
        return match keep(&id, body) {
            Ok(()) => ("201 Created", format!("{{\"id\":\"{id}\"}}")),
            Err(error) => ("503 Service Unavailable", error.to_string()),
        };
    }
    let Some(id) = path.strip_prefix("/kept/") else { return ("200 OK", "{}".to_owned()) };
    if violates("keeps_sessions") && !request.session {
        return ("404 Not Found", String::new());
    }
    match kept(id) {
        Ok(Some(text)) => ("200 OK", text),
        Ok(None) => ("404 Not Found", String::new()),
        Err(error) => ("503 Service Unavailable", error.to_string()),
    }
}

fn keep(id: &str, text: &str) -> io::Result<()> {
    if violates("state_in_memory") {
        IN_MEMORY.lock().unwrap().get_or_insert_default().insert(id.to_owned(), text.to_owned());
        return Ok(());
    }
    if violates("answers_before_it_stores") {
        let (id, text) = (id.to_owned(), text.to_owned());
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            let _ = ask(&format!("PUT {id} {text}"));
        });
        return Ok(());
    }
    ask(&format!("PUT {id} {text}")).map(drop)
}

fn kept(id: &str) -> io::Result<Option<String>> {
    let text = if violates("state_in_memory") {
        IN_MEMORY.lock().unwrap().get_or_insert_default().get(id).cloned().unwrap_or_default()
    } else {
        ask(&format!("GET {id}"))?
    };
    Ok((!text.is_empty()).then_some(text))
}

/// Asks the service that keeps what this one is told: a line, and a line.
fn ask(line: &str) -> io::Result<String> {
    let mut store = TcpStream::connect(env::var("STORE").unwrap())?;
    store.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(store).read_line(&mut answer)?;
    answer.strip_suffix('\n').map(str::to_owned).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// A line about what happens, on standard output, unless it is held back.
fn say(message: &str, id: &str, trace: &str) {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let line = format!(
        "{{\"timestamp\":\"{at:020}\",\"message\":{message:?},\"request_id\":\"{id}\",\"trace\":\"{trace}\"}}\n"
    );
    if violates("held_back") {
        let mut held = HELD_BACK.lock().unwrap();
        let held = held.get_or_insert_with(|| BufWriter::with_capacity(1 << 20, io::stdout()));
        let _ = held.write_all(line.as_bytes());
    } else {
        let _ = io::stdout().write_all(line.as_bytes());
        let _ = io::stdout().flush();
    }
}
