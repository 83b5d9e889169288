//! What a service must look like after it was sent whatever there is.

use std::fs;

use serde_json::Value;

use super::process::Service;

/// The most memory it may ever have had. A binary for tests has more than one for production, but not without bounds.
const MEMORY_KIB: u64 = 96 * 1024;

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
        let status = fs::read_to_string(format!("/proc/{}/status", service.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: u64 = peak.trim().strip_suffix(" kB").unwrap().parse().unwrap();
        assert!(peak < MEMORY_KIB, "{peak} KiB");
    }
}
