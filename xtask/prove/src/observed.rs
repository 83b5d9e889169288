//! What a process asks the system for, as `strace` hears it: each file, each program, each connection.

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
};

use xtask_contract::Callee;

/// What a container engine puts into each container, and what the C library looks at when it looks up a name or the time.
const OF_EACH_CONTAINER: [&str; 8] = [
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/services",
];
/// What the kernel itself answers for.
const OF_THE_KERNEL: [&str; 3] = ["/dev", "/proc", "/sys"];

/// How it is asked for what it hears.
const OPTIONS: [&str; 5] = ["-f", "-qq", "-e", "trace=%file,connect", "-o"];

/// `strace` of this machine.
#[derive(Debug)]
pub(crate) struct Observer(PathBuf);

impl Observer {
    /// It, or why there is none.
    pub(crate) fn here() -> Result<Self, String> {
        let path = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&path).map(|folder| folder.join("strace")).find(|path| path.is_file());
        let program = found.ok_or(
            "What it asks the system for is not seen: `strace` is not installed (the package of that name).",
        )?;
        // In a container that may be forbidden.
        let mut tried = Callee::Bare.command(&program);
        tried.args(OPTIONS).args(["/dev/null", "/proc/self/exe", "-V"]);
        match tried.output() {
            Ok(output) if output.status.success() => Ok(Self(program)),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(format!(
                    "What it asks the system for is not seen: {}",
                    said.lines().next().unwrap_or_default()
                ))
            }
            Err(error) => Err(format!("What it asks the system for is not seen: {error}")),
        }
    }

    /// The words that a command is put behind, to be heard into this file.
    pub(crate) fn words(&self, to: &Path) -> Vec<std::ffi::OsString> {
        let program = [self.0.clone().into_os_string()];
        program.into_iter().chain(OPTIONS.map(Into::into)).chain([to.as_os_str().to_owned()]).collect()
    }
}

/// What a program has asked for since it was executed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// Each file, whether or not it was there.
    pub(crate) files: BTreeSet<PathBuf>,
    /// Each other program.
    pub(crate) programs: BTreeSet<String>,
    /// Each address, as `127.0.0.1:5432`.
    pub(crate) addresses: BTreeSet<String>,
}

impl Observed {
    /// By the lines of `strace`, from the one on in which this program was executed; none, if it was not.
    pub(crate) fn of(trace: &str, program: &str) -> Option<Self> {
        let begin = format!("execve(\"{program}\", ");
        let mut seen = Self::default();
        let mut lines = trace.lines();
        lines.find(|line| line.contains(&begin))?;
        for line in lines {
            // `1234  openat(AT_FDCWD, "/etc/hosts", O_RDONLY) = 3`; what is resumed was begun before.
            let Some((call, arguments)) = line.split_once('(') else { continue };
            let Some(call) = call.split_whitespace().last().filter(|_| !line.contains(" resumed>")) else {
                continue;
            };
            match call {
                "connect" => seen.addresses.extend(address(arguments)),
                "execve" | "execveat" => seen.programs.extend(quoted(arguments).map(str::to_owned)),
                _ => seen.files.extend(quoted(arguments).map(|path| Path::new("/").join(path))),
            }
        }
        Some(seen)
    }

    /// The files that are neither in this root folder nor of each container or the kernel.
    pub(crate) fn outside(&self, root: &Path) -> Vec<String> {
        let is_inside = |path: &&PathBuf| {
            let of_the_system = OF_THE_KERNEL.iter().any(|folder| path.starts_with(folder))
                || OF_EACH_CONTAINER.iter().any(|file| *path == Path::new(file));
            of_the_system || root.join(path.strip_prefix("/").unwrap_or(path)).symlink_metadata().is_ok()
        };
        self.files.iter().filter(|path| !is_inside(path)).map(|path| path.display().to_string()).collect()
    }

    /// The addresses whose port none of these values names.
    pub(crate) fn strangers<'v>(&self, values: impl IntoIterator<Item = &'v String>) -> Vec<String> {
        let numbers = |value: &'v String| value.split(|letter: char| !letter.is_ascii_digit());
        let ports: BTreeSet<&str> = values.into_iter().flat_map(numbers).collect();
        let named = |address: &&String| address.rsplit(':').next().is_some_and(|port| ports.contains(port));
        self.addresses.iter().filter(|address| !named(address)).cloned().collect()
    }
}

/// The first text in quotation marks.
fn quoted(arguments: &str) -> Option<&str> {
    arguments.split('"').nth(1).filter(|text| !text.is_empty())
}

/// Of `5, {sa_family=AF_INET, sin_port=htons(5432), sin_addr=inet_addr("127.0.0.1")}, 16`; none of a Unix socket, which is a
/// file.
fn address(arguments: &str) -> Option<String> {
    let port = arguments.split_once("_port=htons(")?.1.split(')').next()?;
    let host = quoted(arguments)?;
    Some(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
100 execve(\"/usr/bin/unshare\", [\"unshare\"], 0x7ffe /* 3 vars */) = 0\n\
100 openat(AT_FDCWD, \"/etc/ld.so.cache\", O_RDONLY|O_CLOEXEC) = 3\n\
100 execve(\"/web\", [\"/web\", \"web\"], 0x7ffe /* 3 vars */) = 0\n\
100 readlink(\"/proc/self/exe\", \"/web\", 4096) = 4\n\
101 openat(AT_FDCWD, \"config.toml\", O_RDONLY|O_CLOEXEC <unfinished ...>\n\
100 openat(AT_FDCWD, \"/etc/resolv.conf\", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)\n\
101 <... openat resumed>)                = -1 ENOENT (No such file or directory)\n\
100 connect(5, {sa_family=AF_INET, sin_port=htons(5432), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0\n\
100 connect(6, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, \"::1\", &sin6_addr), sin6_scope_id=0}, 28) = -1 ECONNREFUSED (Connection refused)\n\
100 connect(7, {sa_family=AF_UNIX, sun_path=\"/run/log\"}, 110) = 0\n\
102 execve(\"/usr/bin/cc\", [\"cc\"], 0x7ffe /* 3 vars */) = -1 ENOENT (No such file or directory)\n\
100 stat(\"/web\", {st_mode=S_IFREG|0755, st_size=1, ...}) = 0\n\
100 +++ exited with 0 +++\n";

    #[test]
    fn what_a_program_asks_for_counts_from_its_start_on_whether_or_not_it_is_there() {
        let seen = Observed::of(TRACE, "/web").unwrap();
        let files: Vec<_> = seen.files.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(files, ["/config.toml", "/etc/resolv.conf", "/proc/self/exe", "/web"]);
        assert_eq!(Vec::from_iter(&seen.programs), ["/usr/bin/cc"]);
        assert_eq!(Vec::from_iter(&seen.addresses), ["127.0.0.1:5432", "::1:443"]);
        assert_eq!(
            Observed::of(TRACE, "/other"),
            None,
            "nothing was seen, which is not that nothing was asked for"
        );
    }

    #[test]
    fn what_the_image_has_and_what_is_named_by_a_variable_is_not_foreign() {
        let seen = Observed::of(TRACE, "/web").unwrap();
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("web"), "").unwrap();
        assert_eq!(seen.outside(root.path()), ["/config.toml"]);
        let values = ["postgres://todo@127.0.0.1:5432/todo".to_owned(), "54432".to_owned()];
        assert_eq!(seen.strangers(&values), ["::1:443"]);
    }
}
