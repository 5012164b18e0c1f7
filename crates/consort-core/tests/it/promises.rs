//! What must hold of everything that people read, in every state of a run.

use crate::drive::Run;
use crate::seed;
use consort_core::ids::Step;
use consort_core::plan::{Plan, TaskKind};
use consort_core::run::{
    Command, Effect, Ensure, Exit, Input, Report, RunStatus, State, TaskStage, is_settled, wanted,
};
use consort_core::view::{self, live, model};
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

/// Drives a run to its end, answering yes to everything, and shows states on the way: every
/// seventh, those that wait for a person, and the last.
fn every_state(mut run: Run, mut look: impl FnMut(&State)) -> Run {
    for n in 0..2_000 {
        if n % 7 == 0 {
            look(&run.state);
        }
        if !run.tick() {
            look(&run.state);
            if run.state.open_approvals().next().is_none() {
                return run;
            }
            run.answer(true, Some("fine | so far\n# really"));
        }
    }
    panic!("it never ends");
}

/// A plan whose texts try everything.
fn hostile() -> Plan {
    let mut plan = seed::plan();
    let evil = "a | b\n## 12. Injected\n\u{1b}[2J\u{202e}txt\u{2069} <img src=x> ![i](http://x) `tick \u{9b}31m \u{7}";
    plan.workflow.title = evil.into();
    plan.workflow.purpose = format!("{evil} {}", "long words ".repeat(40));
    plan.workflow.disclaimer = Some(evil.into());
    plan.workflow.question = Some(evil.into());
    plan.tasks.iter_mut().for_each(|t| {
        t.text = evil.into();
        t.role = evil.into();
        if let TaskKind::Handoff(handoff) = &mut t.kind {
            handoff.key_content = vec![evil.into(), format!("{evil}{}", "x".repeat(300))];
        }
    });
    plan.pipelines.iter_mut().for_each(|p| {
        p.name = evil.into();
        p.phases.iter_mut().for_each(|phase| {
            phase.name = evil.into();
            phase.purpose = Some(evil.into());
        });
    });
    plan.risks.iter_mut().for_each(|r| r.mitigation = evil.into());
    plan.constraints.iter_mut().for_each(|c| c.enforcement = evil.into());
    plan
}

