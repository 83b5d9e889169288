//! The database is about to be there.

use tokio::time::{Duration, sleep};

use super::{
    process::{lines, run},
    server::TestServer,
};

/// Longer than a web request would wait.
const LATE: Duration = Duration::from_millis(700);

#[tokio::test]
async fn a_one_off_process_waits_for_a_server_that_lets_nobody_in_yet() {
    let Some(mut database) = TestServer::start("127.0.0.1").await else { return };
    database.restart_and_let_nobody_in().await;
    migrates_when(&database.url(), async {
        sleep(LATE).await;
        database.let_in();
    })
    .await;
}

#[tokio::test]
async fn a_one_off_process_waits_for_a_server_that_is_not_there_yet() {
    let Some(mut database) = TestServer::start("127.0.0.1").await else { return };
    database.is_gone().await;
    migrates_when(&database.url(), async {
        sleep(LATE).await;
        database.run().await;
    })
    .await;
}

async fn migrates_when(url: &str, then: impl Future<Output = ()>) {
    let variables = [("DATABASE_URL", url)];
    let (output, ()) = tokio::join!(run("migrate", &variables), then);
    assert!(output.status.success(), "{:?}", lines(&output));
}
