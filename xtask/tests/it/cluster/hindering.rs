//! A cluster that is slow, overloaded or away for a while.

use std::{
    fs,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use super::Story;
use crate::support::{
    kind::{CLUSTER, node, on_node, output, release_of_pods},
    relay::{Fate, Relay},
};

pub(crate) fn tell(story: &Story) {
    let relay = story.relay();
    story.an_overloaded_api_is_asked_again(&relay);
    story.watches_that_end_or_are_too_old_start_again(&relay);
    story.a_call_that_is_never_answered_does_not_hang_the_run(&relay);
    story.a_node_that_is_away_for_a_while_delays_a_rollout();
}

impl Story {
    /// From now on the command line reaches the cluster by way of a relay.
    pub(crate) fn relay(&self) -> Relay {
        on_node(
            "pgrep -x kubectl >/dev/null || nohup kubectl --kubeconfig=/etc/kubernetes/admin.conf proxy --port=8001 \
             --address=0.0.0.0 --accept-hosts='.*' --reject-paths='^$' >/dev/null 2>&1 &",
        );
        let address = "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let address = output(Command::new("docker").args(["inspect", address, &node()]));
        let relay = Relay::to(format!("{}:8001", address.trim()));
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: relay\nclusters:\n  - name: relay\n    cluster:\n      \
             server: http://127.0.0.1:{}\ncontexts:\n  - name: relay\n    context:\n      cluster: relay\n      user: \
             relay\nusers:\n  - name: relay\n    user: {{}}\n",
            relay.port
        );
        fs::write(self.checkout.path(&format!(".xtask/kind/{CLUSTER}.kubeconfig")), kubeconfig).unwrap();
        relay
    }

    fn an_overloaded_api_is_asked_again(&self, relay: &Relay) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        relay.decides(|call| {
            // Every third call but watches, which are retried by themselves.
            if call.watches() || !COUNT.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
                return Fate::Passes;
            }
            let body = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"TooManyRequests","message":"later","code":429}"#;
            Fate::Answered(format!(
                "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            ))
        });
        let wanted = self.release();
        self.run().done();
        assert!(COUNT.load(Ordering::Relaxed) > 30);
        relay.lets_all_pass();
        assert_eq!(release_of_pods(), wanted.to_string());
    }

    fn watches_that_end_or_are_too_old_start_again(&self, relay: &Relay) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        relay.decides(|call| {
            if !call.watches() {
                return Fate::Passes;
            }
            if COUNT.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) {
                return Fate::Ends(Duration::from_millis(200));
            }
            let gone = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version","reason":"Expired","code":410}}"#;
            Fate::Answered(format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{gone}\n",
                gone.len() + 1
            ))
        });
        let wanted = self.release();
        self.run().done();
        assert!(COUNT.load(Ordering::Relaxed) > 4);
        relay.lets_all_pass();
        assert_eq!(release_of_pods(), wanted.to_string());
    }

    fn a_call_that_is_never_answered_does_not_hang_the_run(&self, relay: &Relay) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        relay.decides(|call| {
            let patches = call.method == "PATCH" && call.path.contains("deployments") && call.changes();
            if patches && COUNT.fetch_add(1, Ordering::Relaxed) == 0 { Fate::Hangs } else { Fate::Passes }
        });
        let wanted = self.release();
        self.run();
        assert_eq!(COUNT.load(Ordering::Relaxed).min(1), 1);
        relay.lets_all_pass();
        self.run().done();
        assert_eq!(release_of_pods(), wanted.to_string());
    }

    #[expect(clippy::disallowed_methods, reason = "it is away for just that time")]
    fn a_node_that_is_away_for_a_while_delays_a_rollout(&self) {
        let wanted = self.release();
        let mut run = self.xtask(["run", "--env", "dev"]).start();
        run.says("rolling out");
        output(Command::new("docker").args(["pause", &node()]));
        thread::sleep(Duration::from_secs(20));
        output(Command::new("docker").args(["unpause", &node()]));
        run.ends_within(crate::support::LONG_PATIENCE).done();
        assert_eq!(release_of_pods(), wanted.to_string());
    }
}