fn files(state: &State) -> [(&'static str, String); 3] {
    let files = view::state_files(state);
    [("plan", files.plan_md), ("tracker", files.tracker_md), ("yaml", files.yaml)]
}

#[test]
fn no_line_is_wider_than_allowed_and_none_names_the_machine() {
    every_state(Run::start(seed::plan(), false), |state| {
        for (name, text) in files(state) {
            for line in text.lines() {
                assert!(line.width() <= view::WIDTH_MAX, "{name}: {line}");
                let machine =
                    ["4711", "4242", "boot", "/tmp", "/home", "runner"].iter().find(|m| line.contains(**m));
                assert_eq!(machine, None, "{name}: {line}");
            }
        }
    });
}

/// The examples as they are shipped, from their start to their end.
#[test]
fn examples_keep_width_and_schema() {
    for file in [
        include_str!("../../../../examples/multi-instance/workflow.yaml"),
        include_str!("../../../../examples/sequential/workflow.yaml"),
        include_str!("../../../../examples/fan-out-changes/workflow.yaml"),
        include_str!("../../../../examples/overlapping-barriers/workflow.yaml"),
        include_str!("../../../../examples/first-real-run/workflow.yaml"),
    ] {
        let plan = crate::definition::planned(file).0;
        let run = every_state(Run::start(plan, true), |state| {
            check_schema(&parsed(state));
            for (name, text) in files(state) {
                for line in text.lines() {
                    // A path of the workflow's own may be longer than a line: it stands alone.
                    let alone = line.trim_start().split(' ').count() == 1;
                    assert!(line.width() <= view::WIDTH_MAX || alone, "{name}: {line}");
                }
            }
        });
        assert_eq!(run.state.status, RunStatus::Complete, "{}", run.state.graph.plan.workflow.id);
        assert!(view::state_files(&run.state).plan_md.contains("**Status:** COMPLETE"));
    }
}

#[test]
fn the_same_state_gives_the_same_bytes() {
    let mut run = Run::start(seed::plan(), true);
    run.until(|s| s.checkpoints.len() == 2);
    assert_eq!(view::state_files(&run.state), view::state_files(&run.state.clone()));
}

#[test]
fn texts_of_others_steer_neither_terminal_nor_reader() {
    let steers = |c: char| {
        (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut run = Run::start(hostile(), false);
    run.until(|s| s.open_approvals().next().is_some());
    let run = every_state(run, |state| {
        let view = model::run_view(state);
        let mut shown = files(state).map(|(_, text)| text).to_vec();
        shown.push(view::status_text(&view, state.now, 80, true));
        shown.push(view::task_text(&view, &view.tasks[0], state.now, 80));
        shown.push(view::approvals::open(&view, 80));
        shown.extend(live::screen(&view, state.now, 80, 24, true, true).iter().map(live::Line::text));
        for text in &shown {
            assert_eq!(text.chars().find(|c| steers(*c)), None, "{text}");
        }
        let headings = |text: &str| {
            text.lines().filter(|l| l.starts_with('#')).filter(|l| l.contains("Injected")).count()
        };
        // Inside a heading of ours, never as a heading of its own.
        for text in &shown[..2] {
            assert!(
                !text.lines().any(|l| l.trim_start().starts_with("## 12. Injected")),
                "{}",
                headings(text)
            );
            let outside: Vec<&str> = text.split("\n```").step_by(2).collect();
            assert!(outside.iter().all(|t| !t.contains("<img")), "html survived");
            assert!(outside.iter().all(|t| !t.contains(" ![i]")), "an image survived");
        }
    });
    assert!(run.lines.iter().all(|l| !l.chars().any(steers)));
}

#[test]
fn cells_of_a_table_are_as_many_as_its_headings() {
    every_state(Run::start(hostile(), true), |state| {
        for (name, text) in &files(state)[..2] {
            let mut columns = 0;
            for line in text.lines() {
                let cells = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
                match line.starts_with('|') {
                    true if columns == 0 => columns = cells,
                    true => assert_eq!(cells, columns, "{name}: {line}"),
                    false => columns = 0,
                }
            }
        }
    });
}

#[test]
fn every_anchor_of_the_index_has_its_section() {
    let text = view::state_files(&Run::start(seed::plan(), false).state).plan_md;
    let links: Vec<&str> = text.lines().filter_map(|l| l.split_once("](#")?.1.split(')').next()).collect();
    assert_eq!(links.len(), 11);
    let anchor = |heading: &str| {
        let kept: String =
            heading.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect();
        kept.trim().replace(' ', "-")
    };
    let headings: Vec<String> = text.lines().filter_map(|l| Some(anchor(l.strip_prefix("## ")?))).collect();
    for link in links {
        assert!(headings.iter().any(|h| h == link), "{link} not in {headings:?}");
    }
}

const TASK: &[&str] = &["PENDING", "IN_PROGRESS", "COMPLETE", "BLOCKED", "FAILED"];

fn among(value: &Value, words: &[&str], what: &str) {
    let word = value.as_str().unwrap_or_else(|| panic!("{what} is {value}"));
    assert!(words.contains(&word), "{what}: {word} is not in the schema");
}

fn list<'a>(value: &'a Value, what: &str) -> &'a Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{what} is {value}"))
}

/// Every word and time of the schema's enums.
fn check_schema(yaml: &Value) {
    assert_eq!(yaml["schema_version"], "2.0.0");
    among(&yaml["workflow"]["status"], &["ACTIVE", "PAUSED", "COMPLETE", "FAILED", "CANCELLED"], "workflow");
    among(
        &yaml["workflow"]["constraints"]["checkpoint_frequency"],
        &["AGENT", "PHASE", "BARRIER"],
        "frequency",
    );
    for (id, pipeline) in yaml["pipelines"].as_object().expect("pipelines") {
        let (current, total) = (pipeline["current_phase"].as_u64(), pipeline["total_phases"].as_u64());
        assert!(current <= total, "{id}: {current:?} of {total:?}");
        let n = current.expect("a number");
        let (pending, going) = (format!("PHASE_{n}_PENDING"), format!("PHASE_{n}_IN_PROGRESS"));
        among(&pipeline["status"], &[&pending, &going, "COMPLETE"], id);
        let phases = list(&pipeline["phases"], "phases");
        let complete = |p: &Value| p["status"] == "COMPLETE";
        assert_eq!(pipeline["status"] == "COMPLETE", phases.iter().all(complete), "{id}");
        for phase in phases {
            among(&phase["status"], &["PENDING", "IN_PROGRESS", "COMPLETE", "BLOCKED"], "phase");
            let agents = list(&phase["agents"], "agents");
            agents.iter().for_each(|a| among(&a["status"], TASK, "agent"));
            assert_eq!(complete(phase), agents.iter().all(complete), "a phase is COMPLETE if its agents are");
        }
    }
    for barrier in list(&yaml["barriers"], "barriers") {
        among(&barrier["status"], &["PENDING", "IN_PROGRESS", "COMPLETE"], "barrier");
        for handoff in barrier["artifacts"].as_object().expect("handoffs").values() {
            among(&handoff["status"], &["PENDING", "IN_PROGRESS", "COMPLETE"], "handoff");
        }
    }
    for group in list(&yaml["execution_queue"]["groups"], "groups") {
        among(&group["status"], &["READY", "IN_PROGRESS", "COMPLETE", "BLOCKED"], "group");
        among(&group["execution_mode"], &["PARALLEL", "SEQUENTIAL"], "mode");
    }
    for checkpoint in list(&yaml["checkpoints"], "checkpoints") {
        among(&checkpoint["trigger"], &["PHASE_COMPLETE", "BARRIER_COMPLETE", "MANUAL"], "trigger");
    }
    for blocker in list(&yaml["blockers"]["active"], "blockers") {
        among(&blocker["severity"], &["LOW", "MEDIUM", "HIGH"], "severity");
    }
    for action in list(&yaml["next_actions"]["immediate"], "next actions") {
        among(&action["execution_mode"], &["PARALLEL", "SEQUENTIAL"], "mode");
    }
    times(yaml, "");
}

/// Everything that is called a time is RFC 3339 with a zone.
fn times(value: &Value, key: &str) {
    match value {
        Value::Object(map) => map.iter().for_each(|(k, v)| times(v, k)),
        Value::Array(items) => items.iter().for_each(|v| times(v, key)),
        Value::String(text)
            if key.ends_with("_at") || matches!(key, "timestamp" | "at" | "last_activity") =>
        {
            assert!(text.parse::<jiff::Timestamp>().is_ok(), "{key}: {text}");
        }
        _ => {}
    }
}

fn parsed(state: &State) -> Value {
    let yaml = view::state_files(state).yaml;
    serde_saphyr::from_str(&yaml).unwrap_or_else(|e| panic!("{e}\n{yaml}"))
}

#[test]
fn the_yaml_reads_back_and_every_word_is_of_the_schema() {
    let mut seen = Vec::new();
    every_state(Run::start(seed::plan(), false), |state| {
        let yaml = parsed(state);
        check_schema(&yaml);
        seen.push(yaml["workflow"]["status"].to_string());
    });
    assert_eq!(seen.last().map(String::as_str), Some("\"COMPLETE\""));
    check_schema(&parsed(&Run::start(hostile(), false).state));
}

#[test]
fn a_passed_gate_always_shows_its_score() {
    let run = every_state(Run::start(seed::plan(), true), |_| {});
    let view = model::run_view(&run.state);
    let tracker = view::state_files(&run.state).tracker_md;
    assert!(!tracker.contains("--/") && !tracker.contains("| -- |"));
    assert!(!tracker.contains("pending /"), "a gate is pending in a COMPLETE run");
    assert!(view.tasks.iter().all(|t| t.gate.score.is_some() && t.gate.band.as_deref() == Some("PASS")));
    assert_eq!(parsed(&run.state)["quality"]["workflow_quality"]["gates_passed"], 9);
}

#[test]
fn a_checkpoint_names_its_id_and_not_its_commit() {
    let mut run = Run::start(seed::plan(), true);
    run.until(|s| s.checkpoints.last().is_some_and(|c| c.seq == s.seq));
    let tracker = view::state_files(&run.state).tracker_md;
    assert!(tracker.contains("| phase 1 | (this checkpoint) |"), "{tracker}");
    assert_eq!(parsed(&run.state)["checkpoints"][0]["commit"], "(this checkpoint)");
    run.until(|s| s.checkpoints[0].revision.is_some());
    assert!(!view::state_files(&run.state).tracker_md.contains("(this checkpoint)"));
}

#[test]
fn what_a_flag_answered_says_so() {
    let run = every_state(Run::start(seed::plan(), true), |_| {});
    let [_, (_, tracker), _] = files(&run.state);
    assert!(tracker.contains("declared by flag (flag --approve all), nobody looked"), "{tracker}");
    assert_eq!(parsed(&run.state)["approvals"][0]["declared_by_flag"], true);
}

/// agent-a-001 never passes; the person takes it as it is.
fn overridden() -> Run {
    let mut run = Run::start(seed::plan(), false);
    run.score = |task, _| (task == "agent-a-001").then_some("0.84");
    (0..3).for_each(|_| run.answer(true, None));
    run.until(|s| matches!(s.tasks[0].stage, TaskStage::Held(_)));
    run
}

#[test]
fn a_held_task_is_a_blocker_and_its_override_stays_for_ever() {
    let mut run = overridden();
    let view = model::run_view(&run.state);
    let task = view.task("agent-a-001").expect("a task");
    assert_eq!(task.status.as_str(), "BLOCKED");
    assert!(task.activity.starts_with("held: "), "{}", task.activity);
    let yaml = parsed(&run.state);
    assert_eq!(yaml["blockers"]["active"][0]["severity"], "HIGH");
    // The question is always on the screen, with a command that is whole.
    for (width, command) in [(120, "--rule below-threshold --reason \"why\""), (60, "consort status multi")] {
        let screen = live::screen(&view, run.now, width, 12, false, false);
        assert!(screen.iter().any(|l| l.text().contains(command)), "{width}: {screen:?}");
    }
    run.answer(true, Some("good enough for a spike"));
    let run = every_state(run, |_| {});
    let [_, (_, tracker), _] = files(&run.state);
    assert!(tracker.contains("agent-a-001 round 3 accepted by jane"), "{tracker}");
    let words = tracker.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("although: below the threshold. Reason: good enough for a spike"), "{tracker}");
    assert!(
        tracker.contains("| agent-a-001 | 0.84 / 0.92 | REJECTED | 3 | accepted against the verdict |"),
        "{tracker}"
    );
    let yaml = parsed(&run.state);
    assert_eq!(yaml["quality"]["phase_scores"]["phase-1"]["spike-001"]["overridden"], true);
    assert_eq!(yaml["quality"]["phase_scores"]["phase-1"]["spike-001"]["status"], "REJECTED");
    assert_eq!(
        yaml["issues"]["resolved"][0]["resolution"],
        "approved by jane (terminal): good enough for a spike"
    );
}

