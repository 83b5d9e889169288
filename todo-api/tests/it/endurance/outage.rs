//! The database is there, but no packet arrives.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    network::Network,
    process::{PATIENCE, Service, client, command_after, run},
    server::TestServer,
};

/// Long enough for the system to wait for seconds before it sends anything again.
const OUTAGE: Duration = Duration::from_secs(4);
const CLIENTS: usize = 16;

/// What a client met: when it asked, the status, whether it was told when to ask again, how long it took.
struct Met {
    asked: Instant,
    status: u16,
    retry_after: bool,
    took: Duration,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_packets_are_dropped_it_says_so_in_time_and_afterwards_all_is_well() {
    let Some(network) = Network::lay() else { return };
    let Some(database) = TestServer::start(&network.here()).await else { return };
    assert!(run("migrate", &[("DATABASE_URL", &database.url())]).await.status.success());
    let there = network.there();
    let variables = [
        ("BIND_ADDRESS", there.as_str()),
        ("LOG_LEVEL", "info"),
        ("DATABASE_ACQUIRE_TIMEOUT", "500ms"),
        ("DATABASE_STATEMENT_TIMEOUT", "1s"),
    ];
    let mut service =
        Service::run(command_after(&network.prefix(), &["web"]), &database.url(), &variables).await;
    assert_eq!(service.get("/readyz").await.status(), 200);

    let (stop, _) = watch::channel(false);
    let (count, mut counted) = watch::channel(0_usize);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| tokio::spawn(ask(service.url("/api/todos"), stop.subscribe(), count.clone())))
        .collect();
    timeout(PATIENCE, counted.wait_for(|count| *count >= 200)).await.unwrap().unwrap();

    // All connections are in use at this moment.
    network.drop_packets(database.port(), true);
    let gone = Instant::now();
    while service.get("/readyz").await.status() != 503 {
        assert!(gone.elapsed() < PATIENCE);
    }
    while gone.elapsed() < OUTAGE {
        assert_eq!(service.get("/livez").await.status(), 200);
        assert_eq!(service.get("/readyz").await.status(), 503);
        sleep(Duration::from_millis(100)).await;
    }
    network.drop_packets(database.port(), false);
    let back = Instant::now();
    while service.get("/readyz").await.status() != 200 {
        assert!(back.elapsed() < Duration::from_secs(5));
    }
    let enough = *counted.borrow() + 500;
    timeout(PATIENCE, counted.wait_for(|count| *count >= enough)).await.unwrap().unwrap();
    stop.send_replace(true);
    let mut met = Vec::new();
    for client in clients {
        met.extend(timeout(PATIENCE, client).await.unwrap().unwrap());
    }
    assert!(service.runs(), "it was never restarted");

    assert!(met.iter().all(|met| matches!(met.status, 201 | 503)));
    assert!(met.iter().all(|met| met.status == 201 || met.retry_after));
    let refused: Vec<_> = met.iter().filter(|met| met.status == 503).collect();
    assert!(refused.len() >= CLIENTS);
    let slow = refused.iter().filter(|met| met.took >= Duration::from_secs(2)).count();
    let slowest = refused.iter().map(|met| met.took).max().unwrap();
    // A busy machine may hold up one or the other.
    assert!(slow * 20 <= refused.len(), "{slow} of {}, the slowest {slowest:?}", refused.len());
    let last = refused.iter().map(|met| met.asked).max().unwrap();
    assert!(last.saturating_duration_since(back) < Duration::from_secs(5));
}

async fn ask(url: String, stop: watch::Receiver<bool>, count: watch::Sender<usize>) -> Vec<Met> {
    let client = client();
    let mut met = Vec::new();
    while !*stop.borrow() {
        let asked = Instant::now();
        let response = client.post(&url).json(&json!({"title": "a"})).send().await.unwrap();
        met.push(Met {
            asked,
            status: response.status().as_u16(),
            retry_after: response.headers().contains_key("retry-after"),
            took: asked.elapsed(),
        });
        if response.status() == 201 {
            count.send_modify(|count| *count += 1);
        }
    }
    met
}
