//! Messages from the task that reads a pod's log.

use std::rc::Rc;

use super::{Source, gap::Gap, stream::Heard};

/// A message about a pod's log.
pub(super) enum Word {
    Line(Rc<Source>, Heard),
    /// Lines of it may be missing before the next one.
    Gap(Rc<Source>, Gap),
    /// Its log cannot be read, and why.
    Trouble(kube::Error),
    /// It may not be read at all.
    Refused(kube::Error),
}
