//! An API server for tests, in this process: it keeps objects in memory, plays the controllers that a rollout needs,
//! notes every call, and lets a test decide what becomes of each one.
//!
//! It answers as a real one does what this toolchain asks: GET, LIST, WATCH, POST, PUT, PATCH (apply, with who owns
//! which field; merge; JSON; scale), DELETE, all of it with `dryRun=All`; discovery, access reviews, output of pods, a
//! service by way of the proxy. For images it is the registry, too, which has all that it is asked for. How like a real
//! one it is, `scripted/likeness.rs` tests.
//!
//! It does not validate, fill in defaults (but the number of replicas) or authorize; knows no `ReplicaSets`,
//! finalizers, bookmarks or pages, nor autoscalers at work; and time plays no part: what the cluster does
//! by itself it does in rounds (`controllers`), whenever a watch has nothing left to tell.

mod answer;
mod controllers;
mod fields;
mod http;
mod kinds;
mod managed;
mod patch;
pub(crate) mod pods;
mod requests;
mod selector;
mod store;

use std::{
    fs,
    net::TcpListener,
    path::Path,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use super::call::Call;
pub(crate) use answer::Answer;
pub(crate) use controllers::Controllers;
pub(crate) use store::{Object, Store};

/// What becomes of a call.
pub(crate) enum Fate {
    /// It is carried out and answered.
    Passes,
    /// It gets this answer and is not carried out.
    Answered(Answer),
    /// It is not carried out and never answered.
    Hangs,
    /// It is carried out, then this happens, and the connection breaks before the answer.
    Lost(Box<dyn FnOnce() + Send>),
    /// It is a watch, and ends as soon as it has nothing to tell.
    Ends,
}

type Decide = Box<dyn FnMut(&Call) -> Fate + Send>;

/// The server, for as long as the test runs. A copy is the same one.
#[derive(Clone)]
pub(crate) struct ApiServer {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    decide: Mutex<Decide>,
    calls: Mutex<Vec<Call>>,
    /// How many changes are being made, and whether there were ever two at once.
    changing: AtomicUsize,
    two_at_once: AtomicBool,
}

/// The cluster.
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) controllers: Controllers,
}

impl ApiServer {
    /// One that has nothing yet, and lets every call pass.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { store: Store::new(), controllers: Controllers::new() };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            decide: Mutex::new(Box::new(|_| Fate::Passes)),
            calls: Mutex::default(),
            changing: AtomicUsize::new(0),
            two_at_once: AtomicBool::new(false),
        });
        let server = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = Arc::clone(&server);
                thread::spawn(move || drop(http::serve(client, &server)));
            }
        });
        Self { port, shared }
    }

    /// Writes the kubeconfig of a user with this home: its only context, `scripted`, is this server.
    pub(crate) fn write_kubeconfig(&self, home: &Path) {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: scripted\nclusters:\n  - name: scripted\n    cluster:\n      \
             server: http://127.0.0.1:{}\ncontexts:\n  - name: scripted\n    context:\n      cluster: scripted\n      \
             user: scripted\nusers:\n  - name: scripted\n    user: {{}}\n",
            self.port
        );
        fs::create_dir_all(home.join(".kube")).unwrap();
        fs::write(home.join(".kube/config"), text).unwrap();
    }

    /// From now on this decides what becomes of each call.
    pub(crate) fn decides(&self, decide: impl FnMut(&Call) -> Fate + Send + 'static) {
        *self.shared.decide.lock().unwrap() = Box::new(decide);
    }

    /// From now on every call passes.
    pub(crate) fn lets_all_pass(&self) {
        self.decides(|_| Fate::Passes);
    }

    /// The calls since this was asked last.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.shared.calls.lock().unwrap())
    }

    /// Whether a change was ever asked for before the one before it was answered.
    pub(crate) fn had_two_changes_at_once(&self) -> bool {
        self.shared.two_at_once.load(Ordering::Relaxed)
    }

    /// The cluster, to look at or to change. It stands still as long as this is held.
    pub(crate) fn cluster(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }
}
