//! A run while it runs: a screen that is redrawn in place, and one line per thing that people
//! care about for a pipe.

mod line;

pub use line::line;

use super::model::{BarrierView, PipelineView, RunView, TaskView};
use super::status::sign;
use super::text::{bar, cut, fit, width as columns};
use super::words::Word;
use crate::time::{Timestamp, duration_text};

/// How a piece of text is to look. Words and signs carry the meaning; this only helps the eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As it is.
    Plain,
    /// Stands out.
    Strong,
    /// Steps back.
    Dim,
    /// Done.
    Good,
    /// Wants a look.
    Warn,
    /// Went wrong.
    Bad,
}

/// A piece of text with its style; no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// How it looks.
    pub style: Style,
    /// What it says.
    pub text: String,
}

/// One line of the screen, never wider than asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// From left to right.
    pub spans: Vec<Span>,
}

impl Line {
    fn new(style: Style, text: impl Into<String>) -> Self {
        Line { spans: vec![Span { style, text: text.into() }] }
    }

    fn and(mut self, style: Style, text: impl Into<String>) -> Self {
        self.spans.push(Span { style, text: text.into() });
        self
    }

    /// Without styles and without spaces at the end.
    pub fn text(&self) -> String {
        let text: String = self.spans.iter().map(|s| s.text.as_str()).collect();
        text.trim_end().to_owned()
    }

    /// Exactly so many columns.
    fn fitted(self, width: usize) -> Self {
        let mut left = width;
        let mut spans = Vec::new();
        for span in self.spans {
            let text = cut(&span.text, left);
            left -= columns(&text).min(left);
            spans.push(Span { style: span.style, text });
        }
        spans.push(Span { style: Style::Plain, text: " ".repeat(left) });
        Line { spans }
    }

    /// No wider than so many columns.
    fn clipped(self, width: usize) -> Self {
        let mut line = self.fitted(width);
        line.spans.pop();
        line
    }
}

/// Narrowest column of a pipeline.
const NARROW: usize = 30;

/// The screen: at most `height` lines of at most `width` columns. What waits for a person is
/// always on it; finished and unfinished tasks step back first where room is short.
pub fn screen(
    view: &RunView,
    now: Timestamp,
    width: usize,
    height: usize,
    unicode: bool,
    color: bool,
) -> Vec<Line> {
    let look = Look { now, width: width.max(30), unicode };
    let top = look.header(view);
    let mut bottom = look.barriers(view);
    bottom.extend(look.questions(view));
    bottom.extend(look.footer(view));
    let room = height.max(6).saturating_sub(top.len() + bottom.len());
    let mut body = look.pipelines(view, false);
    if body.len() > room {
        body = look.pipelines(view, true);
    }
    if body.len() > room {
        let hidden = body.len() - room.saturating_sub(1);
        body.truncate(room.saturating_sub(1));
        body.push(Line::new(Style::Dim, format!("... {hidden} lines more: consort status {}", view.id)));
    }
    let mut lines: Vec<Line> = top.into_iter().chain(body).chain(bottom).collect();
    // A very small terminal: questions stay, they are at the end.
    if lines.len() > height.max(6) {
        let head = lines[0].clone();
        lines.drain(..lines.len() - height.max(6) + 1);
        lines.insert(0, head);
    }
    let mut lines: Vec<Line> = lines.into_iter().map(|l| l.clipped(look.width)).collect();
    if !color {
        lines.iter_mut().flat_map(|l| &mut l.spans).for_each(|s| s.style = Style::Plain);
    }
    lines
}

struct Look {
    now: Timestamp,
    width: usize,
    unicode: bool,
}

fn style_of(word: Word) -> Style {
    match word {
        Word::Complete => Style::Good,
        Word::InProgress => Style::Strong,
        Word::Failed => Style::Bad,
        Word::Blocked | Word::Pending => Style::Dim,
    }
}

