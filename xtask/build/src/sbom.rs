//! The software bill of materials: all that an image is made of, in CycloneDX's form. It is a function of what
//! was compiled alone, so that two builds of one image write the same bytes: no time, serial number or path.

mod cyclonedx;

use std::collections::BTreeSet;

use xtask_contract::{Context, Result, ServiceName};

use self::cyclonedx::{Component, Dependency, Document, Hash, Licence, Lifecycle, Metadata};
use crate::{
    authorities,
    crates::{Compiled, Graph, Package, Role},
    lock::Lock,
    toolchain::Toolchain,
};

/// What there is to know of an image's content.
pub(crate) struct Materials<'a> {
    /// The service, whose package has its name.
    pub(crate) service: &'a ServiceName,
    /// The crates that cargo compiled, the service's own among them.
    pub(crate) compiled: &'a Compiled,
    /// The service's crates, as cargo knows them.
    pub(crate) graph: &'a Graph,
    /// Where crates come from.
    pub(crate) lock: &'a Lock,
    /// What else is linked into the program.
    pub(crate) toolchain: &'a Toolchain,
    /// What the C library says of itself.
    pub(crate) banner: Option<String>,
}

impl Materials<'_> {
    /// The document's bytes.
    pub(crate) fn document(&self) -> Result<Vec<u8>> {
        let service = self.compiled.keys().find(|package| package.name == self.service.as_str());
        let authorities = authorities();
        let native = [self.standard_library(), self.c_library()];
        let beside = native.iter().map(|library| library.bom_ref.clone());
        let beside: Vec<String> = beside.chain([authorities.bom_ref.clone()]).collect();

        let mut dependencies: Vec<Dependency> =
            self.compiled.keys().map(|of| self.dependencies(of)).collect();
        let of_service = service.map(|service| self.reference(service)).unwrap_or_default();
        for dependency in dependencies.iter_mut().filter(|dependency| dependency.of == of_service) {
            dependency.depends_on.extend(beside.iter().cloned());
        }
        dependencies.extend(beside.into_iter().map(|of| Dependency { of, depends_on: BTreeSet::new() }));

        let crates = self.compiled.iter().filter(|(package, _)| Some(*package) != service);
        let mut components: Vec<Component> = crates
            .map(|(package, role)| Component { scope: Some(scope(*role)), ..self.library(package) })
            .chain(native)
            .chain([authorities])
            .collect();
        components.sort_by(|a, b| a.bom_ref.cmp(&b.bom_ref));
        dependencies.sort_by(|a, b| a.of.cmp(&b.of));
        let application = service.map(|service| Component { kind: "application", ..self.library(service) });
        let document = Document {
            bom_format: "CycloneDX",
            spec_version: "1.6",
            version: 1,
            metadata: Metadata {
                lifecycles: [Lifecycle { phase: "build" }],
                component: application.unwrap_or_default(),
            },
            components,
            dependencies,
        };
        serde_json::to_vec(&document).doing(|| "writing the SBOM")
    }

    fn library(&self, package: &Package) -> Component {
        let licence =
            self.graph.get(package).map(|known| &known.licence).filter(|licence| !licence.is_empty());
        Component {
            kind: "library",
            bom_ref: self.reference(package),
            name: package.name.clone(),
            version: Some(package.version.clone()),
            hashes: self.lock.checksum(package).map(sha256).into_iter().collect(),
            licenses: licence.map(|licence| declared(licence)).into_iter().collect(),
            purl: self.purl(package),
            ..Component::default()
        }
    }

    /// A crate's name in this document.
    fn reference(&self, package: &Package) -> String {
        self.purl(package).unwrap_or_else(|| package.to_string())
    }

    /// A crate's package URL. Only crates.io's crates have one that says no less than all.
    fn purl(&self, package: &Package) -> Option<String> {
        self.lock.checksum(package).map(|_| of_crates_io(package))
    }

    fn dependencies(&self, of: &Package) -> Dependency {
        let known = self.graph.get(of).into_iter().flat_map(|known| &known.dependencies);
        let compiled = known.filter(|package| self.compiled.contains_key(package));
        Dependency {
            of: self.reference(of),
            depends_on: compiled.map(|package| self.reference(package)).collect(),
        }
    }

    fn standard_library(&self) -> Component {
        let version = &self.toolchain.rust.version;
        Component {
            kind: "library",
            bom_ref: format!("rust-std@{version}"),
            name: "rust-std".into(),
            version: Some(version.clone()),
            description: Some("the Rust standard library, as it comes with the compiler".into()),
            scope: Some(scope(Role::Linked)),
            ..Component::default()
        }
    }

    /// The C library, by what the archive that was linked says of itself.
    fn c_library(&self) -> Component {
        let version = self.banner.as_deref().and_then(glibc_version);
        let name = if version.is_some() { "glibc" } else { "libc.a" };
        Component {
            kind: "library",
            bom_ref: version.map_or_else(|| name.to_owned(), |version| format!("{name}@{version}")),
            name: name.into(),
            version: version.map(str::to_owned),
            description: self.banner.as_ref().map(|banner| format!("libc.a: {banner}")),
            scope: Some(scope(Role::Linked)),
            hashes: vec![sha256(&self.toolchain.libc.digest.hex())],
            ..Component::default()
        }
    }
}

