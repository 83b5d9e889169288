//! Go's net/http with pgx, in `bench/peers/go`, from the packages of a Debian.

use std::path::PathBuf;

use xtask_contract::{Progress, Result};

use super::{super::Bench, Peer};

/// What it is compiled with besides Go's own library.
const PGX: &str = "github.com/jackc/pgx/v4/pgxpool";

/// Where Debian's packages of Go's libraries are.
const DEBIAN: &str = "/usr/share/gocode";

/// Compiles it below `target`; none where there is no Go or no pgx.
pub(super) async fn build(bench: &Bench<'_>) -> Result<Option<PathBuf>> {
    if let Some(why) = bench.lacks("go", &["version"]).await {
        Peer::Go.skip(bench, &format!("it takes Go, golang on Debian: {why}"));
        return Ok(None);
    }
    bench.ui.step("compiling the service in Go");
    let folder = bench.repo.rebuildable().join("bench-go");
    let (cache, program) = (folder.join("cache").display().to_string(), folder.join("todo-go"));
    let libraries = libraries(std::env::var("GOPATH").ok().as_deref());
    // From what is on this machine alone: without modules nothing is fetched.
    let variables = [("GO111MODULE", "off"), ("GOCACHE", &cache), ("GOPATH", &libraries)];
    if let Err(error) = bench.call_with("go", &["list", PGX], &variables).await {
        let why = error.why.concat();
        let why = why.lines().next().unwrap_or_default();
        Peer::Go.skip(bench, &format!("it takes pgx, golang-github-jackc-pgx-v4-dev on Debian: {why}"));
        return Ok(None);
    }
    let source = bench.repo.root().join("bench/peers/go/main.go").display().to_string();
    bench.call_with("go", &["build", "-o", &program.display().to_string(), &source], &variables).await?;
    Ok(Some(program))
}

/// Where libraries are looked for: where the caller has them, then where Debian has them.
fn libraries(own: Option<&str>) -> String {
    own.filter(|own| !own.is_empty()).map_or_else(|| DEBIAN.to_owned(), |own| format!("{own}:{DEBIAN}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_the_callers_come_before_debians() {
        assert_eq!(libraries(Some("/home/a/go")), "/home/a/go:/usr/share/gocode");
        assert_eq!(libraries(Some("")), "/usr/share/gocode");
        assert_eq!(libraries(None), "/usr/share/gocode");
    }

    #[test]
    fn the_library_that_is_looked_for_is_the_one_that_is_used() {
        assert!(include_str!("../../../../../../bench/peers/go/main.go").contains(&format!("\"{PGX}\"")));
    }
}
