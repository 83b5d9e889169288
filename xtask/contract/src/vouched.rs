//! The one check before a deploy's ledger is acted on: before a release of it runs, another one is made like it, or a
//! new one is added to it. What `run` would refuse, nothing is derived from and nothing follows.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    EnvName, Error, Ledger, Policy, ReleaseId, Repo, Result, ServiceName, chain::Entry,
    last_deployed::LastDeployed, ledger::Verified, release::Link,
};

/// How far the clocks of two machines may be apart.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// What a deploy's own record says of what it has run.
#[derive(Debug, Clone, Default)]
pub enum Record {
    /// The newest release that has run, if any has.
    Known(Option<LastDeployed>),
    /// The deploy cannot be asked from here. `run` will have to.
    #[default]
    Unknown,
}

impl Record {
    /// The newest release that has run, if that is known.
    pub fn last_deployed(&self) -> Option<&LastDeployed> {
        match self {
            Self::Known(last_deployed) => last_deployed.as_ref(),
            Self::Unknown => None,
        }
    }

    /// Whether this is the newest release that has run.
    pub fn names(&self, link: Link) -> bool {
        self.last_deployed()
            .is_some_and(|last_deployed| (last_deployed.id, last_deployed.digest) == (link.id, link.digest))
    }
}

/// A deploy's ledger that may be acted on.
#[derive(Debug)]
pub struct Vouched {
    ledger: Ledger,
    chain: Vec<Entry>,
    policy: Policy,
    service: ServiceName,
}

impl Vouched {
    /// Reads a deploy's ledger, which is to keep its rules. It is refused unless it is one whole chain up to now, holds what the deploy has run, and
    /// ends with a release that one of the deploy's signers has signed, or that has run.
    pub fn of(repo: &Repo, env: &EnvName, policy: Policy, record: &Record) -> Result<Self> {
        let ledger = Ledger::of(repo, env);
        let chain = ledger.verify()?;
        let service = repo.service()?.clone();
        let vouched = Self { ledger, chain, policy, service };
        vouched.check(record, Utc::now())?;
        Ok(vouched)
    }

    /// The same for a record that was read, or has changed, since.
    pub fn check_again(&self, record: &Record) -> Result<()> {
        self.check(record, Utc::now())
    }

    fn check(&self, record: &Record, now: DateTime<Utc>) -> Result<()> {
        if let Some(last_deployed) = record.last_deployed() {
            last_deployed.check(&self.ledger, &self.chain)?;
        }
        let Some(last) = self.chain.last().map(|entry| entry.link) else { return Ok(()) };
        if let Record::Known(last_deployed) = record
            && last.id.time() > latest(last_deployed.as_ref(), now)
        {
            return Err(self.of_the_future(last.id, now));
        }
        // What has run was vouched for when it did; what follows it was not yet.
        if record.names(last) { Ok(()) } else { self.policy.check_signature(&self.entry(last.id)?) }
    }

    /// The deploy's ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Its releases, oldest first.
    pub fn chain(&self) -> &[Entry] {
        &self.chain
    }

    /// The deploy's rules.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The newest release, if there is any.
    pub fn newest(&self) -> Result<Option<Verified>> {
        self.chain.last().map(|entry| self.entry(entry.link.id)).transpose()
    }

    /// A release that may run, or from which another one may be made: it is of this workspace's service, and bears the
    /// signature that the deploy's rules ask for.
    pub fn release(&self, id: ReleaseId) -> Result<Verified> {
        let verified = self.entry(id)?;
        self.check_service(&verified)?;
        self.policy.check_signature(&verified)?;
        Ok(verified)
    }

