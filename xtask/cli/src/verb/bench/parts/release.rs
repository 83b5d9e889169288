//! Making releases.

use xtask_contract::{Progress, Result};

use super::super::{
    Bench,
    figure::{Figure, Goal, Unit, What},
    next_second, timed,
};

const RELEASE: What = What::least("release", Unit::Millis, Goal::Value(30.0));

pub(super) async fn figures(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.ui.step("measuring release");
    // The first one makes keys and secrets.
    bench.xtask(&["release", "--env", "local"]).await?;
    let mut times = Vec::new();
    for _ in 0..bench.runs {
        next_second().await;
        times.push(timed(bench.xtask(&["release", "--env", "local"])).await?);
    }
    Ok(RELEASE.of(&times).into_iter().collect())
}
