//! The name and version of a service.

/// The name and version of a service, as its database, its receivers and its logs see them.
///
/// ```
/// const SERVICE: chassis::Identity = chassis::Identity::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Identity {
    name: &'static str,
    version: &'static str,
}

impl Identity {
    /// Of a package, as its manifest has them.
    pub const fn new(name: &'static str, version: &'static str) -> Self {
        Self { name, version }
    }

    /// Such as `pet-shop`.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Such as `1.2.3`.
    pub const fn version(self) -> &'static str {
        self.version
    }

    /// The name where no hyphens may be: of the service's crate, and before the names of its settings.
    pub fn identifier(self) -> String {
        self.name.replace('-', "_")
    }
}
