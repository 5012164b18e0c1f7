//! What other runs in this repository used up today, and what their living agents may still use up: for budgets by
//! the day.
//!
//! Their journals are only read: before this run decides anything while it is at work (at most once in
//! [`ACTIVE_MS`]), else every [`EVERY_MS`]. Two runs that decide within the same instant do not see each other: by so
//! much a day's budget can be overshot.

use super::clock::wall;
use crate::journal::{JOURNAL_FILE, Reader};
use crate::lock::holder;
use crate::replay::{graph_of, learn, start_of};
use consort_core::ids::RunId;
use consort_core::run::{Input, Reserved, Spent, State, Tally, fold, reserved_by};
use consort_core::time::Timestamp;
use consort_worker::os;
use consort_worker::store::Store;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// So often it is looked again, in milliseconds.
const EVERY_MS: u64 = 60_000;
/// So often at most where something is at work, and so often where it waits for other runs.
const ACTIVE_MS: u64 = 1_000;

/// What is known of one of them.
#[derive(Default)]
struct Seen {
    /// The last record that was read.
    seq: u64,
    /// As it is after that record, once its first one was read.
    state: Option<State>,
    tally: Tally,
    /// It was said that it cannot be read.
    unread: bool,
}

/// Looks at the other runs now and then.
pub(super) struct Elsewhere {
    runs: PathBuf,
    own: PathBuf,
    store: Store,
    seen: BTreeMap<PathBuf, Seen>,
    next: Timestamp,
    last: Timestamp,
}

impl Elsewhere {
    /// For the run in this directory, beside the others.
    pub(super) fn new(own: &Path, store: Store) -> Self {
        let runs = own.parent().unwrap_or(own).to_path_buf();
        let never = Timestamp(i64::MIN);
        Elsewhere { runs, own: own.to_path_buf(), store, seen: BTreeMap::new(), next: never, last: never }
    }

    /// Milliseconds until it is to be looked again.
    pub(super) fn due_in_ms(&self, now: Timestamp, waits: bool) -> u64 {
        let soon = if waits { self.last.plus_ms(ACTIVE_MS) } else { self.next };
        soon.min(self.next).since_ms(now)
    }

    /// What they used up today, if it is time to look.
    pub(super) fn look(&mut self, now: Timestamp, active: bool) -> Option<Input> {
        let fresh = now < self.next && (!active || now.since_ms(self.last) < ACTIVE_MS);
        if fresh {
            return None;
        }
        self.last = now;
        self.next = now.plus_ms(EVERY_MS);
        let day = now.day();
        let mut unread = Vec::new();
        for dir in self.others() {
            let mut seen = self.seen.remove(&dir).unwrap_or_default();
            let read = seen.read(&dir, &self.store, day).is_some();
            // Named once, and what is known of it counts.
            if !read && !seen.unread {
                unread.push(name(&dir));
            }
            seen.unread = !read;
            self.seen.insert(dir, seen);
        }
        // Also those whose directory is gone by now.
        let spent = self.seen.values().fold(Spent::default(), |sum, seen| sum.plus(&seen.on_day(day)));
        let reserved = self.seen.iter().filter_map(|(dir, seen)| seen.reserved(dir));
        let reserved = reserved.fold(Reserved::default(), |sum, one| sum.plus(&one));
        Some(Input::Elsewhere { day, spent, unread, reserved })
    }

    fn others(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(&self.runs) else { return Vec::new() };
        let dirs = entries.flatten().map(|entry| entry.path());
        let mut others: Vec<PathBuf> =
            dirs.filter(|dir| *dir != self.own && dir.join(JOURNAL_FILE).is_file()).collect();
        others.sort();
        others
    }
}

impl Seen {
    /// A rehearsal spends nothing that anybody would count.
    fn on_day(&self, day: i64) -> Spent {
        if self.counts() { self.tally.on_day(day) } else { Spent::default() }
    }

    fn counts(&self) -> bool {
        self.state.as_ref().is_some_and(|state| !state.graph.plan.rehearsal)
    }