#[test]
fn failures_are_said_in_lines_and_metrics() {
    let mut run = Run::start(seed::plan(), true);
    run.mishap = |attempt| match (attempt.task.as_str(), &attempt.step) {
        ("agent-b-001", Step::Create) if attempt.attempt < 3 => Some(Exit::Code(7)),
        _ => None,
    };
    let run = every_state(run, |state| check_schema(&parsed(state)));
    let said = |text: &str| run.lines.iter().any(|l| l.contains(text));
    assert!(said("agent-b-001 create failed: exit code 7"), "{:#?}", run.lines);
    assert!(said("create is tried again at"), "{:#?}", run.lines);
    assert_eq!(parsed(&run.state)["metrics"]["calls"]["failed"], 2);
    assert!(model::run_view(&run.state).calls.success_percent < Some(100));
}

#[test]
fn a_cancelled_run_says_so_everywhere() {
    let mut run = Run::start(seed::plan(), true);
    run.until(|s| s.live.len() == 2);
    run.command(Command::Cancel);
    run.until(|s| s.status == RunStatus::Cancelled);
    let yaml = parsed(&run.state);
    check_schema(&yaml);
    assert_eq!(yaml["workflow"]["completed_at"], Value::Null, "COMPLETE only of what is");
    assert!(run.lines.last().expect("a line").ends_with("ended: CANCELLED"));
}

