//! The parts of what is measured: each a file, which gives back its figures.

mod build;
mod dev;
mod events;
mod kind;
mod ledger;
mod logs;
mod release;
mod requests;
pub(super) mod service;
mod start;

use xtask_contract::Result;

use super::{Bench, figure::Figure};
use crate::cli::Part;

pub(super) async fn figures(part: Part, bench: &Bench<'_>) -> Result<Vec<Figure>> {
    match part {
        Part::Start => bench.stop.unless(start::figures(bench)).await,
        Part::Build => bench.stop.unless(build::figures(bench)).await,
        Part::Release => bench.stop.unless(release::figures(bench)).await,
        Part::Ledger => bench.stop.unless(ledger::figures(bench)).await,
        Part::Logs => bench.stop.unless(logs::figures(bench)).await,
        Part::Service => with_postgres(bench, async |url| service::figures(bench, url).await).await,
        Part::Events => with_postgres(bench, async |url| events::figures(bench, url).await).await,
        Part::Requests => with_postgres(bench, async |url| requests::figures(bench, url).await).await,
        Part::Dev => with_postgres(bench, async |url| dev::figures(bench, url).await).await,
        Part::Kind => bench.stop.unless(kind::figures(bench)).await,
    }
}

/// Measures with a PostgreSQL server of the bench's own. A signal ends what is measured, then the server in good order.
async fn with_postgres(
    bench: &Bench<'_>,
    measure: impl AsyncFnOnce(&str) -> Result<Vec<Figure>>,
) -> Result<Vec<Figure>> {
    if let Err(error) = xtask_local::postgres_programs() {
        bench.skip("all of it", &format!("it takes PostgreSQL: {}", error.why.join("; ")));
        return Ok(Vec::new());
    }
    xtask_local::with_postgres(bench.ui, async |url| bench.stop.unless(measure(url)).await).await
}