impl Look {
    fn header(&self, view: &RunView) -> Vec<Line> {
        let status = match view.status {
            "COMPLETE" => Style::Good,
            "FAILED" | "CANCELLED" => Style::Bad,
            "PAUSED" => Style::Warn,
            _ => Style::Strong,
        };
        let rehearsal = if view.rehearsal { "  rehearsal" } else { "" };
        let elapsed = duration_text(view.elapsed_ms(self.now));
        let mut first = Line::new(Style::Strong, view.id.clone())
            .and(Style::Plain, "  ")
            .and(status, view.status)
            .and(Style::Plain, format!("{rehearsal}  {elapsed}"));
        let mut lines = Vec::new();
        if columns(&first.text()) + columns(&view.doing) + 2 <= self.width {
            first = first.and(Style::Plain, format!("  {}", view.doing));
            lines.push(first);
        } else {
            lines.extend([first, Line::new(Style::Plain, view.doing.clone())]);
        }
        let done = view.tasks.iter().filter(|t| t.status == Word::Complete).count();
        let calls = view.calls.forecast.max(view.calls.used);
        let cost = view.cost.text.split([':', ';']).next().unwrap_or_default();
        let all = view.tasks.len();
        let narrow = self.width < 70;
        let cost = if narrow { String::new() } else { format!(", cost {cost}") };
        let facts = format!("{done} of {all} tasks, {} of about {calls} calls{cost}", view.calls.used);
        let bar = bar(done, all, if narrow { 10 } else { 20 });
        lines.push(Line::new(Style::Plain, format!("{bar} {facts}")));
        let limits = view.nearly_used_up.iter().map(|limit| Line::new(Style::Warn, limit.text.clone()));
        lines.extend(limits);
        lines.push(Line::default());
        lines
    }

    /// Pipelines side by side where they fit, one under another where not.
    fn pipelines(&self, view: &RunView, compact: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        let side: Vec<&PipelineView> = view.pipelines.iter().filter(|p| !p.convergent).collect();
        let gap = 3;
        let each = (self.width + gap) / side.len().max(1);
        if each >= NARROW + gap {
            let blocks: Vec<Vec<Line>> =
                side.iter().map(|p| self.pipeline(view, p, each - gap, compact)).collect();
            let rows = blocks.iter().map(Vec::len).max().unwrap_or(0);
            for row in 0..rows {
                let mut line = Line::default();
                for block in &blocks {
                    let cell = block.get(row).cloned().unwrap_or_default().fitted(each - gap);
                    line.spans.extend(cell.spans);
                    line.spans.push(Span { style: Style::Plain, text: " ".repeat(gap) });
                }
                lines.push(line);
            }
        } else {
            side.iter().for_each(|p| lines.extend(self.pipeline(view, p, self.width, compact)));
        }
        for pipeline in view.pipelines.iter().filter(|p| p.convergent) {
            if !compact {
                lines.push(Line::default());
            }
            lines.extend(self.pipeline(view, pipeline, self.width, compact));
        }
        let mut loose: Vec<&TaskView> = view.agents().filter(|t| t.place.is_none()).collect();
        if compact {
            loose.retain(|t| {
                matches!(t.status, Word::InProgress | Word::Failed) || t.activity.starts_with("held")
            });
        }
        loose.iter().for_each(|t| lines.extend(self.task(t, &t.id, self.width, compact)));
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines
    }

    fn pipeline(&self, view: &RunView, pipeline: &PipelineView, width: usize, compact: bool) -> Vec<Line> {
        let mut lines = vec![
            Line::new(Style::Strong, pipeline.alias.clone())
                .and(Style::Plain, format!("  {}", pipeline.name)),
        ];
        for phase in &pipeline.phases {
            let tasks: Vec<&TaskView> = phase.tasks.iter().filter_map(|id| view.task(id)).collect();
            let quiet = matches!(phase.status, Word::Blocked | Word::Pending);
            let begun = tasks.iter().any(|t| t.round > 0 || t.activity.starts_with("held"));
            if compact && quiet && !begun {
                continue;
            }
            let waits = match phase.blocked_by.first() {
                Some(by) if phase.status == Word::Blocked => format!(" by {by}"),
                _ => String::new(),
            };
            let head =
                format!(" {} phase {} {}: ", sign(phase.status, self.unicode), phase.number, phase.name);
            lines.push(
                Line::new(Style::Plain, head)
                    .and(style_of(phase.status), phase.status.as_str())
                    .and(Style::Dim, waits),
            );
            let past = compact && phase.status == Word::Complete;
            if !past && (begun || !quiet) {
                tasks.iter().for_each(|t| lines.extend(self.task(t, &t.id, width, compact)));
            }
        }
        if compact && lines.len() == 1 {
            lines.clear();
        }
        lines
    }