#[test]
fn pictures_keep_their_width_and_stay_in_line() {
    for plan in [
        seed::plan(),
        seed::overlapping(),
        seed::wide(1),
        seed::wide(3),
        seed::wide(4),
        seed::wide(9),
        hostile(),
    ] {
        let picture = view::diagram(&plan, None);
        for line in picture.lines() {
            assert!(line.width() <= view::WIDTH_MAX, "{line}");
        }
        let count = |sign: char| picture.matches(sign).count();
        assert_eq!((count('╔'), count('╗')), (plan.barriers.len(), plan.barriers.len()));
        let phases: usize = plan.pipelines.iter().map(|p| p.phases.len()).sum();
        assert_eq!(picture.matches("PHASE ").count(), phases, "{picture}");
    }
}

#[test]
fn screens_fit_whatever_the_size() {
    let run = overridden();
    let view = model::run_view(&run.state);
    for (width, height) in [(30, 6), (40, 10), (80, 24), (120, 40), (200, 60)] {
        let lines = live::screen(&view, run.now, width, height, true, true);
        assert!(lines.len() <= height, "{} lines of {height}", lines.len());
        assert!(lines.iter().all(|l| l.text().width() <= width), "{lines:?}");
        let plain = live::screen(&view, run.now, width, height, true, false);
        assert!(plain.iter().flat_map(|l| &l.spans).all(|s| s.style == live::Style::Plain));
        let texts = |lines: &[live::Line]| lines.iter().map(live::Line::text).collect::<Vec<_>>();
        assert_eq!(texts(&lines), texts(&plain), "colour carries no meaning of its own");
    }
}

/// A checkpoint that failed once and rests is left to be done although nothing is wanted at this moment.
#[test]
fn a_run_that_is_over_is_not_settled_while_a_checkpoint_rests() {
    let mut run = Run::start(seed::plan(), true);
    for _ in 0..2_000 {
        let checkpoint = wanted(&run.state).into_iter().find_map(|effect| match &effect {
            Effect::Ensure(Ensure::Checkpoint { .. }) => Some(effect.key().0),
            _ => None,
        });
        if let Some(effect) = checkpoint.filter(|_| run.state.is_over()) {
            run.input(Input::Reported(Report::EffectFailed { effect, why: "the ref is locked".into() }));
            continue;
        }
        if run.state.is_over() && wanted(&run.state).is_empty() {
            break;
        }
        if !run.tick() {
            run.answer(true, None);
        }
    }
    assert!(run.state.is_over() && wanted(&run.state).is_empty());
    assert!(run.state.checkpoints.last().is_some_and(|c| c.revision.is_none()), "it rests");
    assert!(!is_settled(&run.state));
    while run.tick() {}
    assert!(is_settled(&run.state));
    assert!(run.state.checkpoints.iter().all(|c| c.revision.is_some()));
}