    /// Refuses a release of another service: its pods may have the account that bears the service's name, and who writes
    /// to a ledger is not the one who says which account that is.
    fn check_service(&self, verified: &Verified) -> Result<()> {
        match &verified.release.service {
            Some(other) if *other != self.service => {
                let why = format!("it is of the service {other}, and this workspace is of {}", self.service);
                Err(self.ledger.unfit(verified.release.id, &why).next(
                    "make a new release: `cargo xtask up` does; where the service was given another name, stop what \
                     runs under the old one first (docs/your-own-service.md)",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Reads a release, which must be as it was when the chain was verified. Its signer is not checked here.
    pub fn entry(&self, id: ReleaseId) -> Result<Verified> {
        let verified = self.ledger.load(id)?;
        if self.chain.iter().any(|entry| entry.link == verified.link()) {
            return Ok(verified);
        }
        Err(self.ledger.broken(id, "it is not the one that was there a moment ago"))
    }

    fn of_the_future(&self, id: ReleaseId, now: DateTime<Utc>) -> Error {
        let why = format!(
            "it is of the future: this machine's clock says {} (UTC)",
            now.format("%Y-%m-%d %H:%M:%S")
        );
        self.ledger.unfit(id, &why).next(format!(
            "if the clock is wrong, set it right; if the release is, set it aside: `{}`",
            self.ledger.set_aside(id)
        ))
    }
}

/// The latest ID that a release may have. A deploy that has run one of the future goes on from there.
fn latest(ran: Option<&LastDeployed>, now: DateTime<Utc>) -> DateTime<Utc> {
    ran.map_or(now, |last_deployed| now.max(last_deployed.id.time())) + SKEW
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        signature::SigningKey,
        test_ledger::{IDS, Three, write},
    };

    fn key() -> SigningKey {
        SigningKey::of_seed(7)
    }

    /// Three releases that the deploy's signer has signed.
    fn signed() -> Three {
        let three = Three::new();
        for id in IDS {
            three.sign(id, &key());
        }
        let policy = format!("policy.signers = [\"{}\"]\n", key().signer());
        fs::write(three.repo.deploy_file(three.ledger.env()), policy).unwrap();
        three
    }

    fn vouched(three: &Three, record: &Record) -> Result<Vouched> {
        let (repo, env) = (&three.repo, three.ledger.env());
        Vouched::of(repo, env, Policy::read(repo, env)?, record)
    }

    fn ran(link: Link) -> Record {
        Record::Known(Some(LastDeployed {
            id: link.id,
            sequence: 0,
            digest: link.digest,
            images: Vec::new(),
        }))
    }

    fn why<T>(result: Result<T>) -> String {
        result.err().unwrap().to_string()
    }

    fn now(three: &Three, record: &Record, now: &str) -> Result<()> {
        vouched(three, &Record::Unknown)?.check(record, now.parse().unwrap())
    }

    /// Adds two releases that fit the chain, as somebody does who has no key.
    fn forge_two(three: &Three) -> [Link; 2] {
        let last = three.ledger.verify().unwrap()[2].link;
        let first = write(three.ledger.folder(), "2011-04-07-00:00:01", 4, Some(last));
        [first, write(three.ledger.folder(), "2011-04-07-00:00:02", 5, Some(first))]
    }

    #[test]
    fn what_nobody_signed_is_neither_followed_nor_brought_back() {
        let three = signed();
        assert!(vouched(&three, &Record::Unknown).is_ok());
        let [first, second] = forge_two(&three);
        for record in [Record::Unknown, Record::Known(None), ran(first)] {
            assert!(why(vouched(&three, &record)).contains("it is not signed"), "{record:?}");
        }
        // A signer who did not look has put their name to the last one.
        three.sign("2011-04-07-00:00:02", &key());
        let vouched = vouched(&three, &Record::Unknown).unwrap();
        assert!(why(vouched.release(first.id)).contains("it is not signed"));
        assert!(vouched.release(second.id).is_ok());
    }

    #[test]
    fn a_deploy_that_gets_signers_goes_on_from_what_it_has_run() {
        let three = signed();
        let last = three.ledger.verify().unwrap()[2].link;
        fs::remove_file(three.path(IDS[2]).join(crate::Release::SIGNATURE)).unwrap();
        assert!(why(vouched(&three, &Record::Known(None))).contains("it is not signed"));
        let vouched = vouched(&three, &ran(last)).unwrap();
        assert!(why(vouched.release(last.id)).contains("it is not signed"), "it is not run again");
    }

    #[test]
    fn a_release_of_another_service_is_refused() {
        let three = signed();
        let vouched = |three: &Three| {
            let (repo, env) = (Repo::at(three.repo.root()), three.ledger.env());
            Vouched::of(&repo, env, Policy::read(&repo, env).unwrap(), &Record::Unknown).unwrap()
        };
        let id = IDS[2].parse().unwrap();
        assert!(vouched(&three).release(id).is_ok());
        let manifest = "[workspace.metadata.xtask]\nservice = \"operator\"\n";
        fs::write(three.repo.root().join("Cargo.toml"), manifest).unwrap();
        let refused = why(vouched(&three).release(id));
        assert!(refused.contains("of the service greeter, and this workspace is of operator"), "{refused}");
    }

    #[test]
    fn a_ledger_that_lacks_what_has_run_is_not_gone_on_with() {
        let three = signed();
        let elsewhere = Link { id: "2011-04-08-00:00:00".parse().unwrap(), digest: crate::Digest::of("it") };
        assert!(why(vouched(&three, &ran(elsewhere))).contains("its end was cut off"));
    }

    #[test]
    fn a_release_of_the_future_is_refused_unless_it_has_run() {
        let three = signed();
        let last = three.ledger.verify().unwrap()[2].link;
        let never_ran = Record::Known(None);
        assert!(now(&three, &never_ran, "2011-04-06T23:55:00Z").is_ok(), "two clocks may be apart");
        let refused = why(now(&three, &never_ran, "2011-04-06T23:54:59Z"));
        assert!(refused.contains("this machine's clock says 2011-04-06 23:54:59 (UTC)"), "{refused}");
        assert!(
            refused.contains("`cargo xtask releases set-aside 2011-04-07-00:00:00 --env local`"),
            "{refused}"
        );
        assert!(now(&three, &ran(last), "2010-04-07T00:00:00Z").is_ok());
        // One made after that has a later ID, and is none of the future on that account.
        let next = write(three.ledger.folder(), "2011-04-07-00:00:01", 4, Some(last));
        three.sign("2011-04-07-00:00:01", &key());
        assert!(now(&three, &ran(last), "2010-04-07T00:00:00Z").is_ok());
        assert!(now(&three, &ran(next), "2010-04-07T00:00:00Z").is_ok());
    }

    #[test]
    fn what_was_exchanged_since_is_not_what_was_verified() {
        let three = signed();
        let vouched = vouched(&three, &Record::Unknown).unwrap();
        let other = write(three.ledger.folder(), IDS[0], 7, None);
        assert!(why(vouched.entry(other.id)).contains("a moment ago"));
    }
}
