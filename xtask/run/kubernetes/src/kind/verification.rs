//! A kubelet that lets a pod have an image only if who asks for it could have pulled it, too (Kubernetes 1.35 and later,
//! kubernetes/enhancements#2535). On a kind cluster images are brought and never pulled, by pods that have no way to pull
//! them: one that another namespace has once pulled from a registry would be theirs alone.
//!
//! It cannot stand in k8s/kind.yaml: kubelets of 1.33 and 1.34 do not start with the setting.

use xtask_contract::{Error, Result};

use super::nodes::{Node, Nodes};

const FILE: &str = "/var/lib/kubelet/config.yaml";
const SETTING: &str = "imagePullCredentialsVerificationPolicy";
const RESTART: &str = "systemctl restart kubelet";

/// Tells the kubelets of a new cluster not to ask.
pub(super) async fn turn_off(nodes: &[Node], engine: &impl Nodes) -> Result<()> {
    for Node { name: node, .. } in nodes {
        let doing = format!("setting {SETTING} on {node}");
        let asked = engine.exec(node, &["sh", "-c", &if_it_asks(&set(FILE, RESTART))], Vec::new()).await?;
        if asked.code != 0 {
            return Err(Error::failed(doing, asked.output.trim()));
        }
    }
    Ok(())
}

/// The error of a release whose image was brought and is not let out, with the way out.
pub(super) async fn explained(error: Error, nodes: &[String], engine: &impl Nodes) -> Error {
    if !error.why.iter().any(|why| why.contains("ErrImageNeverPull")) {
        return error;
    }
    let asks = if_it_asks(&format!("! grep -q '^{SETTING}: NeverVerify$' {FILE} && echo asks"));
    for node in nodes {
        let asked = engine.exec(node, &["sh", "-c", &asks], Vec::new()).await;
        if asked.is_ok_and(|asked| asked.output.trim() == "asks") {
            let mut error = error;
            error.why.push(format!(
                "the image was brought to {node}, whose kubelet verifies who pulled an image: another namespace has \
                 pulled the same one, and the cluster was made before {SETTING} was set"
            ));
            return error.next(format!(
                "`docker exec {node} sh -c \"{}\"`, then the same command",
                set(FILE, RESTART)
            ));
        }
    }
    error
}

/// A script that does something where the kubelet is one that asks.
fn if_it_asks(script: &str) -> String {
    format!("minor=$(kubelet --version | cut -d. -f2); if [ \"$minor\" -ge 35 ]; then {script}; fi")
}

/// A script that sets it, whatever it is now.
fn set(file: &str, restart: &str) -> String {
    format!("sed -i '/^{SETTING}:/d' {file} && echo '{SETTING}: NeverVerify' >> {file} && {restart}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use xtask_contract::Callee;

    use super::*;
    use crate::kind::nodes::ExecOutput;

    /// What the script makes of a config where the kubelet is of this version.
    fn made_of(version: &str, config: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.yaml");
        fs::write(&file, config).unwrap();
        let set = set(&file.display().to_string(), "true");
        let script = format!("kubelet() {{ echo 'Kubernetes v{version}'; }}; {}", if_it_asks(&set));
        let status = Callee::Asked.command("sh").args(["-c", &script]).status().unwrap();
        assert!(status.success());
        fs::read_to_string(file).unwrap()
    }

    /// Nodes whose only answer is this.
    struct Answering(&'static str);

    impl Nodes for Answering {
        async fn of_cluster(&self, _: &str) -> Result<Vec<Node>> {
            unreachable!()
        }

        async fn start(&self, _: &str) -> Result<()> {
            unreachable!()
        }

        async fn stop(&self, _: &str) -> Result<()> {
            unreachable!()
        }

        async fn exec(&self, _: &str, _: &[&str], _: Vec<u8>) -> Result<ExecOutput> {
            Ok(ExecOutput { code: 0, output: self.0.to_owned() })
        }

        async fn copy_image(&self, _: &str, _: &str) -> Result<bool> {
            unreachable!()
        }
    }

    #[tokio::test]
    async fn an_image_that_is_there_and_not_let_out_is_told_with_the_way_out() {
        let nodes = ["dev-control-plane".to_owned()];
        let told = async |why: &str, answer| {
            let error = Error::failed("running a release", why).next("before");
            explained(error, &nodes, &Answering(answer)).await.to_string()
        };
        let not_let_out = "its image cannot be had (ErrImageNeverPull: is not present)";
        let told_of = told(not_let_out, "asks\n").await;
        assert!(told_of.contains("whose kubelet verifies who pulled an image"), "{told_of}");
        assert!(told_of.contains("docker exec dev-control-plane sh -c \"sed -i"), "{told_of}");
        assert!(told(not_let_out, "").await.contains("next: before"));
        assert!(told("its container ends", "asks\n").await.contains("next: before"));
    }

    #[test]
    fn a_kubelet_that_asks_is_told_not_to_and_others_are_left_alone() {
        let set = "kind: KubeletConfiguration\nimagePullCredentialsVerificationPolicy: NeverVerify\n";
        assert_eq!(made_of("1.36.2", "kind: KubeletConfiguration\n"), set);
        assert_eq!(made_of("1.35.0", set), set);
        let usual = "imagePullCredentialsVerificationPolicy: NeverVerifyPreloadedImages\n";
        assert_eq!(made_of("1.40.0", &format!("{usual}kind: KubeletConfiguration\n")), set);
        for older in ["1.20.15", "1.33.1", "1.34.3"] {
            assert_eq!(made_of(older, "kind: KubeletConfiguration\n"), "kind: KubeletConfiguration\n");
        }
    }
}
