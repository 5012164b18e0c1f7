//! What was found, as lines for people.

use super::Merged;
use crate::drive::short;
use crate::report::story::{Agent, Carrier, GIVEN, Reviewed, Source, Story};
use consort_core::run::ARTIFACTS_MAX;
use consort_core::view::clean;
use consort_core::view::model::{ApprovalView, OverrideView};

/// Characters of a command line.
const ARGV_MAX: usize = 100;

/// Lines with their labels in one column.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, label: &str, value: &str) {
        self.0 += format!("{label:<12} {value}").trim_end();
        self.0.push('\n');
    }

    /// One line each, the label only once; `none` if there are none.
    fn all(&mut self, label: &str, values: Vec<String>, none: &str) {
        if values.is_empty() && !none.is_empty() {
            self.add(label, none);
        }
        for (n, value) in values.iter().enumerate() {
            self.add(if n == 0 { label } else { "" }, value);
        }
    }
}

/// One version of a task's work.
pub(super) fn of_work(story: &Story) -> String {
    let mut lines = Lines::default();
    if let Some(file) = &story.file {
        let other = file.checkout_sha256.as_ref().filter(|hash| **hash != file.accepted_sha256);
        let other = other.map(|hash| format!(" (here sha256 {})", short(hash))).unwrap_or_default();
        lines.add("file", &format!("{}: {}{other}", file.path, file.says));
    }
    lines.add("run", &run(&story.run, &story.title, story.rehearsal));
    let handoff = story.handoff.as_ref().map(|h| format!(", handoff {h}")).unwrap_or_default();
    lines.add("task", &format!("{} ({}){handoff}", story.task, story.role));
    if let (Some(pipeline), Some(phase)) = (&story.pipeline, story.phase) {
        let name = story.phase_name.as_deref().unwrap_or_default();
        lines.add("place", &format!("pipeline {pipeline}, phase {phase} {name}"));
    }
    let author = match story.agent.runtime == GIVEN {
        true => "nobody in this run: it was there already".to_owned(),
        false => by(&story.agent, story.attempt.as_deref()),
    };
    lines.add("written by", &author);
    lines.add("standing", &format!("{} (round {}, {})", story.standing, story.round, story.at));
    lines.add("commit", &story.revision);
    let mut files: Vec<String> =
        story.artifacts.iter().map(|a| format!("{}  {}", a.sha256, a.path)).collect();
    if let (Some(base), true) = (&story.base, files.len() >= ARTIFACTS_MAX) {
        files.push(format!(
            "perhaps more, unnamed in the journal: git diff --stat {} {}",
            short(base),
            short(&story.revision)
        ));
    }
    lines.all("sha256", files, "");
    lines.all("from", story.inputs.iter().map(source).collect(), "no inputs but its base");
    judged(&mut lines, story);
    lines.all("approved", story.approvals.iter().map(approval).collect(), "no person was asked");
    lines.all("override", story.overrides.iter().map(overridden).collect(), "");
    lines.all("left out", story.left_out.iter().map(|w| w.line()).collect(), "");
    lines.all("in", carriers(story), "no checkpoint or barrier yet");
    lines.add("record", &format!("{}  {}", story.record.seq, story.record.hash));
    lines.add("journal", &format!("{}  {}", story.head.seq, story.head.hash));
    lines.0
}

fn judged(lines: &mut Lines, story: &Story) {
    lines.all("self-review", story.self_review.iter().map(reviewed).collect(), "none");
    lines.all("reviewed", story.reviews.iter().map(reviewed).collect(), "by no critic");
    let mut scores: Vec<String> = story
        .judges
        .iter()
        .map(|j| format!("{}  judge {}, {}", j.composite, j.judge, by(&j.agent, j.attempt.as_deref())))
        .collect();
    if let Some(composite) = story.composite.as_ref() {
        scores.push(format!("{composite}  the round's composite, threshold {}", story.threshold));
    }
    lines.all("scored", scores, "by no judge");
    let criterion = |met: Option<bool>| match met {
        Some(true) => "met",
        Some(false) => "unmet",
        None => "not judged here",
    };
    let criteria = story.criteria.iter().map(|c| format!("{}: {}", c.name, criterion(c.met)));
    lines.all("criteria", criteria.collect(), "");
    lines.add(
        "checks",
        &match story.problems {
            0 => "found nothing".to_owned(),
            1 => "found 1 problem".to_owned(),
            n => format!("found {n} problems"),
        },
    );
}

