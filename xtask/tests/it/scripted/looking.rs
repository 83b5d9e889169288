//! A deploy whose ledger is not as it was made: it can be looked at all the same.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use super::Deploy;

#[test]
fn a_file_too_many_in_the_release_that_runs_is_told_by_status_which_goes_on() {
    let deploy = Deploy::new();
    let runs = deploy.release();
    deploy.run().done();
    let folder = deploy.checkout.newest("prod");
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.join("notes.txt"), "").unwrap();
    let status = deploy.xtask(["status", "--json"]).run().exits(3).json();
    assert_eq!(status["release"], runs.to_string());
    assert_eq!(status["processes"][0]["ready"], 2, "{status:#}");
    let drift: Vec<&str> =
        status["drift"].as_array().unwrap().iter().filter_map(|line| line.as_str()).collect();
    assert_eq!(drift, [format!("verifying the release {runs} of prod: notes.txt was added to it")]);
    assert!(status["next"].as_str().unwrap().contains("rm -r"), "{status:#}");
    deploy.run().refused("notes.txt was added to it");
}
