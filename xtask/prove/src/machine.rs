//! Where processes are: on this machine, or on a node of a kind cluster, which is a container of it. What the system says of
//! them is in `/proc` of either.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::node::Node;

/// Where processes are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Machine {
    /// This machine.
    This,
    /// A node of a cluster.
    Node(Node),
}

impl Machine {
    /// What is in a file.
    pub(crate) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self {
            Self::This => fs::read(path),
            Self::Node(node) => node.call(&["cat", &path.to_string_lossy()], ""),
        }
    }

    /// Where a symbolic link leads to.
    pub(crate) fn link(&self, path: &Path) -> io::Result<PathBuf> {
        match self {
            Self::This => fs::read_link(path),
            Self::Node(node) => {
                let said = node.call(&["readlink", &path.to_string_lossy()], "")?;
                Ok(PathBuf::from(String::from_utf8_lossy(&said).trim_end_matches('\n')))
            }
        }
    }

    /// The symbolic links in a folder, each with where it leads to.
    pub(crate) fn links(&self, folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
        match self {
            Self::This => {
                let entries = fs::read_dir(folder)?.flatten();
                let link = |entry: fs::DirEntry| {
                    let name = entry.file_name().to_string_lossy().into_owned();
                    Some((name, fs::read_link(entry.path()).ok()?))
                };
                Ok(entries.filter_map(link).collect())
            }
            Self::Node(node) => {
                let folder = format!("{}/", folder.display());
                let words = ["find", &folder, "-maxdepth", "1", "-type", "l", "-printf", "%f\\t%l\\n"];
                let said = String::from_utf8_lossy(&node.call(&words, "")?).into_owned();
                let links = said.lines().filter_map(|line| line.split_once('\t'));
                Ok(links.map(|(name, target)| (name.to_owned(), target.into())).collect())
            }
        }
    }

    /// Sends a signal. A process that has ended hears none.
    pub(crate) fn signal(&self, process: u32, signal: Signal) {
        match self {
            Self::This => {
                if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
                    let _ = kill_process(pid, signal);
                }
            }
            Self::Node(node) => {
                let _ = node.call(&["kill", &format!("-{}", signal.as_raw()), &process.to_string()], "");
            }
        }
    }
}
