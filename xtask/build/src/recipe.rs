//! The version of the recipe: of how a program is compiled and becomes an image, and of what is written about it.

/// It is part of what a build is known by. With a change of what comes out of the same inputs it is raised: images that
/// were made before are then made anew.
pub(crate) const VERSION: u32 = 3;

#[cfg(test)]
mod tests {
    use xtask_contract::{Digest, Layout};

    use super::*;
    use crate::{
        compile,
        image::{Content, Origin, layers_of},
        root_files,
    };

    /// The version, and what comes of fixed inputs by it.
    const GOLDEN: (u32, [(&str, &str); 5]) = (
        3,
        [
            ("root files", "sha256:c6ed4f9429dadab603c79b5517954f35eb7235a17215c31b7ffde17cb66ca99c"),
            ("program", "sha256:58e693a8968e0fa04c77f693ca6c4b653208cc85a4d2219eb06594d2fe4db5fd"),
            ("configuration", "sha256:39c6db30a1ad17d87ebb427312b00b31d458d2344cfe485c22bd3fb6ad01c97b"),
            ("manifest", "sha256:8f68d7c1124e2f95bdd90fbc770b107c02ff0b90e52639f2cb59621fc1308f71"),
            ("compile", "sha256:efd353dcbf45dc788628aa7a40f1f349a5caeedf3072533e9ec6d358f0a683e5"),
        ],
    );

    /// What an image is made of, but for the compile: that of a program that nobody compiled, with one authority.
    fn image() -> [Digest; 4] {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path());
        let description = r#"{"schema": 1, "service": "greeter", "migrate": ["migrate"], "connections": "POOL",
            "processes": [{"name": "web", "args": ["web"], "port": "PORT", "address": "ADDRESS", "inherits": true,
                "readiness": "/ready", "liveness": "/live", "help": "greets"},
                {"name": "worker", "args": ["worker"], "tells": true, "alive": ["worker", "--alive"], "help": "works"}],
            "variables": [{"name": "PORT", "type": "integer", "min": 0, "max": 65535, "required": true, "secret": false,
                "needs": ["ADDRESS"], "help": "its port"},
                {"name": "ADDRESS", "type": "address", "required": false, "secret": false, "default": "::", "help": "a"}]}"#;
        let (service, description) = ("greeter".parse().unwrap(), serde_json::from_str(description).unwrap());
        let authority = b"an authority, longer than fits one line of base64, which has 64 characters";
        let root = root_files::layer(&[authority]).unwrap();
        let layers = layers_of(&layout, &service, &root, b"\x7fELF, and so on").unwrap();
        let content = Content { service: &service, description: &description, layers };
        let origin =
            Origin { revision: "a revision", dirty: true, quick: false, target: "x86_64-unknown-linux-gnu" };
        let image = content.put(&layout, origin).unwrap();
        let manifest = layout.manifest(&image.digest).unwrap();
        let [root, program] = &manifest.layers[..] else { panic!("{manifest:?}") };
        [root.digest, program.digest, image.config_digest, image.digest]
    }

    #[test]
    fn what_comes_of_the_same_inputs_is_what_this_version_stands_for() {
        let [root, program, configuration, manifest] = image();
        let found = [
            ("root files", root),
            ("program", program),
            ("configuration", configuration),
            ("manifest", manifest),
            ("compile", Digest::of(compile::tests::command())),
        ];
        let found = found.map(|(part, digest)| (part, digest.to_string()));
        let golden = GOLDEN.1.map(|(part, digest)| (part, digest.to_owned()));
        assert!(
            (VERSION, &found) == (GOLDEN.0, &golden),
            "what comes of the same inputs is not what version {} of the recipe stands for: raise the recipe's version \
             and the digests, in {}: {found:#?}",
            GOLDEN.0,
            file!(),
        );
    }
}
