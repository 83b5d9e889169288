//! Making images, beside `docker build` of the same files.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use xtask_build::{Image, Origin, assemble};
use xtask_contract::{Context, Layout, Progress, Result};

use super::super::{
    Bench,
    figure::{Figure, Goal, Unit, What},
    timed,
};

const CHANGED: What = What::least("image of a changed program", Unit::Millis, Goal::Value(50.0));
const UNCHANGED: What = What::least("build when nothing changed", Unit::Millis, Goal::Value(20.0));
const SIZE: What = What::least("image size", Unit::Mebibytes, Goal::Value(9.5));
const PEER: &str = "docker build";

/// The image of the same files in Docker's terms.
const DOCKERFILE: &str = "FROM scratch\nCOPY certificates.crt /etc/ssl/certs/ca-certificates.crt\nCOPY todo-api /todo-api\nENTRYPOINT [\"/todo-api\"]\n";

pub(super) async fn figures(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.ui.step("measuring build");
    let docker = match bench.lacks("docker", &["info"]).await {
        None => Some(Docker::new(bench)?),
        Some(why) => {
            bench.skip(PEER, &why);
            None
        }
    };
    let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
    let (mut peer_changed, mut peer_unchanged) = (Vec::new(), Vec::new());
    for run in 0..bench.runs {
        let program = program(bench, run)?;
        let path = changed_program(bench, &program)?;
        changed.push(timed(async { image_of(bench, &path).map(drop) }).await?);
        unchanged.push(timed(async { xtask_build::build(bench.repo, true, bench.ui).map(drop) }).await?);
        if let Some(docker) = &docker {
            docker.change(&program)?;
            peer_changed.push(timed(docker.build()).await?);
            peer_unchanged.push(timed(docker.build()).await?);
        }
    }
    // To a tenth and no further, as `build` tells it.
    #[expect(clippy::cast_precision_loss, reason = "an image has nowhere near 2^52 bytes")]
    let size = (bench.built.record.size * 10 / 1024 / 1024) as f64 / 10.0;
    let figures = [
        CHANGED.beside(&changed, PEER, &peer_changed),
        UNCHANGED.beside(&unchanged, PEER, &peer_unchanged),
        SIZE.of(&[size]),
    ];
    Ok(figures.into_iter().flatten().collect())
}

/// A program that is new in each run: the real one with a few bytes more, which the system does not mind.
pub(super) fn program(bench: &Bench<'_>, run: u32) -> Result<Vec<u8>> {
    let doing = || format!("reading the program {}", bench.program.display());
    let mut content = fs::read(bench.program).doing(doing)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    content.extend_from_slice(format!("{run} {}", now.as_nanos()).as_bytes());
    Ok(content)
}

/// Makes the image of this program.
pub(super) fn changed_image(bench: &Bench<'_>, program: &[u8]) -> Result<Image> {
    image_of(bench, &changed_program(bench, program)?)
}

/// Writes this program where images are made of it, as the compiler does.
fn changed_program(bench: &Bench<'_>, program: &[u8]) -> Result<PathBuf> {
    let path = bench.place.path("todo-api");
    let file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o755).open(&path);
    file.and_then(|mut file| file.write_all(program)).doing(|| "writing a changed program")?;
    Ok(path)
}

fn image_of(bench: &Bench<'_>, program: &Path) -> Result<Image> {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let origin = Origin { revision: "bench", dirty: true, quick: false, target: &target };
    assemble(&layout(bench), program, bench.repo.service()?, origin)
}

/// A layout of the bench's own.
pub(super) fn layout(bench: &Bench<'_>) -> Layout {
    Layout::at(bench.place.path("images"))
}

/// The peer, with the image's files in a folder.
pub(super) struct Docker<'a> {
    bench: &'a Bench<'a>,
    context: PathBuf,
}

impl<'a> Docker<'a> {
    pub(super) fn new(bench: &'a Bench<'a>) -> Result<Self> {
        let context = bench.place.path("context");
        let make = || {
            fs::create_dir(&context)?;
            fs::write(context.join("Dockerfile"), DOCKERFILE)?;
            fs::write(context.join("certificates.crt"), vec![b'x'; 220_000])
        };
        make().doing(|| "making docker's build context")?;
        Ok(Self { bench, context })
    }

    /// The program that the next image is of.
    pub(super) fn change(&self, program: &[u8]) -> Result<()> {
        fs::write(self.context.join("todo-api"), program).doing(|| "writing the peer's program")
    }

    pub(super) async fn build(&self) -> Result<()> {
        let (tag, label) = (self.bench.made.tag(), self.bench.made.label());
        let context = self.context.display().to_string();
        let args = ["build", "--quiet", "--label", &label, "--tag", &tag, &context];
        self.bench.call("docker", &args).await.map(drop)
    }
}
