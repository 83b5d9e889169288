//! The database is about to be there.

use tokio::time::{Duration, sleep};

use super::{
    process::{lines, run},
    server::TestServer,
};

#[tokio::test]
async fn a_one_off_process_waits_for_a_server_that_lets_nobody_in_yet() {
    let Some(mut database) = TestServer::start("127.0.0.1").await else { return };
    database.restart_and_let_nobody_in().await;
    let url = database.url();
    let variables = [("DATABASE_URL", url.as_str())];
    let migrate = run("migrate", &variables);
    let let_in = async {
        // Longer than a web request would wait.
        sleep(Duration::from_millis(1500)).await;
        database.let_in();
    };
    let (output, ()) = tokio::join!(migrate, let_in);
    assert!(output.status.success(), "{:?}", lines(&output));
}
