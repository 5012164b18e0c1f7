//! The files in `bench/`, and the one that is too long to be kept.

use super::stage::workflow;
use std::fmt::Write as _;

/// Tasks of each workflow in `bench/`.
pub(crate) const TASKS: usize = 200;

/// Every task runs this and nothing else; its first word is what `make` starts, too.
pub(crate) const SCRIPT: &str = r#"echo "${CONSORT_ATTEMPT%%--*}" > "${CONSORT_ATTEMPT%%--*}.txt""#;

/// Which task needs which.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Each needs the one before.
    Chain,
    /// None needs another.
    Fan,
    /// All need the first.
    Wait,
}

/// Name of the n-th task.
pub(crate) fn task(n: usize) -> String {
    format!("task-{n:03}")
}

fn head(id: &str, title: &str, workspace: &str) -> String {
    format!(
        "# Written by `bench generate`: edit crates/consort-testing/src/bin/bench/workflows.rs instead.\n\n\
         workflow: {{id: {id}, title: {title}}}\n\
         criticality: C1\n\
         quality: {{gate: none}}\n\
         checkpoints: BARRIER\n\
         workspace: {workspace}\n\
         limits: {{max_concurrent_agents: 2, max_attempts: 1}}\n"
    )
}

/// A workflow of tasks that each write one file.
pub(crate) fn text(id: &str, title: &str, workspace: &str, shape: Shape, tasks: usize) -> String {
    let mut text = head(id, title, workspace);
    let script = if shape == Shape::Wait { format!("sleep 600; {SCRIPT}") } else { SCRIPT.to_owned() };
    let _ = write!(
        text,
        "agents:\n  default:\n    argv: [sh, -c, '{script}']\n    prompt: file\n    supervise: false\n\ntasks:\n"
    );
    for n in 1..=tasks {
        let needs = match shape {
            Shape::Chain if n > 1 => format!("needs: {}, ", task(n - 1)),
            Shape::Wait if n > 1 => format!("needs: {}, ", task(1)),
            _ => String::new(),
        };
        let id = task(n);
        let _ = writeln!(text, "  {id}: {{text: Write one file, {needs}path: {id}.txt}}");
    }
    text
}

/// Writes `bench/` again.
pub(crate) fn write_all() {
    let files = [
        ("chain-200", "One after the other", "none", Shape::Chain),
        ("fan-200", "Side by side", "none", Shape::Fan),
        ("fan-200-git", "Side by side in clones", "clone", Shape::Fan),
    ];
    for (id, title, workspace, shape) in files {
        let path = workflow(&format!("{id}.yaml"));
        match std::fs::write(&path, text(id, title, workspace, shape, TASKS)) {
            Ok(()) => println!("{}", path.display()),
            Err(error) => println!("{}: {error}", path.display()),
        }
    }
}
