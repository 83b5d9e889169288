//! The files below `k8s/` that the toolchain brings along. A project that has its own of one has that in its place.

use std::{borrow::Cow, fs, io};

use crate::{Context, Repo, Result};

/// A file that the toolchain brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// Its path below `k8s/`, which is that of a project's own, too.
    pub path: &'static str,
    /// What it says.
    pub text: &'static str,
}

macro_rules! template {
    ($path:literal) => {
        Template { path: $path, text: include_str!(concat!("../k8s/", $path)) }
    };
}

/// All of them.
pub const TEMPLATES: [Template; 12] = [
    template!("kind.yaml"),
    template!("logging.yaml"),
    template!("logging/Dockerfile"),
    template!("objects/account.yaml"),
    template!("objects/autoscaler.yaml"),
    template!("objects/disruption.yaml"),
    template!("objects/ingress.yaml"),
    template!("objects/migrate.yaml"),
    template!("objects/namespace.yaml"),
    template!("objects/network.yaml"),
    template!("objects/postgres.yaml"),
    template!("objects/process.yaml"),
];

/// The project's file of this path below `k8s/`, else the toolchain's. None where neither has one.
pub fn text(repo: &Repo, path: &str) -> Result<Option<Cow<'static, str>>> {
    let own = own(repo, path)?.map(Cow::Owned);
    Ok(own.or_else(|| brought(path).map(|template| Cow::Borrowed(template.text))))
}

/// What a project's own file of this path below `k8s/` says, if it has one.
pub fn own(repo: &Repo, path: &str) -> Result<Option<String>> {
    match fs::read_to_string(repo.k8s().join(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some).doing(|| format!("reading k8s/{path}")),
    }
}

/// The toolchain's file of this path below `k8s/`.
pub fn brought(path: &str) -> Option<&'static Template> {
    TEMPLATES.iter().find(|template| template.path == path)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_projects_own_file_stands_in_the_place_of_the_toolchains() {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo::at(folder.path());
        let brought = |path| text(&repo, path).unwrap();
        assert!(brought("objects/migrate.yaml").unwrap().contains("kind: Job"));
        assert_eq!(brought("objects/worker.yaml"), None);
        fs::create_dir_all(repo.k8s().join("objects")).unwrap();
        fs::write(repo.k8s().join("objects/migrate.yaml"), "own").unwrap();
        assert_eq!(brought("objects/migrate.yaml").unwrap(), "own");
    }

    #[test]
    fn each_file_that_is_there_is_brought_along() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("k8s");
        let names = |folder: &Path| -> Vec<String> {
            let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            entries.filter(|path| path.is_file()).map(|path| path.display().to_string()).collect()
        };
        for path in
            [folder.clone(), folder.join("objects"), folder.join("logging")].iter().flat_map(|it| names(it))
        {
            let path = Path::new(&path).strip_prefix(&folder).unwrap().to_str().unwrap();
            assert!(super::brought(path).is_some(), "k8s/{path}");
        }
    }
}
