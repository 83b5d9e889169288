//! What a page is told while its service is written (`cargo xtask dev`): which build answers, and what keeps a newer one
//! from it. No release has any of it.

use std::{env, fs, path::PathBuf, time::Duration};

use axum::response::sse::Event;
use futures_util::{Stream, stream};
use tokio::time::sleep;

/// How the ID of a quick build begins.
const QUICK: &str = "dev-";

/// The file with what keeps a newer build from it. The toolchain sets the variable, for quick builds alone: it is no part
/// of the service's config.
const NOTICE: &str = "DEV_NOTICE";

/// How often that file is looked at: a file watcher would be a dependency of every release, for the developer alone.
const PERIOD: Duration = Duration::from_millis(250);

/// A quick build.
#[derive(Debug, Clone)]
pub(super) struct Quick {
    build: String,
    notice: Option<PathBuf>,
}

impl Quick {
    /// This process's build, if its release's ID says that it is one.
    pub(super) fn of(release: &str) -> Option<Self> {
        let notice = env::var_os(NOTICE).map(PathBuf::from);
        release.starts_with(QUICK).then(|| Self { build: release.to_owned(), notice })
    }

    /// The build at once, and what is to be shown of the next one whenever that is another thing.
    pub(super) fn events(self) -> impl Stream<Item = Event> {
        let first = event("build", &self.build);
        let later = stream::unfold((self.notice, String::new()), async |(path, shown)| {
            let path = path?;
            loop {
                let now = fs::read_to_string(&path).unwrap_or_default();
                if now != shown {
                    return Some((event("notice", &now), (Some(path), now)));
                }
                sleep(PERIOD).await;
            }
        });
        futures_util::StreamExt::chain(stream::iter([first]), later)
    }
}

fn event(name: &str, text: &str) -> Event {
    Event::default().event(name).json_data(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, pin_mut};

    use super::*;

    #[test]
    fn a_release_is_no_quick_build() {
        assert!(Quick::of("2011-04-06-20:32:17").is_none() && Quick::of("none").is_none());
        assert_eq!(Quick::of("dev-1f3a").unwrap().build, "dev-1f3a");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_to_be_shown_is_told_once_and_again_when_it_is_another_thing() {
        let path = env::temp_dir().join(format!("notice-{}", std::process::id()));
        fs::write(&path, "").unwrap();
        let events = Quick { build: "dev-1".into(), notice: Some(path.clone()) }.events();
        pin_mut!(events);
        let shown = |event: Option<Event>| format!("{:?}", event.unwrap());
        assert!(shown(events.next().await).contains("dev-1"));
        fs::write(&path, "src/a.rs:7: mismatched types").unwrap();
        assert!(shown(events.next().await).contains("mismatched types"));
        fs::write(&path, "").unwrap();
        assert!(!shown(events.next().await).contains("mismatched"));
        fs::remove_file(path).unwrap();
    }
}