/// The list of certificate authorities that is in the image.
fn authorities() -> Component {
    let (package, checksum) = authorities::package();
    let purl = of_crates_io(&package);
    Component {
        kind: "data",
        bom_ref: purl.clone(),
        name: package.name,
        version: Some(package.version),
        description: Some("Mozilla's certificate authorities, in etc/ssl/certs".into()),
        scope: Some(scope(Role::Linked)),
        hashes: vec![sha256(checksum)],
        licenses: vec![declared(authorities::LICENCE)],
        purl: Some(purl),
    }
}

/// The package URL of a crate from crates.io.
fn of_crates_io(package: &Package) -> String {
    format!("pkg:cargo/{}", package.to_string().replace('+', "%2B"))
}

fn declared(licence: &str) -> Licence {
    // What cargo took for an "or" before it took SPDX expressions.
    Licence { expression: licence.replace('/', " OR "), acknowledgement: "declared" }
}

fn scope(role: Role) -> &'static str {
    match role {
        Role::Linked => "required",
        Role::BuildTime => "excluded",
    }
}

fn sha256(content: &str) -> Hash {
    Hash { alg: "SHA-256", content: content.to_owned() }
}

/// The version in "GNU C Library (…) stable release version 2.36."
fn glibc_version(banner: &str) -> Option<&str> {
    Some(banner.split_once("release version ")?.1.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use xtask_contract::Digest;

    use super::*;
    use crate::{
        crates::{graph, tests::package},
        toolchain::tests::toolchain,
    };

    const LOCK: &str = r#"
version = 4

[[package]]
name = "axum"
version = "0.8.9"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "aaaa"

[[package]]
name = "forked"
version = "1.0.0"
source = "git+https://example.org/forked#0123456789"

[[package]]
name = "macros"
version = "2.0.0+spec-1"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "bbbb"

[[package]]
name = "greeter"
version = "0.1.0"
"#;
    const TREE: &str = "0\tgreeter v0.1.0 (/here/greeter)\tApache-2.0 OR MIT\n\
                        1\taxum v0.8.9\tMIT\n\
                        2\tforked v1.0.0 (https://example.org/forked#01234567)\t\n\
                        2\tnot-compiled v1.0.0\tMIT\n\
                        1\tmacros v2.0.0+spec-1 (proc-macro)\tMIT/Apache-2.0\n";

    fn document() -> Value {
        let compiled = Compiled::from([
            (package("axum", "0.8.9"), Role::Linked),
            (package("forked", "1.0.0"), Role::Linked),
            (package("macros", "2.0.0+spec-1"), Role::BuildTime),
            (package("greeter", "0.1.0"), Role::Linked),
        ]);
        let materials = Materials {
            service: &"greeter".parse().unwrap(),
            compiled: &compiled,
            graph: &graph(TREE),
            lock: &Lock::parse(LOCK).unwrap(),
            toolchain: &toolchain(),
            banner: Some("GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.".into()),
        };
        serde_json::from_slice(&materials.document().unwrap()).unwrap()
    }

    #[test]
    fn every_component_says_what_it_is_and_where_it_comes_from() {
        let licence = |expression| json!([{ "expression": expression, "acknowledgement": "declared" }]);
        let hash = |content: &str| json!([{ "alg": "SHA-256", "content": content }]);
        let (list, checksum) = authorities::package();
        let expected = json!([
            { "type": "library", "bom-ref": "forked@1.0.0", "name": "forked", "version": "1.0.0", "scope": "required" },
            { "type": "library", "bom-ref": "glibc@2.36", "name": "glibc", "version": "2.36", "scope": "required",
              "description": "libc.a: GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.",
              "hashes": hash(&Digest::of("libc").hex()) },
            { "type": "library", "bom-ref": "pkg:cargo/axum@0.8.9", "name": "axum", "version": "0.8.9",
              "scope": "required", "hashes": hash("aaaa"), "licenses": licence("MIT"), "purl": "pkg:cargo/axum@0.8.9" },
            { "type": "library", "bom-ref": "pkg:cargo/macros@2.0.0%2Bspec-1", "name": "macros",
              "version": "2.0.0+spec-1", "scope": "excluded", "hashes": hash("bbbb"),
              "licenses": licence("MIT OR Apache-2.0"), "purl": "pkg:cargo/macros@2.0.0%2Bspec-1" },
            { "type": "data", "bom-ref": of_crates_io(&list), "name": "webpki-root-certs",
              "version": list.version, "description": "Mozilla's certificate authorities, in etc/ssl/certs",
              "scope": "required", "hashes": hash(checksum), "licenses": licence("CDLA-Permissive-2.0"),
              "purl": of_crates_io(&list) },
            { "type": "library", "bom-ref": "rust-std@1.95.0", "name": "rust-std", "version": "1.95.0",
              "description": "the Rust standard library, as it comes with the compiler", "scope": "required" },
        ]);
        assert_eq!(document()["components"], expected);
    }

    #[test]
    fn it_is_about_the_service_and_names_no_place_or_time() {
        let document = document();
        let expected = json!({
            "lifecycles": [{ "phase": "build" }],
            "component": {
                "type": "application", "bom-ref": "greeter@0.1.0", "name": "greeter", "version": "0.1.0",
                "licenses": [{ "expression": "Apache-2.0 OR MIT", "acknowledgement": "declared" }],
            },
        });
        assert_eq!(document["metadata"], expected);
        assert_eq!(document.get("serialNumber"), None);
        assert!(!document.to_string().contains("/here"));
    }

    #[test]
    fn the_graph_is_that_of_what_was_compiled() {
        let authorities = of_crates_io(&authorities::package().0);
        let (axum, macros) = ("pkg:cargo/axum@0.8.9", "pkg:cargo/macros@2.0.0%2Bspec-1");
        let expected = json!([
            { "ref": "forked@1.0.0", "dependsOn": [] },
            { "ref": "glibc@2.36", "dependsOn": [] },
            { "ref": "greeter@0.1.0", "dependsOn": ["glibc@2.36", axum, macros, authorities, "rust-std@1.95.0"] },
            { "ref": axum, "dependsOn": ["forked@1.0.0"] },
            { "ref": macros, "dependsOn": [] },
            { "ref": authorities, "dependsOn": [] },
            { "ref": "rust-std@1.95.0", "dependsOn": [] },
        ]);
        assert_eq!(document()["dependencies"], expected);
    }
}
