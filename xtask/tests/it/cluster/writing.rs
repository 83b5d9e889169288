//! A deploy whose service is written meanwhile: `cargo xtask dev --env dev`.

use serde_json::{Value, json};

use super::{Story, in_use};
use crate::support::{
    dev::{Dev, edit, page},
    kind::{cluster_port, kubectl, on_node, release_of_pods, wait_until_all_are_of},
};

const PAGE: &str = "todo-api/src/page/index.html";
const CODE: &str = "todo-api/src/page.rs";

pub(crate) fn tell(story: &Story) {
    // It is used by new connections right after each rollout.
    story.checkout.configure("dev", "DRAIN_DELAY", "3s");
    let released = story.checkout.ids("dev");
    let (mut dev, served) = story.dev(["dev", "--env", "dev", "--json-events", "--restore"]);
    story.all_of_it_says_that_it_is_a_quick_build(&served);
    story.a_change_is_served_and_no_request_is_lost(&mut dev);
    story.what_does_not_come_up_is_named_on_the_page_and_leaves_the_last_good_build(&mut dev);
    story.at_the_end_the_release_before_comes_back(dev);
    assert_eq!(story.checkout.ids("dev"), released, "nothing is released");
    let (dev, _) = story.dev(["dev", "--env", "dev", "--json-events"]);
    story.a_release_takes_over(dev);
    // What comes after it finds the source as it is committed.
    edit(&story.checkout, PAGE, "<title>First ", "<title>");
    story.checkout.configure("dev", "DRAIN_DELAY", "1s");
}

impl Story {
    fn dev<const N: usize>(&self, args: [&str; N]) -> (Dev, Value) {
        Dev::called(&self.checkout, self.xtask(args))
    }

    fn all_of_it_says_that_it_is_a_quick_build(&self, served: &Value) {
        let mark = served["mark"].as_str().unwrap();
        wait_until_all_are_of(mark);
        assert!(mark.starts_with("dev-") && page(cluster_port(), "/readyz").1 == mark, "{served}");
        assert_eq!(release_of_pods(), mark);
        let status = self.xtask(["status", "--env", "dev"]).run().done();
        let quick = format!("dev runs a quick build of the work tree ({mark}) since ");
        assert!(status.stdout.starts_with(&quick), "{status:?}");
        let logs = self.xtask(["logs", "--env", "dev", "--json", "--process", "web"]).run().done();
        assert!(logs.stdout.contains(&format!(r#""release":"{mark}""#)), "{logs:?}");
    }

    fn a_change_is_served_and_no_request_is_lost(&self, dev: &mut Dev) {
        let before = page(cluster_port(), "/readyz").1;
        let served = in_use(|| {
            edit(&self.checkout, PAGE, "<title>", "<title>First ");
            dev.comes_to("serving")
        });
        wait_until_all_are_of(served["mark"].as_str().unwrap());
        let (body, _) = page(cluster_port(), "/");
        let (_, mark) = page(cluster_port(), "/readyz");
        assert!(
            body.contains("<title>First ") && served["mark"] == json!(mark) && mark != before,
            "{served}"
        );
    }

    fn what_does_not_come_up_is_named_on_the_page_and_leaves_the_last_good_build(&self, dev: &mut Dev) {
        let before = page(cluster_port(), "/readyz").1;
        let (good, bad) =
            ("    FILES.iter().zip(", "    assert!(std::env::args().count() < 2);\n    FILES.iter().zip(");
        let failed = in_use(|| {
            edit(&self.checkout, CODE, good, bad);
            dev.comes_to("failed")
        });
        let text = failed["text"].as_str().unwrap();
        assert!(text.contains("assertion failed: std::env::args().count() < 2"), "{text}");
        assert!(text.contains(&format!("the deploy is back on {before}")), "{text}");
        assert_eq!(release_of_pods(), before);
        let headline = failed["headline"].as_str().unwrap();
        assert!(events().contains(&format!("event: notice\ndata: {}", json!(headline))), "{}", events());
        edit(&self.checkout, CODE, bad, good);
        let served = dev.comes_to("serving");
        assert_eq!(served["mark"], json!(before), "the same again is the same");
        wait_until_all_are_of(&before);
        assert!(events().contains(&format!("event: build\ndata: {}", json!(before))), "{}", events());
        assert!(!events().contains("event: notice"), "{}", events());
    }

    fn at_the_end_the_release_before_comes_back(&self, dev: Dev) {
        let outcome = in_use(|| dev.ends());
        let release = self.newest().to_string();
        assert!(outcome.stdout.contains(&format!(r#""release":"{release}""#)), "{outcome:?}");
        assert_eq!(release_of_pods(), release);
        let status = self.xtask(["status", "--env", "dev"]).run().done();
        assert!(status.stdout.starts_with(&format!("dev runs release {release} since ")), "{status:?}");
        let config = kubectl(&["get", "configmaps,secrets", "--output=name"]);
        let again = self.xtask(["run", "--env", "dev"]).run().done();
        assert!(again.stdout.contains("as before"), "{again:?}");
        assert_eq!(kubectl(&["get", "configmaps,secrets", "--output=name"]), config);
    }

    fn a_release_takes_over(&self, mut dev: Dev) {
        let release = self.release().to_string();
        in_use(|| self.run().done());
        assert_eq!(dev.comes_to("taken_over")["release"], json!(release));
        let outcome = dev.ends();
        assert!(!outcome.stderr.contains("runs on"), "{outcome:?}");
        assert_eq!(release_of_pods(), release);
    }
}

/// What the page is told in its first moments.
fn events() -> String {
    on_node(&format!(
        "curl --silent --no-buffer --max-time 2 http://127.0.0.1:{}/api/events || true",
        cluster_port()
    ))
}
