//! How a question is put to a person on the terminal.

use super::model::{ApprovalView, RunView, VersionView};
use super::status::short;
use super::text::{cut, wrap};

/// The question with all that is needed to answer it by yes or no: subject, commit, scores, what yes and
/// no mean. Lines of at most `width` columns where words allow it; ends with a line break.
pub fn question(approval: &ApprovalView, view: &RunView, width: usize) -> String {
    let mut text = about(approval, view, width);
    labelled(&mut text, width, "yes", &approval.yes_means);
    labelled(&mut text, width, "no", &approval.no_means);
    text
}

/// The question with the commands that answer it, each with what it does.
pub fn answerable(approval: &ApprovalView, view: &RunView, width: usize) -> String {
    let each = approval.options.iter().map(|(command, means)| format!("  {command}\n      {means}\n"));
    about(approval, view, width) + &each.collect::<String>()
}

fn labelled(text: &mut String, width: usize, label: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    for (n, line) in wrap(value, width.max(40).saturating_sub(12)).iter().enumerate() {
        let label = if n == 0 { label } else { "" };
        text.push_str(&format!("  {label:<9} {line}\n"));
    }
}

fn about(approval: &ApprovalView, view: &RunView, width: usize) -> String {
    let mut text = String::new();
    let mut add = |label: &str, value: &str| labelled(&mut text, width, label, value);
    add("about", &format!("{} {}", approval.kind, approval.subject));
    add("asked of", &approval.who);
    add(
        "counts",
        &approval.may_answer().map_or_else(String::new, |may| format!("only what these say: {may}")),
    );
    add("question", &approval.question);
    if let Some(revision) = &approval.revision {
        add("commit", revision);
    }
    for (n, (what, score)) in approval.scores.iter().enumerate() {
        add(if n == 0 { "scores" } else { "" }, &format!("{what}: {score}"));
    }
    approval.versions.iter().for_each(|version| add("version", &version_text(version)));
    let apart: Vec<String> = approval.apart.iter().map(|(d, a, b)| format!("{d} {a} against {b}")).collect();
    add("apart", &apart.join(", "));
    let task = view.task(&approval.subject);
    for path in approval.list.iter().chain(task.iter().flat_map(|t| &t.outputs)).take(3) {
        add("look at", path);
    }
    format!("{}\n{text}", cut(&format!("{} waits for an answer", approval.id), width.max(40)))
}

/// `round 3 at 0123456789ab, composite 0.9012; 0 Critical, 2 Major, 1 Minor; only here: S-002/DA-001 Major`
fn version_text(version: &VersionView) -> String {
    let at = version.revision.as_deref().map(|r| format!(" at {}", short(r))).unwrap_or_default();
    let composite = version.composite.as_deref().unwrap_or("none");
    let (critical, major, minor) = version.findings;
    let mut text = format!(
        "round {}{at}, composite {composite}; {critical} Critical, {major} Major, {minor} Minor",
        version.round
    );
    let named: Vec<String> =
        version.only_here.iter().take(NAMED_MAX).map(|(id, how)| format!("{id} {how}")).collect();
    if !named.is_empty() {
        text += &format!("; only here: {}", named.join(", "));
    }
    if let more @ 1.. = version.only_here.len().saturating_sub(NAMED_MAX) {
        text += &format!(" and {more} more");
    }
    text
}

/// At most so many findings of a version are named.
const NAMED_MAX: usize = 6;

/// All open questions with their commands; empty if there are none.
pub fn open(view: &RunView, width: usize) -> String {
    let all = view.open_approvals().map(|a| answerable(a, view, width));
    all.collect::<Vec<_>>().join("\n")
}
