//! How a question is put to a person on the terminal.

use super::model::{ApprovalView, RunView};
use super::text::{cut, wrap};

/// The question with all that is needed to answer it: subject, commit, scores, what yes and no
/// mean, the commands. Lines of at most `width` columns where words allow it; ends with a line
/// break.
pub fn question(approval: &ApprovalView, view: &RunView, width: usize) -> String {
    let width = width.max(40);
    let mut text = String::new();
    let mut add = |label: &str, value: &str| {
        for (n, line) in wrap(value, width.saturating_sub(12)).iter().enumerate() {
            let label = if n == 0 { label } else { "" };
            text.push_str(&format!("  {label:<9} {line}\n"));
        }
    };
    add("about", &format!("{} {}", approval.kind, approval.subject));
    add("asked of", &approval.who);
    add("question", &approval.question);
    if let Some(revision) = &approval.revision {
        add("commit", revision);
    }
    for (n, (what, score)) in approval.scores.iter().enumerate() {
        add(if n == 0 { "scores" } else { "" }, &format!("{what}: {score}"));
    }
    let task = view.task(&approval.subject);
    for path in task.iter().flat_map(|t| &t.outputs).take(3) {
        add("look at", path);
    }
    add("yes", &approval.yes_means);
    add("no", &approval.no_means);
    format!("{}\n{text}", cut(&format!("{} waits for an answer", approval.id), width))
}

/// The two commands that answer it, one a line.
pub fn commands(approval: &ApprovalView) -> String {
    format!("  {}\n  {}\n", approval.approve, approval.reject)
}

/// All open questions with their commands; empty if there are none.
pub fn open(view: &RunView, width: usize) -> String {
    let all = view.open_approvals().map(|a| question(a, view, width) + &commands(a));
    all.collect::<Vec<_>>().join("\n")
}
