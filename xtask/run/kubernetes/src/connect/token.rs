//! The bearer token of a kubeconfig's user. As for kubectl, white space around it does not belong to it.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use hyper::{
    Request,
    header::{AUTHORIZATION, HeaderValue},
};
use kube::config::AuthInfo;
use secrecy::ExposeSecret;
use xtask_contract::{Error, Result};

/// A file with a token. It is read again for each request, since it may be renewed meanwhile.
#[derive(Debug, Clone)]
pub(super) struct TokenFile {
    path: PathBuf,
    /// What was read last: it counts as long as the file cannot be read.
    last: Arc<Mutex<HeaderValue>>,
}

/// Checks the token of a user, and takes the file that holds one out of kube's hands, which would send its last line's
/// end, too.
pub(super) fn prepare(user: &mut AuthInfo, doing: &str) -> Result<Option<TokenFile>> {
    let has_password = user.username.is_some() && user.password.is_some();
    if let Some(token) = user.token.take() {
        let bare = token.expose_secret().trim();
        if !bare.is_empty() {
            header(bare).ok_or_else(|| no_token("token", doing))?;
            user.token = Some(bare.into());
        }
    }
    if user.auth_provider.is_some() || has_password || user.token.is_some() {
        return Ok(None);
    }
    let Some(path) = user.token_file.take().filter(|path| !path.is_empty()) else { return Ok(None) };
    user.exec = None;
    TokenFile::read(path.into(), doing).map(Some)
}

impl TokenFile {
    fn read(path: PathBuf, doing: &str) -> Result<Self> {
        let named = format!("tokenFile {}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| {
            Error::refused(doing, format!("{named} of the kubeconfig's user: {error}"))
                .next("put it there, or mend the kubeconfig: `kubectl config view` shows it")
        })?;
        let last = header(text.trim()).ok_or_else(|| no_token(&named, doing))?;
        Ok(Self { path, last: Arc::new(Mutex::new(last)) })
    }

    /// A request with the token.
    pub(super) fn add_to<B>(&self, mut request: Request<B>) -> Request<B> {
        let new = fs::read_to_string(&self.path).ok().and_then(|text| header(text.trim()));
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(new) = new {
            *last = new;
        }
        request.headers_mut().insert(AUTHORIZATION, last.clone());
        request
    }
}

fn header(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| !token.is_empty())?;
    value.set_sensitive(true);
    Some(value)
}

fn no_token(named: &str, doing: &str) -> Error {
    Error::refused(
        doing,
        format!("{named} of the kubeconfig's user is no token: it is empty, or not one line"),
    )
    .next("log in anew; `kubectl config view --raw` shows what the kubeconfig says")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mut user: AuthInfo) -> std::result::Result<(Option<String>, Option<TokenFile>), String> {
        let file = prepare(&mut user, "connecting").map_err(|error| error.to_string())?;
        Ok((user.token.map(|token| token.expose_secret().to_owned()), file))
    }

    fn sent(file: &TokenFile) -> String {
        let request = file.add_to(Request::new(()));
        request.headers()[AUTHORIZATION].to_str().unwrap().to_owned()
    }

    #[test]
    fn the_ends_of_lines_around_a_token_are_left_out() {
        let inline = |token: &str| AuthInfo { token: Some(token.into()), ..AuthInfo::default() };
        for token in ["canary", "canary\n", " canary\r\n\n"] {
            assert_eq!(of(inline(token)).unwrap().0.as_deref(), Some("canary"), "{token:?}");
        }
        for token in ["canary\ncanary", "can\0ary"] {
            let told = of(inline(token)).unwrap_err();
            assert!(told.contains("is no token") && !told.contains("canary"), "{told}");
        }
        assert_eq!(of(inline("\n")).unwrap().0, None);
    }

    #[test]
    fn the_file_of_a_token_is_read_again_and_what_was_read_last_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let user = || AuthInfo { token_file: Some(path.display().to_string()), ..AuthInfo::default() };
        assert!(of(user()).unwrap_err().contains("put it there"));
        fs::write(&path, "\n").unwrap();
        assert!(of(user()).unwrap_err().contains("is no token"));
        fs::write(&path, "one\r\n").unwrap();
        let file = of(user()).unwrap().1.unwrap();
        assert_eq!(sent(&file), "Bearer one");
        fs::write(&path, "two\n").unwrap();
        assert_eq!(sent(&file), "Bearer two");
        fs::remove_file(&path).unwrap();
        assert_eq!(sent(&file), "Bearer two");
        assert!(of(AuthInfo { token: Some("t".into()), ..user() }).unwrap().1.is_none());
    }
}
