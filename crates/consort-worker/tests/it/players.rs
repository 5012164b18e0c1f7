//! Players as processes, from the outfit to the exit record.

use crate::plans::{self, id};
use crate::stage::Stage;
use consort_core::ids::Step;
use consort_core::plan::Runtime;
use consort_core::run::{Exit, StopWhy};
use consort_worker::briefing;
use consort_worker::os;
use consort_worker::processes::{ExitRecord, ProcessSpec, Watched, launch, watch};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_consort-worker-test");

/// What came of one player.
struct Seen {
    record: ExitRecord,
    stage: Stage,
}

/// Plays the first creation of a task as a process, with a script of one misdeed.
fn seen(misdeed: &str, wall_ms_max: u64) -> Seen {
    let mut stage = Stage::new(plans::seed());
    let script = vec![format!("create:1:{misdeed}")];
    stage.plan.tasks[0].creator.runtime = Runtime::Rehearsal { misbehave: script };
    let start = stage.start(&id("agent-a-001"), 1, Step::Create, None);
    let mut desk = stage.desk(&start);
    desk.self_exe = PROGRAM.into();
    desk.env = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into();
    let outfit = briefing::outfit(&stage.plan, &start, &briefing::Told::default(), &desk).unwrap();
    outfit.dirs.iter().for_each(|dir| std::fs::create_dir_all(dir).unwrap());
    outfit.files.iter().for_each(|(path, bytes)| std::fs::write(path, bytes).unwrap());
    let run = tempfile::tempdir().unwrap();
    let spec = ProcessSpec {
        attempt: start.attempt.clone(),
        argv: outfit.argv,
        cwd: outfit.cwd,
        env: outfit.env,
        stdin: outfit.stdin,
        wall_ms_max,
        grace_ms: 300,
        output_bytes_max: 100_000,
        run_dir: run.path().to_owned(),
    };
    let dir = run.path().join("attempt");
    launch(&dir, &spec, &[PROGRAM.into(), "supervise".into()], None).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let watched = runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), watch(&dir)).await.expect("it never ended").unwrap()
    });
    let Watched::Ended(record) = watched else { panic!("{watched:?}") };
    let mark = format!("CONSORT_REQUEST={}", desk.request().display());
    assert_eq!(os::marked(&mark), [], "{misdeed} left something running");
    Seen { record: *record, stage }
}

fn wrote(seen: &Seen) -> bool {
    let written = seen.stage.capture(&id("agent-a-001"));
    String::from_utf8_lossy(&written[0].1).contains("REHEARSAL")
}

#[test]
fn ends_are_as_the_script_says() {
    for (misdeed, exit) in [
        ("slow-1", Exit::Code(0)),
        ("exit-3", Exit::Code(3)),
        ("crash", Exit::Signal(9)),
        ("no-such-misdeed", Exit::Code(2)),
    ] {
        let seen = seen(misdeed, 60_000);
        assert_eq!(seen.record.exit, exit, "{misdeed}: {}", seen.record.stderr.tail);
        assert_eq!(wrote(&seen), misdeed == "slow-1", "{misdeed}");
    }
}

#[test]
fn hanging_players_are_ended() {
    let seen_one = seen("hang", 200);
    assert_eq!(seen_one.record.exit, Exit::Stopped(StopWhy::TimedOut));
    assert!(!wrote(&seen_one));
    let deaf = seen("ignore-sigterm", 1_000);
    assert_eq!(deaf.record.exit, Exit::Stopped(StopWhy::TimedOut));
    assert!(deaf.record.stderr.tail.contains("ignoring 3 signals"), "{}", deaf.record.stderr.tail);
    assert!(deaf.record.wall_ms >= 1_300, "{}", deaf.record.wall_ms);
}

#[test]
fn a_flood_is_counted_and_dropped() {
    let seen = seen("flood", 60_000);
    assert_eq!(seen.record.exit, Exit::Code(0));
    assert!(seen.record.stdout.bytes > 190_000_000 && seen.record.stdout.kept <= 100_000);
    assert!(wrote(&seen));
}

#[test]
fn a_daemon_is_found_and_ended() {
    let seen = seen("daemonise", 60_000);
    assert_eq!(seen.record.exit, Exit::Code(0));
    assert!(seen.record.leaked >= 1, "{:?}", seen.record);
    assert_eq!(seen.record.survivors, 0);
    assert!(wrote(&seen));
}