    /// One or two lines: who, what, how long; rounds and scores.
    fn task(&self, task: &TaskView, name: &str, width: usize, compact: bool) -> Vec<Line> {
        let mark = if task.activity.starts_with("held") { "!" } else { sign(task.status, self.unicode) };
        let style = if mark == "!" { Style::Warn } else { style_of(task.status) };
        let long = match (task.status, task.since) {
            (Word::InProgress, Some(since)) => format!(" {}", duration_text(self.now.since_ms(since.0))),
            _ => String::new(),
        };
        let scores: Vec<&str> = task.composites().collect();
        let lead = Line::new(Style::Plain, format!("   {mark} {name} "));
        if task.status == Word::Complete {
            let score = match scores.last() {
                Some(score) if task.gate.overridden => format!(" {score} against the verdict"),
                Some(score) => format!(" {score} >= {}", task.threshold),
                None => String::new(),
            };
            return vec![lead.and(style, "accepted").and(Style::Plain, score)];
        }
        let head = lead.and(style, task.activity.clone()).and(Style::Plain, long);
        let (round, scores) = match compact {
            true => (
                if task.round > 0 { format!("round {}", task.round) } else { String::new() },
                scores.last().copied().unwrap_or_default().to_owned(),
            ),
            false => (task.round_text(), scores.join(" ")),
        };
        let mut facts = vec![round];
        if !scores.is_empty() {
            facts.push(format!("{scores} / {}", task.threshold));
        }
        facts.retain(|f| !f.is_empty());
        let facts = facts.join(", ");
        if facts.is_empty() {
            return vec![head];
        }
        if compact || columns(&head.text()) + columns(&facts) + 2 <= width {
            return vec![head.and(Style::Dim, format!("  {facts}"))];
        }
        vec![head, Line::new(Style::Dim, format!("     {facts}"))]
    }

    fn barriers(&self, view: &RunView) -> Vec<Line> {
        let mut lines = Vec::new();
        for barrier in &view.barriers {
            let open = barrier.status == Word::InProgress || barrier.status == Word::Blocked;
            let mut line =
                Line::new(Style::Plain, format!("{} {}: ", sign(barrier.status, self.unicode), barrier.id))
                    .and(style_of(barrier.status), barrier.status.as_str());
            if barrier.status != Word::Complete {
                line = line.and(Style::Plain, format!(", {}", barrier.activity));
            } else {
                line = line.and(Style::Plain, self.handoff_scores(view, barrier));
            }
            lines.push(line);
            let handoffs = barrier.handoffs.iter().filter_map(|id| view.task(id)).filter(|_| open);
            for task in handoffs.filter(|t| t.status != Word::Complete) {
                let name = format!("handoff {}", task.direction.as_deref().unwrap_or(&task.id));
                lines.extend(self.task(task, &name, self.width, true));
            }
        }
        lines
    }

    fn handoff_scores(&self, view: &RunView, barrier: &BarrierView) -> String {
        let tasks = barrier.handoffs.iter().filter_map(|id| view.task(id));
        let scores =
            tasks.filter_map(|t| Some(format!("{} {}", t.direction.as_deref()?, t.gate.score.as_deref()?)));
        let scores: Vec<String> = scores.collect();
        if scores.is_empty() { String::new() } else { format!("  {}", scores.join(", ")) }
    }

    /// What waits for a person: always with the command.
    fn questions(&self, view: &RunView) -> Vec<Line> {
        let mut lines = Vec::new();
        for (n, a) in view.open_approvals().enumerate() {
            if n == 0 {
                lines.push(Line::default());
            }
            if n == 3 {
                let more = view.open_approvals().count() - 3;
                lines.push(Line::new(
                    Style::Warn,
                    format!("! and {more} more questions: consort show {}", view.id),
                ));
                break;
            }
            lines.push(
                Line::new(Style::Warn, format!("! {} waits for {}: ", a.id, a.who))
                    .and(Style::Plain, a.question.clone()),
            );
            // A command that is cut is none: where it does not fit, a shorter one leads to it.
            let full = a.first_command().to_owned();
            let bare = full.replace(&format!("@{}", a.shown), "");
            let fits = |command: &String| command.chars().count() + 4 <= self.width;
            let command = [full, bare].into_iter().find(fits);
            let command = command.unwrap_or_else(|| format!("consort status {}", view.id));
            lines.push(Line::new(Style::Plain, format!("    {command}")));
        }
        lines
    }

    fn footer(&self, view: &RunView) -> Vec<Line> {
        let Some(last) = view.checkpoints.last() else { return Vec::new() };
        let text = format!("last checkpoint {} after {} at {}", last.id, last.subject, last.at);
        vec![Line::default(), Line::new(Style::Dim, fit(&text, self.width).trim_end().to_owned())]
    }
}
