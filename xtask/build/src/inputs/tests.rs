use std::{fs, os::unix::fs::symlink};

use super::*;
use crate::test_repository::TestRepository;

/// A service, a library that it uses, and something else, each with a commit of its own.
fn repository() -> TestRepository {
    let repository = TestRepository::new();
    for path in ["service/main.rs", "library/lib.rs", "docs/text.md"] {
        repository.write(path, "a\nb\n");
        repository.commit(path);
    }
    repository
}

fn of(repository: &TestRepository, also_read: &[&str]) -> Inputs {
    let sources = Sources {
        folders: ["service", "library"].map(PathBuf::from).into(),
        also_read: also_read.iter().map(PathBuf::from).collect(),
    };
    Inputs::of(&repository.work_tree(), &sources).unwrap()
}

fn changes(inputs: &Inputs) -> Vec<String> {
    inputs.changes.iter().map(|(path, change)| format!("{} {}", word(*change), path.display())).collect()
}

#[track_caller]
fn refusal(repository: &TestRepository, inputs: &Inputs) -> String {
    inputs.refuse_uncommitted(&repository.work_tree()).unwrap_err().to_string()
}

#[test]
fn the_revision_is_the_last_commit_that_touched_an_input() {
    let repository = repository();
    let inputs = of(&repository, &[]);
    assert!(!inputs.dirty());
    assert_eq!(inputs.revision, repository.commit_of("HEAD~1"), "the library's");
    assert_eq!(of(&repository, &["docs/text.md"]).revision, repository.commit_of("HEAD"));
}

#[test]
fn any_byte_of_an_input_changes_the_content_and_is_dirty_until_it_is_committed() {
    let repository = repository();
    let before = of(&repository, &[]);
    repository.write("docs/text.md", "something else");
    assert_eq!(of(&repository, &[]).content, before.content);

    repository.write("library/lib.rs", "a\nc\n");
    let changed = of(&repository, &[]);
    assert_ne!(changed.content, before.content);
    assert_eq!(changes(&changed), ["changed library/lib.rs"]);
    assert!(!refusal(&repository, &changed).contains("git status"));

    repository.commit("It is meant");
    let committed = of(&repository, &[]);
    assert_eq!((committed.content, committed.dirty()), (changed.content, false));
    assert_eq!(committed.revision, repository.commit_of("HEAD"));
}

#[test]
fn new_and_deleted_files_are_named() {
    let repository = repository();
    repository.write("service/new.rs", "");
    fs::remove_file(repository.path().join("library/lib.rs")).unwrap();
    let inputs = of(&repository, &[]);
    assert_eq!(changes(&inputs), ["deleted library/lib.rs", "new service/new.rs"]);
    repository.git(&["add", "--all"]);
    assert_eq!(changes(&of(&repository, &[])), changes(&inputs), "what is only staged is in no commit");
    let refused = refusal(&repository, &inputs);
    assert!(refused.contains("deleted: library/lib.rs") && refused.contains("--allow-dirty"), "{refused}");
}

#[test]
fn line_ends_that_git_changes_at_checkout_are_dirty() {
    let original = repository();
    let clone = TestRepository::clone_of(&original, "core.autocrlf=true");
    assert_eq!(fs::read_to_string(clone.path().join("service/main.rs")).unwrap(), "a\r\nb\r\n");
    let inputs = of(&clone, &[]);
    assert_eq!(changes(&inputs), ["changed library/lib.rs", "changed service/main.rs"]);
    let refused = refusal(&clone, &inputs);
    assert!(
        refused.contains("`git status` does not show all") && refused.contains("core.autocrlf"),
        "{refused}"
    );

    original.write(".gitattributes", "* -text\n");
    original.commit("Git is told to leave them alone");
    let clone = TestRepository::clone_of(&original, "core.autocrlf=true");
    assert_eq!((of(&clone, &[]).content, of(&clone, &[]).dirty()), (of(&original, &[]).content, false));
}

#[test]
fn what_a_filter_has_changed_is_dirty() {
    let repository = repository();
    repository.git(&["config", "filter.shout.clean", "tr A-Z a-z"]);
    repository.git(&["config", "filter.shout.smudge", "tr a-z A-Z"]);
    repository.write(".gitattributes", "*.rs filter=shout\n");
    fs::remove_file(repository.path().join("service/main.rs")).unwrap();
    repository.git(&["checkout", "--", "service/main.rs"]);
    assert_eq!(changes(&of(&repository, &[])), ["changed service/main.rs"]);
}

#[test]
fn what_git_was_told_not_to_look_at_is_looked_at() {
    for flag in ["--skip-worktree", "--assume-unchanged"] {
        let repository = repository();
        repository.git(&["update-index", flag, "service/main.rs"]);
        repository.write("service/main.rs", "something else");
        let inputs = of(&repository, &[]);
        assert_eq!(changes(&inputs), ["changed service/main.rs"], "{flag}");
        assert!(refusal(&repository, &inputs).contains("git ls-files -v"));
    }
}

#[test]
fn a_file_that_only_the_users_own_ignore_files_hide_is_an_input() {
    let repository = repository();
    repository.write("ignore", "*.sql\n");
    repository.git(&["config", "core.excludesFile", &repository.path().join("ignore").display().to_string()]);
    repository.write(".git/info/exclude", "*.toml\n");
    repository.write("service/0001.sql", "");
    repository.write("service/extra.toml", "");
    let inputs = of(&repository, &[]);
    assert_eq!(changes(&inputs), ["new service/0001.sql", "new service/extra.toml"]);
    assert!(refusal(&repository, &inputs).contains("an ignore file hides it"));
}

