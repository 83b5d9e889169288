//! What the pages of a quick build are to show, in a file that its pods look at. The image has no shell to write it with, so
//! that is done from the node, where the pods' volumes are.

use futures_util::future::try_join_all;
use xtask_contract::{
    Error, Result,
    service::{NOTICE_FILE, notice_volume},
};

use super::nodes::Nodes;

/// Puts it into each pod of the namespace; an empty one is none.
pub(super) async fn show(notice: &str, namespace: &str, nodes: &[String], engine: &impl Nodes) -> Result<()> {
    let script = script(&notice_volume(namespace));
    try_join_all(nodes.iter().map(async |node| {
        let written = engine.exec(node, &["sh", "-c", &script], notice.as_bytes().to_vec()).await?;
        match written.code {
            0 => Ok(()),
            _ => Err(Error::failed(
                format!("writing what the pages are to show on {node}"),
                written.output.trim(),
            )),
        }
    }))
    .await
    .map(drop)
}

/// Renames, so that no pod sees half of it.
fn script(volume: &str) -> String {
    format!(
        "text=$(mktemp) && cat >\"$text\" && chmod 644 \"$text\" && \
         for pod in /var/lib/kubelet/pods/*/volumes/kubernetes.io~empty-dir/{volume}; do \
         test ! -d \"$pod\" || {{ cp -p \"$text\" \"$pod/.new\" && mv \"$pod/.new\" \"$pod/{NOTICE_FILE}\"; }} || exit 1; \
         done; rm \"$text\""
    )
}
