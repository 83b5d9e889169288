//! The documents, followed by somebody who types what they say. In README.md and docs/*.md, each line of a block that is
//! marked as `sh` is a command of a shell's, and it works; `sh not-run` marks those that take something that no test has,
//! with the reason beside it in this folder's [`tour`].

mod blocks;
mod own_service;
mod tour;