#[test]
fn what_the_repository_ignores_is_an_input_once_the_compiler_has_read_it() {
    let repository = repository();
    repository.write(".gitignore", "generated*\n");
    repository.write("service/generated.rs", "a");
    assert!(!of(&repository, &[]).dirty());
    let read = of(&repository, &["service/generated.rs"]);
    assert_eq!(changes(&read), ["new service/generated.rs"]);
    repository.write("service/generated.rs", "b");
    assert_ne!(of(&repository, &["service/generated.rs"]).content, read.content);
}

#[test]
fn of_a_folder_that_a_build_script_watches_everything_is_an_input() {
    let repository = repository();
    repository.write(".gitignore", "*.sql\n");
    assert!(!of(&repository, &["library"]).dirty());
    repository.write("library/deep/0002.sql", "");
    assert_eq!(changes(&of(&repository, &["library"])), ["new library/deep/0002.sql"]);
}

#[test]
fn a_link_is_where_it_leads() {
    let repository = repository();
    let link = repository.path().join("service/link");
    symlink("main.rs", &link).unwrap();
    repository.commit("A link");
    let before = of(&repository, &[]);
    assert!(!before.dirty());
    fs::remove_file(&link).unwrap();
    symlink("../docs/text.md", &link).unwrap();
    assert_eq!(changes(&of(&repository, &[])), ["changed service/link"]);
    fs::remove_file(&link).unwrap();
    repository.write("service/link", "main.rs");
    assert_eq!(changes(&of(&repository, &[])), ["changed service/link"], "a file with the link's text");
}

#[test]
fn a_nested_repository_is_new_with_all_that_is_in_it() {
    let (repository, inner) = (repository(), TestRepository::new());
    inner.write("file", "a");
    inner.commit("Its own");
    fs::rename(inner.path(), repository.path().join("service/inner")).unwrap();
    let before = of(&repository, &[]);
    assert_eq!(changes(&before), ["new service/inner"]);
    repository.write("service/inner/file", "b");
    let after = of(&repository, &[]);
    assert_eq!(changes(&after), ["new service/inner", "changed service/inner/file"]);
    assert_ne!(after.content, before.content);
}

#[test]
fn a_submodule_is_an_input_with_all_that_is_in_it() {
    let (repository, inner) = (repository(), TestRepository::new());
    inner.write("file", "a");
    inner.commit("Its own");
    repository.add_submodule(&inner, "library/inner");
    repository.commit("A submodule");
    let before = of(&repository, &[]);
    assert_eq!(
        (changes(&before), before.revision.clone()),
        (Vec::<String>::new(), repository.commit_of("HEAD"))
    );

    repository.write("library/inner/file", "b");
    assert_eq!(changes(&of(&repository, &[])), ["changed library/inner/file"]);
    repository.git(&["-C", "library/inner", "commit", "--quiet", "--all", "--message", "Another commit"]);
    let moved = of(&repository, &[]);
    assert_eq!(changes(&moved), ["changed library/inner"]);
    assert_ne!(moved.content, before.content);

    repository.git(&["submodule", "--quiet", "deinit", "--force", "library/inner"]);
    assert_eq!(changes(&of(&repository, &[])), ["deleted library/inner"]);
}

#[test]
fn a_hooks_variables_do_not_lead_to_another_repository() {
    // What git exports to a hook is in the environment of a process of its own, so that no other test sees it.
    const INSIDE: &str = "A_REPOSITORY_TO_LOOK_AT";
    if let Some(path) = std::env::var_os(INSIDE) {
        assert_eq!(WorkTree::around(Path::new(&path)).unwrap().top(), Path::new(&path));
        return;
    }
    let (asked, hooked) = (repository(), repository());
    let this = std::env::current_exe().unwrap();
    let name = "inputs::tests::a_hooks_variables_do_not_lead_to_another_repository";
    let git = hooked.path().join(".git");
    let output = std::process::Command::new(this)
        .args(["--exact", name])
        .env(INSIDE, asked.path())
        .envs([("GIT_DIR", &git), ("GIT_INDEX_FILE", &git.join("index")), ("GIT_WORK_TREE", &hooked.path())])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn no_commit_and_a_cut_history_are_refused() {
    let empty = TestRepository::new();
    empty.write("service/main.rs", "");
    let sources = Sources { folders: ["service".into()].into(), ..Sources::default() };
    let error = Inputs::of(&empty.work_tree(), &sources).unwrap_err();
    assert!(error.to_string().contains("no commit has any"), "{error}");

    let original = repository();
    original.write("service/main.rs", "b");
    original.commit("The last one");
    original.write("docs/text.md", "b");
    original.commit("Another last one");
    let shallow = TestRepository::shallow_clone_of(&original);
    let error = Inputs::of(&shallow.work_tree(), &sources).unwrap_err();
    assert!(error.next.unwrap().contains("--unshallow"));
}

#[test]
fn inputs_that_change_while_they_are_compiled_are_told() {
    let repository = repository();
    let before = of(&repository, &[]);
    of(&repository, &["docs/text.md"]).refuse_changed_since(&before).unwrap();
    repository.write("service/main.rs", "saved meanwhile");
    fs::remove_file(repository.path().join("library/lib.rs")).unwrap();
    let error = of(&repository, &[]).refuse_changed_since(&before).unwrap_err().to_string();
    assert!(error.contains("service/main.rs") && error.contains("library/lib.rs"), "{error}");
}
