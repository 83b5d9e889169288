//! Which package is built, and what its program says that it is.

use crate::support::{image::Image, tiny::Tiny};

#[test]
fn the_image_has_the_services_name_whatever_its_program_is_called() {
    let tiny = Tiny::new();
    tiny.write(
        "service/Cargo.toml",
        &format!("{}[[bin]]\nname = 'served'\npath = 'src/main.rs'\n", tiny.read("service/Cargo.toml")),
    );
    tiny.commit("A program of another name");
    let built = tiny.build(&[]).done();
    let image = Image::read(&tiny.repo(), &built.text("digest"));
    assert_eq!(image.config.config.entrypoint, ["/tiny"]);
    assert!(!image.file("tiny").is_empty());
    assert_eq!(tiny.build(&[]).done().json()["reused"], true);
}

#[test]
fn a_program_that_says_that_it_is_another_service_is_refused() {
    let tiny = Tiny::new();
    let program = tiny.read("service/src/main.rs");
    tiny.write("service/src/main.rs", &program.replace(r#""service":"tiny""#, r#""service":"another""#));
    tiny.commit("Another service");
    let refused =
        tiny.build(&[]).refused("it says that it is the service another, but [workspace.metadata.xtask]");
    refused.says("names tiny").says("next: name the package another there");
}

#[test]
fn a_service_that_is_not_there_or_not_named_is_refused_before_anything_is_compiled() {
    let tiny = Tiny::new();
    let manifest = tiny.read("Cargo.toml");
    tiny.write("Cargo.toml", &manifest.replace("service = 'tiny'", "service = 'tin'"));
    tiny.build(&["--allow-dirty"]).refused("the workspace has no such package (did you mean tiny?)");
    tiny.write("Cargo.toml", manifest.split("[workspace.metadata").next().unwrap());
    let refused = tiny.build(&["--allow-dirty"]).refused("names no `service`");
    refused.says("next: name the service's package");
}