/// A commit that merges the work of tasks.
pub(super) fn of_merge(merge: &Merged) -> String {
    let mut lines = Lines::default();
    let (name, what) = (&merge.name, merge.subject.as_ref());
    let after = what.map(|s| format!(", after {s}")).unwrap_or_default();
    match merge.kind {
        "base" => lines.add("commit", &format!("what task {name} was set up from")),
        "integration" => lines.add("commit", &format!("the result, as it was brought to {name}")),
        kind => lines.add("commit", &format!("{kind} {name}{after}")),
    }
    lines.add("", &merge.revision);
    lines.add("run", &run(&merge.run, &merge.title, merge.rehearsal));
    let wide = merge.holds.iter().map(|h| h.task.chars().count()).max().unwrap_or(0);
    let held = merge
        .holds
        .iter()
        .map(|h| format!("{:wide$}  {}  {}, {}", h.task, short(&h.revision), h.role, by(&h.agent, None)));
    lines.all("holds", held.collect(), "no accepted work yet");
    lines.add("record", &format!("{}  {}", merge.record.seq, merge.record.hash));
    lines.add("journal", &format!("{}  {}", merge.head.seq, merge.head.hash));
    if let Some(first) = merge.holds.first() {
        lines.add("more", &format!("consort why {}", short(&first.revision)));
    }
    lines.0
}

fn run(id: &str, title: &str, rehearsal: bool) -> String {
    let rehearsal = if rehearsal { ", a rehearsal: players stood in for the agents" } else { "" };
    format!("{id} ({title}){rehearsal}")
}

/// A program, and which of its attempts.
fn by(agent: &Agent, attempt: Option<&str>) -> String {
    let argv = clean(&agent.argv.join(" "));
    let mut text = format!("{} {argv}", agent.runtime).trim_end().to_owned();
    if text.chars().count() > ARGV_MAX {
        text = text.chars().take(ARGV_MAX - 1).chain(['…']).collect();
    }
    attempt.map_or(text.clone(), |attempt| format!("{text}, attempt {attempt}"))
}

fn source(source: &Source) -> String {
    let task = source.task.as_ref().map(|t| format!(" of {t}")).unwrap_or_default();
    let at = source.revision.as_ref().map(|r| format!(" at {}", short(r))).unwrap_or_default();
    let hash = source.sha256.as_ref().map(|h| format!(", sha256 {}", short(h))).unwrap_or_default();
    let declared = source.declared.as_ref().map(|who| format!(", vouched for by {who}")).unwrap_or_default();
    format!("{} {}{task}{at}{hash}{declared}", source.kind, source.path)
}

fn reviewed(review: &Reviewed) -> String {
    let dropped = match review.dropped {
        0 => String::new(),
        n => format!(", {n} dropped"),
    };
    format!(
        "{} {}: {} Critical, {} Major, {} Minor{dropped}; {}",
        review.strategy,
        review.name,
        review.critical,
        review.major,
        review.minor,
        by(&review.agent, review.attempt.as_deref())
    )
}

fn approval(approval: &ApprovalView) -> String {
    let about = format!("{} ({} {})", approval.id, approval.kind, approval.subject);
    let Some(answer) = &approval.answer else {
        return match &approval.void {
            Some(why) => format!("{about} moot: {why}"),
            None => format!("{about} open, asked of {}", approval.who),
        };
    };
    let note = answer.note.as_ref().map(|n| format!(": {n}")).unwrap_or_default();
    let yes = if answer.yes { "yes" } else { "no" };
    let commit = approval.revision.as_deref().map(|r| format!(" to {}", short(r))).unwrap_or_default();
    format!("{about} {yes}{commit} by {} ({}), {}{note}", answer.by, answer.how, answer.at)
}

fn overridden(over: &OverrideView) -> String {
    let note = over.note.as_deref().unwrap_or("no reason was given");
    format!(
        "by {}, {}, of round {} against: {}. Reason: {note}",
        over.by,
        over.at,
        over.round,
        over.refusals.join(", ")
    )
}

/// The barrier, the first checkpoint, and the branch; later checkpoints hold it too and are counted.
fn carriers(story: &Story) -> Vec<String> {
    let named = |kind: &str, c: &Carrier| {
        let by = c.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        format!("{kind}{} {}{by}", c.name, short(&c.revision))
    };
    let mut all: Vec<String> = story.barriers.iter().map(|c| named("barrier ", c)).collect();
    if let Some(first) = story.checkpoints.first() {
        let more = match story.checkpoints.len() - 1 {
            0 => String::new(),
            1 => " and the one after it".to_owned(),
            n => format!(" and the {n} after it"),
        };
        all.push(named("checkpoint ", first) + &more);
    }
    all.extend(story.integrations.iter().map(|c| named("", c)));
    all
}
