//! What a service must look like after it was sent whatever there is.

use serde_json::Value;

use super::process::Service;

/// The most memory it may ever have had. A binary for tests has more than one for production, but not without bounds.
const MEMORY: u64 = 96 << 20;

/// Looks into its log and its memory.
pub(crate) async fn unharmed(mut service: Service) {
    assert!(service.runs());
    assert_eq!(service.get("/readyz").await.status(), 200);
    for line in service.log() {
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_ne!(line["level"], "ERROR", "{line}");
        assert!(line["status"].as_u64().is_none_or(|status| status < 500), "{line}");
    }
    if cfg!(target_os = "linux") {
        let peak = service.peak_memory();
        assert!(peak < MEMORY, "{peak}");
    }
}
