//! A deploy on a cluster that a server of the tests' own plays (`support/api_server`): what takes minutes on a real
//! one, or hardly ever happens to it.

mod earlier;
mod foreign;
mod hindering;
mod killing;
pub(crate) mod likeness;
mod locking;
mod looking;
mod picture;
mod proxies;
mod schema;
mod stopping;

use std::{env, fs, process::Command, time::Duration};

use xtask_contract::{
    EnvName, ReleaseId, Repo, Result,
    deploy::{KubernetesTarget, Target},
    labels,
    progress::Silent,
};
use xtask_kubernetes::{Cluster, Remote};
use xtask_run::{Backend, Backends, Options, Timing};

use crate::support::{
    PATIENCE,
    api_server::{ApiServer, Object},
    checkout::{Checkout, name},
    command::{Outcome, Xtask},
    foreground::Foreground,
};

const NAMESPACE: &str = "todo-api-prod";

/// A certificate authority that nobody is. Nothing speaks TLS here, and to read those of the machine would take longer
/// than all else.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBeTCCAR+gAwIBAgIUPJiocbIRue8dNnR7bQsVY5Q+RAQwCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyOTE2NTcxMVoYDzIxMjYxMTA1MTY1
NzExWjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AASqTHZUWtxqY+j7MzJ7Z8UoM16PnvMvnU7fA2ABoSvt3842OvaxdVfYXW7kKc8d
CongcbbW2f3l7Ys+KP14dGHSo1MwUTAdBgNVHQ4EFgQUE0p3BvWpeFRxRYELhiny
ZuuCXHYwHwYDVR0jBBgwFoAUE0p3BvWpeFRxRYELhinyZuuCXHYwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiATNWxBLRi3J9LBW/ZYRh1z1vsCZ+RK
9iNz2jfuFpi0bwIhAK2YPI5bn0uKYn+WEc7LKDpoRmZTdYpPgNqa6KvjRp4c
-----END CERTIFICATE-----
";

/// The deploy `prod`, with a PostgreSQL server of its own.
struct Deploy {
    checkout: Checkout,
    server: ApiServer,
}

impl Deploy {
    fn new() -> Self {
        let deploy = Self { checkout: Checkout::built(), server: ApiServer::start() };
        deploy.server.write_kubeconfig(&deploy.checkout.home);
        fs::write(deploy.checkout.home.join("certificate.pem"), CERTIFICATE).unwrap();
        let postgres = deploy.checkout.deploy("dev").services.postgres;
        deploy.checkout.edit_deploy("prod", |prod| {
            prod.target = Target::Kubernetes(KubernetesTarget {
                context: "scripted".into(),
                namespace: NAMESPACE.parse().unwrap(),
                registry: format!("127.0.0.1:{}/team/todo-api", deploy.server.port).parse().unwrap(),
                url: None,
                pull_secret: None,
                plain_http: true,
            });
            prod.services.postgres = postgres;
            prod.policy.dirty = true;
        });
        deploy
    }

    /// A new release, unlike the one before in one variable.
    fn release(&self) -> ReleaseId {
        let now = self.checkout.ids("prod").len();
        self.checkout.configure("prod", "DATABASE_MAX_CONNECTIONS", &(5 + now % 5).to_string());
        self.xtask(["release"]).run().done();
        *self.checkout.ids("prod").last().unwrap()
    }

    fn run(&self) -> Outcome {
        self.xtask(["run"]).run()
    }

    /// A run that waits for nobody for long. The command line cannot be told so: it is a call of this very program.
    fn run_in_haste(&self) -> Outcome {
        let mut test = Command::new(env::current_exe().unwrap());
        test.args(["--ignored", "--exact", "--nocapture", "scripted::runs_in_haste"]);
        test.env("HOME", &self.checkout.home)
            .env("SSL_CERT_FILE", self.checkout.home.join("certificate.pem"));
        for given in ["KUBECONFIG", "XTASK_AGE_IDENTITY", "XTASK_REGISTRY_USER", "XTASK_REGISTRY_PASSWORD"] {
            test.env_remove(given);
        }
        test.current_dir(&self.checkout.root);
        Foreground::spawn(test).ends_within(PATIENCE)
    }

    fn xtask<const N: usize>(&self, args: [&str; N]) -> Xtask {
        let certificate = self.checkout.home.join("certificate.pem");
        self.checkout.xtask(args).args(["--env", "prod"]).env("SSL_CERT_FILE", certificate)
    }

    /// All pods are of this release, and nothing is unlike it.
    #[track_caller]
    fn is_on(&self, release: ReleaseId) {
        let status = self.xtask(["status", "--json"]).run().done().json();
        assert_eq!(status["release"], release.to_string(), "{status:#}");
        let pods = self.server.cluster().store.all("pods");
        let of_web = |pod: &&Object| pod["metadata"]["labels"][labels::COMPONENT] == "web";
        let stays = |pod: &&Object| pod["metadata"]["deletionTimestamp"].is_null();
        for pod in pods.iter().filter(of_web).filter(stays) {
            assert_eq!(pod["metadata"]["annotations"][labels::RELEASE], release.to_string());
        }
    }
}

#[test]
#[ignore = "others call it, in a checkout of theirs"]
fn runs_in_haste() {
    let timing = Timing {
        silence: Duration::from_millis(300),
        renewal: Duration::from_millis(20),
        ..Timing::default()
    };
    let options = Options { timing, ..Options::default() };
    let repo = Repo::around(&env::current_dir().unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ran =
        runtime.block_on(xtask_run::run(&repo, &name("prod"), None, &options, &OnlyRemote, &Silent, &|_| ()));
    if let Err(error) = ran {
        panic!("{error}");
    }
}

/// The scripted API server stands for a cluster that is not of this machine.
struct OnlyRemote;

impl Backends for OnlyRemote {
    fn of<'a>(&'a self, _: &'a Repo, env: &'a EnvName, target: &'a Target) -> Result<Box<dyn Backend + 'a>> {
        let Target::Kubernetes(target) = target else { panic!("{target}") };
        Ok(Box::new(Cluster::new(env, Remote::new(target))))
    }
}
