//! What brings a program that this machine lacks: a role of ansible/setup.yaml.

/// Programs, and the role that installs each.
const ROLES: [(&str, &str); 8] = [
    ("git", "base"),
    ("cc", "base"),
    ("ld", "base"),
    ("cargo", "rust"),
    ("rustc", "rust"),
    ("docker", "docker"),
    ("dockerd", "docker"),
    ("kind", "kind"),
];

/// The one command that installs a program, if it is known.
pub fn install(program: &str) -> Option<String> {
    let (_, role) = ROLES.iter().find(|(known, _)| *known == program)?;
    Some(format!("`cargo xtask setup --tags {role}` installs it"))
}
