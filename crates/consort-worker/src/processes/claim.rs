//! Who may start an attempt, decided once and for ever by who creates its claim.

use super::files::{self, Durable};
use consort_core::run::ProcessIdentity;
use std::io;
use std::path::Path;

const NAME: &str = "claim";

/// What a claim says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// This supervisor may start the agent, and may have done so.
    Supervisor(ProcessIdentity),
    /// This runner runs it itself.
    Direct(ProcessIdentity),
    /// A runner found that nobody had claimed it: it did not run and never will.
    Reaped,
    /// Somebody holds it, and it cannot be read who.
    Unreadable,
}

impl Claim {
    fn text(&self) -> String {
        match self {
            Claim::Supervisor(who) => format!("supervisor {}\n", identity_text(who)),
            Claim::Direct(who) => format!("direct {}\n", identity_text(who)),
            Claim::Reaped => "reaped\n".into(),
            Claim::Unreadable => String::new(),
        }
    }

    fn parse(text: &str) -> Self {
        match text.split_once(' ') {
            None if text == "reaped\n" => Claim::Reaped,
            Some(("supervisor", who)) => parse_identity(who).map_or(Claim::Unreadable, Claim::Supervisor),
            Some(("direct", who)) => parse_identity(who).map_or(Claim::Unreadable, Claim::Direct),
            _ => Claim::Unreadable,
        }
    }
}

/// `<pid> <start ticks> <boot id>`.
pub(crate) fn identity_text(who: &ProcessIdentity) -> String {
    format!("{} {} {}", who.pid, who.start_ticks, who.boot_id)
}

/// The opposite of [`identity_text`].
pub(crate) fn parse_identity(text: &str) -> Option<ProcessIdentity> {
    let mut words = text.split_ascii_whitespace();
    let who = ProcessIdentity {
        pid: words.next()?.parse().ok()?,
        start_ticks: words.next()?.parse().ok()?,
        boot_id: words.next()?.to_owned(),
    };
    words.next().is_none().then_some(who)
}

/// Contends for the attempt; true for the one and only winner.
pub(crate) fn contend(dir: &Path, claim: &Claim, durable: Durable) -> io::Result<bool> {
    files::create(dir, NAME, claim.text().as_bytes(), durable)
}

/// Who has it; `None` if nobody yet.
pub(crate) fn holder(dir: &Path) -> io::Result<Option<Claim>> {
    let bytes = files::read(&dir.join(NAME), 4096)?;
    Ok(bytes.map(|bytes| Claim::parse(&String::from_utf8_lossy(&bytes))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    fn who() -> ProcessIdentity {
        ProcessIdentity { pid: 7, start_ticks: 9, boot_id: "b-1".into() }
    }

    #[test]
    fn claims_survive_the_round_trip_and_rubbish_is_held_by_somebody() {
        for claim in [Claim::Supervisor(who()), Claim::Direct(who()), Claim::Reaped] {
            assert_eq!(Claim::parse(&claim.text()), claim);
        }
        for rubbish in ["", "reaped", "supervisor 7 9", "supervisor x 9 b", "direct 7 9 b c", "\0"] {
            assert_eq!(Claim::parse(rubbish), Claim::Unreadable, "{rubbish:?}");
        }
    }

    #[test]
    fn of_a_hundred_contenders_exactly_one_wins() {
        let dir = tempfile::tempdir().unwrap();
        let start = Barrier::new(100);
        let contender = |number: i32| {
            let claim = Claim::Supervisor(ProcessIdentity { pid: number, ..who() });
            start.wait();
            contend(dir.path(), &claim, Durable::No).unwrap().then_some(claim)
        };
        let winners: Vec<Claim> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..100).map(|number| scope.spawn(move || contender(number))).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(winners.len(), 1);
        assert_eq!(holder(dir.path()).unwrap().as_ref(), winners.first());
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(left, ["claim"], "no temporary file is left");
    }
}
