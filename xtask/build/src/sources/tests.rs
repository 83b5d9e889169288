use std::os::unix::fs::symlink;

use super::*;
use crate::{
    crates::{Known, graph, tests::package},
    test_repository::TestRepository,
};

/// A service that uses a library by path.
fn repository() -> TestRepository {
    let repository = TestRepository::new();
    repository.write("service/main.rs", "");
    repository.write("library/lib.rs", "");
    repository.write("README.md", "");
    repository.commit("All");
    repository
}

fn of(repository: &TestRepository, packages: &[&Path]) -> Result<Sources> {
    let known = |path: &&Path| Known { folder: Some(path.to_path_buf()), ..Known::default() };
    let graph = packages.iter().map(|path| (package(&path.display().to_string(), "1.0.0"), known(path)));
    Sources::of(&repository.repo(), &repository.work_tree(), &graph.collect())
}

/// What becomes an input because it was read.
fn added(repository: &TestRepository, read: &[&str]) -> Result<Vec<String>> {
    let tree = repository.work_tree();
    let mut sources = of(repository, &[&repository.path().join("service")])?;
    let inputs = Inputs::of(&tree, &sources)?;
    let read: Vec<PathBuf> = read.iter().map(|path| repository.path().join(path)).collect();
    sources.add(&tree, &read, &inputs, &repository.path().join("target"))?;
    Ok(sources.also_read.iter().map(|path| path.display().to_string()).collect())
}

#[test]
fn packages_by_path_are_read_and_the_workspaces_own_files() {
    let repository = repository();
    let [service, library] = ["service", "library"].map(|name| repository.path().join(name));
    let sources = of(&repository, &[&service, &library]).unwrap();
    let expected =
        [".cargo", "Cargo.lock", "Cargo.toml", "library", "rust-toolchain", "rust-toolchain.toml", "service"];
    assert_eq!(sources.folders, expected.map(PathBuf::from).into());
}

#[test]
fn a_package_beside_the_checkout_counts_if_the_commit_has_it_and_is_refused_otherwise() {
    let repository = repository();
    let inner = Repo::at(repository.path().join("service"));
    let graph = graph(&format!("0\tname v1.0.0 ({})\tMIT\n", repository.path().join("library").display()));
    let sources = Sources::of(&inner, &repository.work_tree(), &graph).unwrap();
    assert!(
        sources.folders.contains(Path::new("library"))
            && sources.folders.contains(Path::new("service/Cargo.toml"))
    );

    let elsewhere = TestRepository::new();
    let error = of(&repository, &[&elsewhere.path()]).unwrap_err().to_string();
    assert!(error.contains(&elsewhere.path().display().to_string()), "{error}");
}

#[test]
fn a_package_in_a_submodule_is_the_submodule() {
    let (repository, inner) = (repository(), TestRepository::new());
    inner.write("deep/lib.rs", "");
    inner.commit("Its own");
    repository.add_submodule(&inner, "inner");
    repository.commit("A submodule");
    let sources = of(&repository, &[&repository.path().join("inner/deep")]).unwrap();
    assert!(sources.folders.contains(Path::new("inner")), "{sources:?}");
}

#[test]
fn vendored_crates_and_included_configuration_are_read() {
    let repository = repository();
    repository.write("vendor/lib.rs", "");
    repository.write("more/config.toml", "[source.b]\nlocal-registry = 'library'\n");
    let config = "include = ['../more/config.toml', { path = 'none.toml', optional = true }]\n\
                  [source.a]\ndirectory = 'vendor'\n[source.crates-io]\nreplace-with = 'a'\n";
    repository.write(".cargo/config.toml", config);
    let sources = of(&repository, &[]).unwrap();
    for path in ["vendor", "more/config.toml", "library"] {
        assert!(sources.folders.contains(Path::new(path)), "{path}: {sources:?}");
    }
}

#[test]
fn what_the_compiler_read_beside_the_packages_is_added_but_not_what_it_made() {
    let repository = repository();
    repository.write("target/out/generated.rs", "");
    let read = ["service/main.rs", "service/../README.md", "target/out/generated.rs", "library"];
    assert_eq!(added(&repository, &read).unwrap(), ["README.md", "library"]);
}

#[test]
fn a_link_that_was_followed_is_added_with_the_file_behind_it() {
    let repository = repository();
    symlink("library", repository.path().join("shortcut")).unwrap();
    assert_eq!(added(&repository, &["shortcut/lib.rs"]).unwrap(), ["library/lib.rs", "shortcut"]);
}

#[test]
fn what_no_commit_can_have_is_refused() {
    let repository = repository();
    for path in ["/etc/passwd", ".git/HEAD"] {
        let error = added(&repository, &[path]).unwrap_err().to_string();
        assert!(error.contains(path), "{error}");
    }
}

#[test]
fn they_are_kept_for_the_next_build() {
    let repository = repository();
    assert_eq!(Sources::of_last_build(&repository.repo()), None);
    let mut sources = of(&repository, &[]).unwrap();
    sources.also_read.insert("README.md".into());
    sources.save(&repository.repo()).unwrap();
    assert_eq!(Sources::of_last_build(&repository.repo()), Some(sources));
}