    /// What its living agents may still use up: as long as somebody drives it, or one of them lives without.
    fn reserved(&self, dir: &Path) -> Option<Reserved> {
        let state = self.state.as_ref().filter(|state| self.counts() && !state.live.is_empty())?;
        let mut processes = state.live.values().filter_map(|live| live.process.as_ref());
        let lives = holder(dir).is_ok_and(|held| held.is_some()) || processes.any(os::is_alive);
        lives.then(|| reserved_by(state))
    }

    /// A journal that was not written to today is not opened; of the others only what is new is read.
    fn read(&mut self, dir: &Path, store: &Store, day: i64) -> Option<()> {
        if written(dir).is_some_and(|at| at.day() < day.min(wall().day())) {
            return Some(());
        }
        let reader = Reader::open(dir).ok()?;
        for record in reader.records(self.seq).ok()? {
            let record = record.ok()?;
            if self.state.is_none() {
                let graph = graph_of(store, start_of(&record).ok()?).ok()?;
                self.state = Some(State::new(Arc::new(graph)));
            }
            if let Some(state) = &mut self.state {
                learn(state, store, &record).ok()?;
                self.tally.take(&state.graph, &record.events);
                fold(state, record.seq, &record.events).ok()?;
            }
            self.seq = record.seq;
        }
        Some(())
    }
}

fn name(dir: &Path) -> String {
    let name = dir.file_name().map(|name| name.to_string_lossy().into_owned());
    RunId(name.unwrap_or_default()).to_string()
}

