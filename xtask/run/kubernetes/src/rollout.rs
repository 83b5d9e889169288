//! A release on its way to a cluster.

use std::{
    cell::{Cell, OnceCell},
    time::Instant,
};

use xtask_run::Job;

use crate::{
    apply::Applier, host::Host, kinds::Kinds, lease::Lock, objects::Objects, site::Site, was_on::QuickBuild,
};

/// A release on its way to a cluster.
pub(crate) struct Rollout<'a, H: Host> {
    pub(crate) job: &'a Job<'a>,
    pub(crate) site: Site<'a>,
    pub(crate) host: &'a H,
    pub(crate) kinds: &'a Kinds,
    pub(crate) objects: &'a Objects,
    pub(crate) absent: H::Absent,
    pub(crate) lock: &'a Lock,
    /// What its pods bear, and its answers.
    pub(crate) mark: String,
    /// The quick build that ran before, if one did.
    pub(crate) quick_before: Option<&'a QuickBuild>,
    pub(crate) deadline: Instant,
    /// The objects of the release that the deploy was brought to last, once they are looked for and if there are any.
    pub(crate) before: OnceCell<Option<Objects>>,
    /// Whether config or secrets are made anew that pods may have been started with.
    pub(crate) remade: Cell<bool>,
    /// Whether the release runs, and applying its objects would change none of them.
    pub(crate) is_settled: Cell<bool>,
    /// Whether the database is known to have the release's schema already.
    pub(crate) has_schema: Cell<bool>,
}

impl<H: Host> Rollout<'_, H> {
    /// Applies objects of the release.
    pub(crate) fn applier(&self) -> Applier<'_> {
        Applier {
            client: self.site.client,
            kinds: self.kinds,
            take_over: &self.job.options.take_over,
            before: self.before.get().and_then(Option::as_ref),
            release: Some(&self.job.verified.release),
        }
    }
}
