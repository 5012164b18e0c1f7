//! What people read, at five points of a run like the seed's.

use crate::drive::Run;
use crate::seed;
use consort_core::run::{RunStatus, State, TaskStage};
use consort_core::view::{self, live, model};
use insta::assert_snapshot;

fn all(name: &str, state: &State) {
    let files = view::state_files(state);
    assert_snapshot!(format!("{name}-plan"), files.plan_md);
    assert_snapshot!(format!("{name}-tracker"), files.tracker_md);
    assert_snapshot!(format!("{name}-yaml"), files.yaml);
}

fn index(state: &State, task: &str) -> usize {
    state.graph.ix(&task.into()).expect("a task")
}

fn start() -> Run {
    Run::start(seed::plan(), false)
}

fn vouched() -> Run {
    let mut run = start();
    (0..3).for_each(|_| run.answer(true, None));
    run
}

fn round_two() -> Run {
    let mut run = vouched();
    run.until(|s| s.tasks[index(s, "agent-b-001")].iteration == 2 && s.live.len() == 2);
    run
}

fn at_barrier() -> Run {
    let mut run = round_two();
    run.until(|s| s.open_approvals().next().is_some());
    run
}

fn phase_two() -> Run {
    let mut run = at_barrier();
    run.answer(true, Some("both handoffs say what the other side needs"));
    run.until(|s| matches!(s.tasks[index(s, "agent-a-002")].stage, TaskStage::Working) && s.live.len() == 2);
    run
}

fn complete() -> Run {
    let mut run = Run::start(seed::plan(), true);
    run.until(|s| s.status == RunStatus::Complete);
    run
}

#[test]
fn at_the_start() {
    all("1-start", &start().state);
}

#[test]
fn in_round_two_of_phase_one() {
    all("2-round-two", &round_two().state);
}

#[test]
fn barrier_one_waits_for_approval() {
    all("3-barrier", &at_barrier().state);
}

#[test]
fn in_phase_two() {
    all("4-phase-two", &phase_two().state);
}

#[test]
fn complete_run() {
    let run = complete();
    all("5-complete", &run.state);
}

fn text_of(state: &State, width: usize, height: usize) -> String {
    let view = model::run_view(state);
    let lines = live::screen(&view, state.now.plus_ms(4_200), width, height, true, false);
    lines.iter().map(|l| l.text() + "\n").collect()
}

#[test]
fn the_screen_at_two_sizes() {
    let run = round_two();
    assert_snapshot!("screen-round-two-100x30", text_of(&run.state, 100, 30));
    assert_snapshot!("screen-round-two-60x14", text_of(&run.state, 60, 14));
    let run = at_barrier();
    assert_snapshot!("screen-barrier-100x30", text_of(&run.state, 100, 30));
    assert_snapshot!("screen-barrier-60x14", text_of(&run.state, 60, 14));
    assert_snapshot!("screen-complete-100x30", text_of(&complete().state, 100, 30));
}

#[test]
fn status_of_a_run_and_of_a_task() {
    let run = at_barrier();
    let view = model::run_view(&run.state);
    let now = run.now.plus_ms(60_000);
    assert_snapshot!("status-barrier", view::status_text(&view, now, 100, true));
    let run = round_two();
    let view = model::run_view(&run.state);
    assert_snapshot!("status-round-two", view::status_text(&view, run.now, 100, false));
    let task = view.task("agent-b-001").expect("a task");
    assert_snapshot!("show-task", view::task_text(&view, task, run.now, 100));
}

#[test]
fn plain_lines_of_a_whole_run() {
    assert_snapshot!("lines", complete().lines.join("\n"));
}

#[test]
fn pictures() {
    assert_snapshot!("picture-before", view::diagram(&seed::plan(), None));
    assert_snapshot!("picture-overlapping", view::diagram(&seed::overlapping(), None));
    assert_snapshot!("picture-stacked", view::diagram(&seed::wide(6), None));
}

#[test]
fn json_of_a_run() {
    let view = model::run_view(&round_two().state);
    assert_snapshot!("json", serde_json::to_string_pretty(&view).expect("plain data"));
}
