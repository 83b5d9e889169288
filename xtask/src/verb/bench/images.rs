//! Making images, beside `docker build` of the same files.

use std::fs;

use xshell::Shell;
use xtask_build::{Image, Origin, assemble};
use xtask_contract::{Context, Layout, Progress, Result};

use super::{Bench, Figure, has, peer};

/// The image of the same files in Docker's terms.
const DOCKERFILE: &str = "FROM scratch\nCOPY certificates.crt /etc/ssl/certs/ca-certificates.crt\nCOPY todo-api /todo-api\nENTRYPOINT [\"/todo-api\"]\n";
/// The name that the peer's images get.
pub(super) const PEER_TAG: &str = "xtask.local/bench";

pub(super) fn figures(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.ui.step("measuring build");
    let docker = has(&bench.place.sh, "docker", &["info"]);
    let changed = bench.time(|run| changed_image(bench, run).map(drop))?;
    let unchanged = bench.time(|_| xtask_build::build(bench.repo, true, bench.ui).map(drop))?;
    let (mut peer_changed, mut peer_unchanged) = (None, None);
    if docker {
        let sh = context(bench)?;
        peer_changed = Some(bench.time(|run| {
            sh.write_file("todo-api", program(bench, run)?).doing(|| "writing the peer's program")?;
            docker_build(&sh)
        })?);
        peer_unchanged = Some(bench.time(|_| docker_build(&sh))?);
    }
    Ok(vec![
        Figure::millis("image of a changed program", 50.0, changed).beside("docker build", peer_changed),
        Figure::millis("build when nothing changed", 20.0, unchanged).beside("docker build", peer_unchanged),
        Figure {
            name: "image size",
            unit: "MB",
            #[expect(clippy::cast_precision_loss, reason = "an image has nowhere near 2^52 bytes")]
            ours: bench.built.record.size as f64 / 1e6,
            goal: 10.0,
            best: super::Best::Least,
            peer: None,
        },
    ])
}

/// Makes the image of a program that is new in each run: the real one with a few bytes more, which the system
/// does not mind.
pub(super) fn changed_image(bench: &Bench<'_>, run: u32) -> Result<Image> {
    let path = bench.place.folder.path().join("todo-api");
    let content = program(bench, run)?;
    {
        use std::os::unix::fs::OpenOptionsExt;
        let file = fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o755).open(&path);
        let mut file = file.doing(|| "writing a changed program")?;
        std::io::Write::write_all(&mut file, &content).doing(|| "writing a changed program")?;
    }
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let origin = Origin { revision: "bench", dirty: true, target: &target };
    assemble(&layout(bench), &path, origin)
}

/// A layout of the bench's own.
pub(super) fn layout(bench: &Bench<'_>) -> Layout {
    Layout::at(bench.place.folder.path().join("images"))
}

/// A folder with the peer's image in files.
pub(super) fn context(bench: &Bench<'_>) -> Result<Shell> {
    let sh = bench.place.sh.clone();
    let make = || -> xshell::Result<()> {
        sh.create_dir("context")?;
        sh.change_dir("context");
        sh.write_file("Dockerfile", DOCKERFILE)?;
        sh.write_file("certificates.crt", vec![b'x'; 220_000])
    };
    make().doing(|| "making docker's build context")?;
    Ok(sh)
}

pub(super) fn docker_build(sh: &Shell) -> Result<()> {
    peer(sh, "docker", &["build", "--quiet", "--tag", PEER_TAG, "."])
}

pub(super) fn program(bench: &Bench<'_>, run: u32) -> Result<Vec<u8>> {
    let doing = || format!("reading the program {}", bench.built.program.display());
    let mut content = fs::read(&bench.built.program).doing(doing)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    content.extend_from_slice(format!("{run} {}", now.as_nanos()).as_bytes());
    Ok(content)
}