/// When it was last written to: the journal, or its log that is not yet folded in.
fn written(dir: &Path) -> Option<Timestamp> {
    let of = |name: String| {
        let modified = std::fs::metadata(dir.join(name)).ok()?.modified().ok()?;
        let since = modified.duration_since(UNIX_EPOCH).ok()?;
        Some(Timestamp(i64::try_from(since.as_millis()).ok()?))
    };
    [of(JOURNAL_FILE.into()), of(format!("{JOURNAL_FILE}-wal"))].into_iter().flatten().max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Journal, NewJournal, NewRecord};
    use crate::lock::RunLock;
    use consort_core::definition::{BaseFiles, IdChoice, PlanOptions, check};
    use consort_core::run::{Command, Graph, Report, StartRun, step};

    const DAY: i64 = 20_500;
    /// A run in this directory, of which attempts begin at these times.
    fn run(dir: &Path, store: &Store, starts: &[Timestamp]) {
        let options = PlanOptions {
            today: "20260220".into(),
            variables: BTreeMap::new(),
            rehearse: false,
            id: IdChoice::Declared,
            existing_ids: Vec::new(),
            base_files: BaseFiles::none(),
            given: Default::default(),
            library: Default::default(),
            offers: Vec::new(),
        };
        let mut text =
            "workflow: {id: w-20260220-001}\nagents:\n  default: {argv: [sh]}\ntasks:\n".to_owned();
        (0..starts.len()).for_each(|n| text += &format!("  t{n}: {{text: x, path: t{n}.md, gate: none}}\n"));
        let plan = check("w.yaml", &text, &options).expect("it checks").plan;
        let start = StartRun {
            run: RunId(name(dir)),
            plan: store.put(&serde_json::to_vec(&plan).expect("JSON")).expect("a store"),
            base: None,
            nonce: "0123456789abcdef0123456789abcdef".into(),
            approve_all: false,
            absent: Vec::new(),
            unseen: Vec::new(),
            from: None,
            source: None,
        };
        let command = Command::Start(Box::new(start));
        let cause = Input::Command { by: "ann".into(), via: "terminal".into(), command };
        let mut inputs = vec![(starts[0], cause)];
        inputs.push((starts[0], Input::Opened { runner: "test".into(), found: Vec::new() }));
        // Each begins as soon as its workspace stands.
        for (n, at) in starts.iter().enumerate() {
            let task = format!("t{n}").as_str().into();
            inputs.push((*at, Input::Reported(Report::WorkspaceReady { task, generation: 1, base: None })));
        }
        let mut state = State::new(Arc::new(Graph::new(plan)));
        let records = inputs.into_iter().map(|(at, input)| {
            let events = step(&mut state, &input, at).expect("it is taken");
            NewRecord::new(at, input, events)
        });
        let records = records.collect();
        std::fs::create_dir_all(dir).expect("a directory");
        let lock = RunLock::try_acquire(dir, "test").expect("nobody else");
        let about = NewJournal { run: RunId(name(dir)), created: starts[0], version: "0".into() };
        let journal = Journal::create(&lock, &about).expect("a journal");
        journal.append(records).wait().expect("it is written");
        journal.close();
    }

    /// Calls of a day, and whose journals are named.
    fn look(elsewhere: &mut Elsewhere, at: Timestamp) -> (u64, Vec<String>) {
        match elsewhere.look(at, false) {
            Some(Input::Elsewhere { day, spent, unread, .. }) if day == at.day() => {
                (spent.agent_calls, unread)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_used_stays_counted_when_its_journal_is_damaged_or_gone() {
        let root = tempfile::tempdir().expect("a directory");
        let (store, runs) = (Store::new(root.path().join("store")), root.path().join("runs"));
        let noon = Timestamp::of_day(DAY).plus_ms(43_200_000);
        run(&runs.join("first"), &store, &[noon, noon]);
        run(&runs.join("other"), &store, &[noon]);
        let mut elsewhere = Elsewhere::new(&runs.join("own"), store);
        let mut later = (1_u64..).map(|n| noon.plus_ms(n * EVERY_MS));
        let mut next = || look(&mut elsewhere, later.next().expect("time goes on"));
        assert_eq!(next(), (3, vec![]));
        std::fs::write(runs.join("first").join(JOURNAL_FILE), "this is no journal").expect("a file");
        assert_eq!(next(), (3, vec!["first".to_owned()]));
        assert_eq!(next(), (3, vec![]), "named once");
        std::fs::remove_dir_all(runs.join("first")).expect("it was there");
        assert_eq!(next(), (3, vec![]));
    }

    #[test]
    fn what_living_agents_may_still_use_up_counts_as_long_as_somebody_drives_their_run() {
        let root = tempfile::tempdir().expect("a directory");
        let (store, runs) = (Store::new(root.path().join("store")), root.path().join("runs"));
        let noon = Timestamp::of_day(DAY).plus_ms(43_200_000);
        run(&runs.join("other"), &store, &[noon]);
        let mut elsewhere = Elsewhere::new(&runs.join("own"), store);
        let mut reserved = |at: u64| match elsewhere.look(noon.plus_ms(at), true) {
            Some(Input::Elsewhere { reserved, .. }) => Some(reserved),
            _ => None,
        };
        assert_eq!(reserved(0), Some(Reserved::default()), "its runner is gone, and no agent was left");
        let lock = RunLock::try_acquire(&runs.join("other"), "test").expect("nobody else");
        assert_eq!(reserved(ACTIVE_MS - 1), None, "it has just been looked");
        let held = reserved(ACTIVE_MS).expect("a second later it is looked again");
        // A program without a price costs nothing that anybody would count.
        assert!(held.tokens_unknown && !held.micro_usd_unknown, "{held:?}");
        drop(lock);
        assert_eq!(reserved(2 * ACTIVE_MS), Some(Reserved::default()));
    }

    #[test]
    fn what_is_read_before_midnight_and_happened_after_it_counts_on_its_day() {
        let root = tempfile::tempdir().expect("a directory");
        let (store, runs) = (Store::new(root.path().join("store")), root.path().join("runs"));
        let midnight = Timestamp::of_day(DAY + 1);
        let before = |ms: u64| Timestamp(midnight.0 - i64::try_from(ms).expect("little"));
        run(&runs.join("first"), &store, &[before(100), midnight, midnight.plus_ms(20)]);
        let mut elsewhere = Elsewhere::new(&runs.join("own"), store);
        assert_eq!(look(&mut elsewhere, before(50)), (1, vec![]));
        assert_eq!(look(&mut elsewhere, midnight.plus_ms(EVERY_MS)), (2, vec![]));
    }
}
