//! Saves at any time, good ones and others, while somebody uses the service.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::support::{
    checkout::Checkout,
    dev::{Dev, page},
    readers::Readers,
};

const PAGE: &str = "todo-api/src/page/index.html";
const CODE: &str = "todo-api/src/page.rs";

/// How many saves there are.
const SAVES: u64 = 50;
/// How long it may take until the last one is served, where the compiler has a tenth of the machine.
const PATIENCE: Duration = Duration::from_mins(3);

#[test]
#[expect(clippy::disallowed_methods, reason = "the saves come at random times")]
fn after_fifty_saves_at_random_times_the_last_good_one_is_served_and_no_request_was_lost() {
    let checkout = Checkout::fresh().and_database();
    let (dev, _) = Dev::start(&checkout);
    let port = checkout.port();
    let [html, code] = [PAGE, CODE].map(|path| fs::read_to_string(checkout.path(path)).unwrap());
    let readers = Readers::start(port);
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
    println!("{} requests, none lost", readers.stop());
    dev.ends();
}

fn titled(html: &str, save: u64) -> String {
    html.replacen("<title>", &format!("<title>Save {save}; "), 1)
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
