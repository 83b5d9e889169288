//! Saves at any time, good ones and others, while somebody uses the service.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    checkout::Checkout,
    dev::{Dev, page},
    http::Connection,
};

const PAGE: &str = "todo-api/src/page/index.html";
const CODE: &str = "todo-api/src/page.rs";

/// How many saves there are.
const SAVES: u64 = 50;
/// How long it may take until the last one is served, where the compiler has a tenth of the machine.
const PATIENCE: Duration = Duration::from_mins(3);
/// How long somebody looks at a page.
const LOOK: Duration = Duration::from_millis(2);

#[test]
#[expect(clippy::disallowed_methods, reason = "the saves come at random times")]
fn after_fifty_saves_at_random_times_the_last_good_one_is_served_and_no_request_was_lost() {
    let checkout = Checkout::fresh().and_database();
    let (dev, _) = Dev::start(&checkout);
    let port = checkout.port();
    let [html, code] = [PAGE, CODE].map(|path| fs::read_to_string(checkout.path(path)).unwrap());
    let over = Arc::new(AtomicBool::new(false));
    let clients = [true, false].map(|keep_alive| {
        let over = over.clone();
        thread::spawn(move || use_it(port, keep_alive, &over))
    });
    let mut random = Random(4711);
    for save in 0..SAVES {
        match random.below(5) {
            0 => fs::write(checkout.path(CODE), format!("{code}\nfn broken( {{ {save}")).unwrap(),
            1 => fs::write(checkout.path(CODE), &code).unwrap(),
            2 => {
                // As editors do: another file, and a rename.
                let aside = checkout.path("todo-api/src/page/.index.html.swp");
                fs::write(&aside, titled(&html, save)).unwrap();
                fs::rename(aside, checkout.path(PAGE)).unwrap();
            }
            3 => {
                fs::write(checkout.path("todo-api/src/4913"), "").unwrap();
                fs::remove_file(checkout.path("todo-api/src/4913")).unwrap();
            }
            _ => fs::write(checkout.path(PAGE), titled(&html, save)).unwrap(),
        }
        // From at once to as long as a build takes.
        thread::sleep(Duration::from_millis(random.below(40) * random.below(40)));
    }
    fs::write(checkout.path(CODE), &code).unwrap();
    fs::write(checkout.path(PAGE), titled(&html, SAVES)).unwrap();
    let saved = Instant::now();
    while !page(port, "/").0.contains(&titled("<title>", SAVES)) {
        assert!(saved.elapsed() < PATIENCE, "the last save is not served: {:#?}", dev.ends());
        thread::sleep(Duration::from_millis(10));
    }
    println!("the last save was served after {} ms", saved.elapsed().as_millis());
    over.store(true, Ordering::Relaxed);
    let answered: u32 = clients.map(|client| client.join().unwrap()).iter().sum();
    println!("{answered} requests, none lost");
    dev.ends();
}

fn titled(html: &str, save: u64) -> String {
    html.replacen("<title>", &format!("<title>Save {save}; "), 1)
}

/// Asks for the page again and again, and counts the answers; each must be one.
#[expect(clippy::disallowed_methods, reason = "this is somebody with a browser")]
fn use_it(port: u16, keep_alive: bool, over: &AtomicBool) -> u32 {
    let (mut answered, mut kept) = (0, None);
    while !over.load(Ordering::Relaxed) {
        let mut connection: Connection = kept.take().unwrap_or_else(|| Connection::open(port).unwrap());
        let answer = connection.request("GET /", "", keep_alive).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answered += 1;
        kept = (keep_alive && !answer.closes).then_some(connection);
        thread::sleep(LOOK);
    }
    answered
}

/// The same numbers each time (xorshift64, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
