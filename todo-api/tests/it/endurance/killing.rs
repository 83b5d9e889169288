//! Whatever is killed and when: what was acknowledged is there, once.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    needs::long,
    process::{PATIENCE, Service, client, run},
    server::TestServer,
};

/// How many there are, where there is time and elsewhere.
const KILLS: [usize; 2] = [100, 20];
/// Every so many kills it is the database's turn.
const DATABASE: usize = 5;
const REPLICAS: usize = 3;
const CLIENTS: usize = 8;

/// Where the processes can be found at present.
type Replicas = Arc<watch::Sender<Vec<String>>>;

/// What a client was told: the id of what it added under each key.
type Acknowledged = HashMap<String, String>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_or_doubled_over_many_kills() {
    let Some(mut database) = TestServer::start("127.0.0.1").await else { return };
    assert!(run("migrate", &[("DATABASE_URL", &database.url())]).await.status.success());
    let mut services = Vec::new();
    for _ in 0..REPLICAS {
        services.push(start(&database).await);
    }
    let replicas: Replicas = Arc::new(watch::Sender::new(services.iter().map(|it| it.url("")).collect()));
    let (stop, _) = watch::channel(false);
    let clients: Vec<_> =
        (0..CLIENTS).map(|client| tokio::spawn(add(client, replicas.clone(), stop.subscribe()))).collect();

    let began = Instant::now();
    let kills = if long() { KILLS[0] } else { KILLS[1] };
    for kill in 1..=kills {
        // Under load, at any moment of a request's life.
        sleep(Duration::from_millis(20 + (kill as u64 * 37) % 60)).await;
        if kill % DATABASE == 0 {
            database.kill_and_restart().await;
            continue;
        }
        let victim = kill % REPLICAS;
        services[victim].signal(Signal::KILL);
        services[victim] = start(&database).await;
        replicas.send_modify(|urls| urls[victim] = services[victim].url(""));
    }
    let took = began.elapsed();
    stop.send_replace(true);
    let mut acknowledged = Acknowledged::new();
    for client in clients {
        acknowledged.extend(timeout(PATIENCE, client).await.unwrap().unwrap());
    }
    assert!(acknowledged.len() > kills, "{} in {took:?}", acknowledged.len());

    // A key is also the title.
    let rows = database.connect().await.query("SELECT title, id::text FROM todos", &[]).await.unwrap();
    assert_eq!(rows.len(), acknowledged.len(), "every request was repeated until it was acknowledged");
    assert_eq!(rows.iter().map(|row| (row.get(0), row.get(1))).collect::<Acknowledged>(), acknowledged);
    // And every process still knows what was answered.
    for (title, id) in acknowledged.iter().take(50) {
        for service in &services {
            let answer = post(&client(), &service.url(""), title).await.unwrap();
            assert_eq!((answer.0, answer.1["id"].as_str().unwrap()), (StatusCode::CREATED, id.as_str()));
        }
    }
}

async fn start(database: &TestServer) -> Service {
    Service::start(&database.url(), &[("DATABASE_MAX_CONNECTIONS", "5"), ("LOG_LEVEL", "info")]).await
}

async fn post(client: &Client, url: &str, title: &str) -> reqwest::Result<(StatusCode, Value)> {
    let request = client
        .post(format!("{url}/api/todos"))
        .header("idempotency-key", format!("\"{title}\""))
        .timeout(Duration::from_secs(5))
        .json(&json!({ "title": title }));
    let response = request.send().await?;
    Ok((response.status(), response.json().await?))
}

/// Adds todos one after the other, each again and again, here and there, until it is acknowledged.
async fn add(number: usize, replicas: Replicas, stop: watch::Receiver<bool>) -> Acknowledged {
    let http = client();
    let mut acknowledged = Acknowledged::new();
    let mut tries = number;
    while !*stop.borrow() {
        let title = format!("{number}-{}", acknowledged.len());
        let id = loop {
            tries += 1;
            let url = replicas.borrow()[tries % REPLICAS].clone();
            match post(&http, &url, &title).await {
                Ok((StatusCode::CREATED, todo)) => break todo["id"].as_str().unwrap().to_owned(),
                Ok((StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE, _)) | Err(_) => {
                    sleep(Duration::from_millis(10)).await;
                }
                Ok((status, problem)) => panic!("{status}: {problem}"),
            }
        };
        acknowledged.insert(title, id);
    }
    acknowledged
}
