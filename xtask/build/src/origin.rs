//! Where the source comes from, as far as others may know.

use url::Url;
use xtask_contract::{Git, Repo};

/// The address of the repository that the checkout was cloned from, if that is one that others can reach.
pub(crate) fn origin(repo: &Repo) -> Option<String> {
    // There need not be any: then git fails and says nothing.
    public(&Git::at(repo.root()).line(["config", "--get", "remote.origin.url"]).ok()?)
}

/// The address without user name, password and all else that is for one user alone. A path of this machine is
/// none.
fn public(address: &str) -> Option<String> {
    let spelled_out = if address.contains("://") {
        address.to_owned()
    } else {
        // As ssh's users write it: [USER@]HOST:PATH. Not a path, nor a drive of Windows, nor HELPER::ADDRESS.
        let (host, path) = address.split_once(':')?;
        if host.len() < 2 || host.contains('/') || path.starts_with(':') {
            return None;
        }
        format!("ssh://{host}/{}", path.trim_start_matches('/'))
    };
    let mut url = Url::parse(&spelled_out).ok()?;
    if !["git", "http", "https", "ssh"].contains(&url.scheme()) || !url.has_host() {
        return None;
    }
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_others_can_reach_is_told_and_no_credentials() {
        for (address, told) in [
            ("https://github.com/o/r.git", "https://github.com/o/r.git"),
            ("https://somebody:secret@github.com/o/r.git?token=secret#x", "https://github.com/o/r.git"),
            ("ssh://git@example.org:2222/o/r.git", "ssh://example.org:2222/o/r.git"),
            ("git@github.com:o/r.git", "ssh://github.com/o/r.git"),
        ] {
            assert_eq!(public(address).as_deref(), Some(told));
        }
        for address in
            ["", "/home/somebody/r", "../r", "./a:b", "file:///home/somebody/r", "C:\\r", "ext::sh -c x"]
        {
            assert_eq!(public(address), None, "{address}");
        }
    }
}
