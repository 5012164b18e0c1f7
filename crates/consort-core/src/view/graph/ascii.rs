//! The text picture: pipelines side by side, barriers across them, the convergent pipeline
//! below; more than four pipelines, and tasks without one, as a list.

use super::Item;
use crate::plan::{Barrier, Phase, Pipeline, Plan, Task, TaskKind};
use std::collections::HashMap;

/// Widest line, in characters.
const WIDTH: usize = 118;
const GAP: usize = 4;
const COLUMN_MAX: usize = 44;
const COLUMNS_MAX: usize = 4;
/// Tasks shown in one box, and lines of a list; the rest is counted.
const BOXED_MAX: usize = 8;
const LISTED_MAX: usize = 200;

type Status<'s> = &'s dyn Fn(Item<'_>) -> Option<String>;

struct Picture<'p> {
    plan: &'p Plan,
    status: Status<'p>,
    tasks: HashMap<&'p str, &'p Task>,
    columns: Vec<&'p Pipeline>,
    width: usize,
    lines: Vec<String>,
}

pub(super) fn draw(plan: &Plan, status: Status<'_>) -> String {
    let columns: Vec<&Pipeline> = plan.pipelines.iter().filter(|p| !p.convergent).collect();
    let width = match columns.len() {
        0 => COLUMN_MAX,
        n => ((WIDTH - GAP * (n - 1).min(20)) / n).min(COLUMN_MAX),
    };
    let tasks = plan.tasks.iter().map(|t| (t.id.as_str(), t)).collect();
    let mut picture = Picture { plan, status, tasks, columns, width, lines: vec![] };
    if picture.columns.len() > COLUMNS_MAX {
        picture.list(|task| task.place.is_some());
    } else if !picture.columns.is_empty() {
        picture.pipelines();
    }
    if plan.agents().any(|t| t.place.is_none()) {
        if !picture.lines.is_empty() {
            picture.lines.push(String::new());
            picture.lines.push("TASKS WITHOUT PIPELINE".into());
        }
        picture.list(|task| task.place.is_none());
    }
    let mut text = picture.lines.iter().map(|l| l.trim_end()).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

impl<'p> Picture<'p> {
    fn total(&self) -> usize {
        self.columns.len() * self.width + GAP * (self.columns.len().saturating_sub(1))
    }

    fn center(&self, column: usize) -> usize {
        column * (self.width + GAP) + self.width / 2
    }

    fn pipelines(&mut self) {
        let heads: Vec<Vec<String>> = self
            .columns
            .iter()
            .map(|p| {
                let names =
                    [format!("PIPELINE {} ({})", p.id.as_str().to_uppercase(), p.alias), p.name.clone()];
                let mut lines: Vec<String> = names.iter().map(|l| centered(l, self.width)).collect();
                lines.push(centered(&"=".repeat(self.width.saturating_sub(8)), self.width));
                lines
            })
            .collect();
        self.row(heads);
        self.lines.push(String::new());
        let last = self.columns.iter().flat_map(|p| &p.phases).map(|p| p.number).max().unwrap_or(0);
        for number in 1..=last {
            self.phase_row(number);
            for barrier in self.plan.barriers.iter().filter(|b| ends_at(b) == number) {
                self.stems(number, Some(barrier), '│');
                self.stems(number, Some(barrier), '▼');
                self.barrier(number, barrier);
            }
            if number < last {
                self.stems(number, None, '│');
                self.stems(number, None, '▼');
            }
        }
        let convergent: Vec<&Pipeline> = self.plan.pipelines.iter().filter(|p| p.convergent).collect();
        for pipeline in convergent {
            self.join();
            for (index, phase) in pipeline.phases.iter().enumerate() {
                if index > 0 {
                    self.lines.push(at(self.total() / 2, '│'));
                }
                self.lines.push(at(self.total() / 2, '▼'));
                let width = COLUMN_MAX.min(self.total());
                let indent = " ".repeat((self.total() / 2).saturating_sub(width / 2));
                let block = boxed(&self.phase(phase), width);
                self.lines.extend(block.into_iter().map(|line| format!("{indent}{line}")));
            }
        }
    }

    /// Blocks side by side, one per pipeline; each line of a block has the column's width.
    fn row(&mut self, blocks: Vec<Vec<String>>) {
        let height = blocks.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let cells = blocks.iter().map(|b| b.get(line).cloned().unwrap_or_else(|| " ".repeat(self.width)));
            self.lines.push(cells.collect::<Vec<_>>().join(&" ".repeat(GAP)));
        }
    }

    fn phase_row(&mut self, number: u32) {
        let phases: Vec<Option<&Phase>> =
            self.columns.iter().map(|p| p.phases.iter().find(|f| f.number == number)).collect();
        let texts: Vec<Option<Vec<String>>> = phases.iter().map(|f| f.map(|f| self.phase(f))).collect();
        let inner = self.width.saturating_sub(4);
        let texts: Vec<Option<Vec<String>>> = texts
            .into_iter()
            .map(|t| t.map(|lines| lines.iter().flat_map(|l| wrapped(l, inner)).collect()))
            .collect();
        let height = texts.iter().flatten().map(Vec::len).max().unwrap_or(0);
        let blocks = texts
            .into_iter()
            .enumerate()
            .map(|(column, text)| match text {
                Some(mut text) => {
                    text.resize(height, String::new());
                    boxed(&text, self.width)
                }
                None if self.goes_on(column, number) => {
                    vec![padded(&at(self.width / 2, '│'), self.width); height + 2]
                }
                None => vec![],
            })
            .collect();
        self.row(blocks);
    }

    /// What a box of a phase says.
    fn phase(&self, phase: &Phase) -> Vec<String> {
        let mut lines = vec![format!("PHASE {}: {}", phase.number, phase.name), "─".into()];
        for id in phase.tasks.iter().take(BOXED_MAX) {
            let Some(task) = self.tasks.get(id.as_str()) else { continue };
            lines.push(format!("{id} ({})", task.role));
            for handoff in self.plan.handoffs_into(task) {
                if let TaskKind::Handoff(h) = &handoff.kind {
                    lines.push(format!("  INPUT: {} {}-->{}", h.barrier, h.from, h.to));
                }
            }
            if let Some(status) = (self.status)(Item::Task(id)) {
                lines.push(format!("  STATUS: {status}"));
            }
        }
        if phase.tasks.len() > BOXED_MAX {
            lines.push(format!("... and {} more", phase.tasks.len() - BOXED_MAX));
        }
        if phase.criticality != self.plan.workflow.criticality {
            lines.push(format!("CRITICALITY: {}", phase.criticality));
        }
        lines
    }

    /// True if a line has to leave this column's phase `number` downwards.
    fn goes_on(&self, column: usize, number: u32) -> bool {
        let pipeline = self.columns[column];
        let joined = self.plan.pipelines.iter().any(|p| p.convergent);
        pipeline.phases.iter().any(|p| p.number > number) || joined
    }

    fn meets(&self, barrier: &Barrier) -> Vec<usize> {
        (0..self.columns.len())
            .filter(|column| barrier.after.iter().any(|(p, _)| *p == self.columns[*column].id))
            .collect()
    }

    /// One line of stems: under every column that goes on, or that meets at the barrier.
    fn stems(&mut self, number: u32, barrier: Option<&Barrier>, mark: char) {
        let meets = barrier.map(|b| self.meets(b)).unwrap_or_default();
        let mut line = vec![' '; self.total()];
        for column in 0..self.columns.len() {
            let arrives =
                meets.contains(&column) || (barrier.is_none() && self.has_phase(column, number + 1));
            if arrives || self.goes_on(column, number) {
                line[self.center(column)] = if arrives { mark } else { '│' };
            }
        }
        self.lines.push(line.into_iter().collect());
    }

    fn has_phase(&self, column: usize, number: u32) -> bool {
        self.columns[column].phases.iter().any(|p| p.number == number)
    }

    /// A barrier across the columns of those who meet; the others pass beside it.
    fn barrier(&mut self, number: u32, barrier: &Barrier) {
        let meets = self.meets(barrier);
        let (Some(first), Some(last)) = (meets.first(), meets.last()) else { return };
        let (left, right) = (first * (self.width + GAP), last * (self.width + GAP) + self.width);
        let inner = right - left - 4;
        let mut text = vec![centered(&format!("SYNC BARRIER {}", barrier.id), inner), "═".into()];
        for id in &barrier.handoffs {
            let Some(TaskKind::Handoff(h)) = self.tasks.get(id.as_str()).map(|t| &t.kind) else { continue };
            text.push(format!("{}-->{}: {}", h.from, h.to, h.key_content.join("; ")));
        }
        if self.gated(barrier) {
            text.push(format!("QUALITY GATE: >= {} weighted composite (S-014)", barrier.threshold));
        }
        if let Some(approval) = &barrier.approval {
            let reason = approval.reason.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
            text.push(format!("APPROVAL: {}{reason}", approval.who));
        }
        if let Some(status) = (self.status)(Item::Barrier(&barrier.id)) {
            text.push(format!("STATUS: {status}"));
        }
        for line in doubled(&text, right - left) {
            let mut whole: Vec<char> = vec![' '; self.total()];
            for column in (0..self.columns.len()).filter(|c| c < first || c > last) {
                if self.goes_on(column, number) || self.later_barrier(column, barrier, number) {
                    whole[self.center(column)] = '│';
                }
            }
            whole.splice(left..right, line.chars());
            self.lines.push(whole.into_iter().collect());
        }
    }

    fn gated(&self, barrier: &Barrier) -> bool {
        barrier.handoffs.iter().any(|h| self.tasks.get(h.as_str()).is_some_and(|t| t.judged))
    }

    /// A barrier below this one in the same band where the column still has to arrive.
    fn later_barrier(&self, column: usize, barrier: &Barrier, number: u32) -> bool {
        let below = self.plan.barriers.iter().skip_while(|b| b.id != barrier.id).skip(1);
        below.filter(|b| ends_at(b) == number).any(|b| self.meets(b).contains(&column))
    }

    /// All columns run together above the convergent pipeline.
    fn join(&mut self) {
        let mut stems = vec![' '; self.total()];
        (0..self.columns.len()).for_each(|c| stems[self.center(c)] = '│');
        self.lines.push(stems.iter().collect());
        if self.columns.len() < 2 {
            return;
        }
        let mut line = vec![' '; self.total()];
        let (first, last) = (self.center(0), self.center(self.columns.len() - 1));
        line[first..=last].fill('─');
        for column in 1..self.columns.len() - 1 {
            line[self.center(column)] = '┴';
        }
        (line[first], line[last]) = ('└', '┘');
        let middle = self.total() / 2;
        line[middle] = if line[middle] == '┴' { '┼' } else { '┬' };
        self.lines.push(line.into_iter().collect());
    }

    /// Tasks by how many steps lie before them.
    fn list(&mut self, wanted: impl Fn(&Task) -> bool) {
        let depths = depths(self.plan);
        let mut rows: Vec<(u32, &Task)> = self
            .plan
            .tasks
            .iter()
            .zip(&depths)
            .filter(|(t, _)| matches!(t.kind, TaskKind::Declared) && wanted(t))
            .map(|(t, d)| (*d, t))
            .collect();
        rows.sort_by_key(|(depth, _)| *depth);
        let steps: Vec<u32> = {
            let mut all: Vec<u32> = rows.iter().map(|(d, _)| *d).collect();
            all.dedup();
            all
        };
        let total = rows.len();
        let mut shown = 0;
        for (step, depth) in steps.iter().enumerate() {
            let group: Vec<&Task> = rows.iter().filter(|(d, _)| d == depth).map(|(_, t)| *t).collect();
            if shown >= LISTED_MAX {
                break;
            }
            self.lines.push(format!("STEP {}", step + 1));
            for (index, task) in group.iter().enumerate().take(LISTED_MAX - shown) {
                let branch = if index + 1 == group.len() { '└' } else { '├' };
                self.lines.push(clipped(&self.listed(branch, task), WIDTH));
                shown += 1;
            }
        }
        if shown < total {
            self.lines.push(format!("... and {} more tasks", total - shown));
        }
    }

    fn listed(&self, branch: char, task: &Task) -> String {
        let mut line = format!("{branch}─ {} ({})", task.id, task.role);
        if let Some((pipeline, phase)) = &task.place {
            line.push_str(&format!(" [{pipeline} {phase}]"));
        }
        let before: Vec<&str> =
            task.needs.iter().map(|t| t.as_str()).chain(task.behind.iter().map(|b| b.as_str())).collect();
        match before.as_slice() {
            [] => {}
            few if few.len() <= 4 => line.push_str(&format!(" ◀ {}", few.join(", "))),
            many => line.push_str(&format!(" ◀ {}, ... ({} in all)", many[..3].join(", "), many.len())),
        }
        if let Some(status) = (self.status)(Item::Task(&task.id)) {
            line.push_str(&format!("  {status}"));
        }
        line
    }
}

/// The last phase that a barrier waits for, as a row of the picture.
fn ends_at(barrier: &Barrier) -> u32 {
    barrier.after.iter().map(|(_, phase)| *phase).max().unwrap_or(0)
}

/// Steps before each task, barriers counted as one.
fn depths(plan: &Plan) -> Vec<u32> {
    let tasks: HashMap<&str, usize> =
        plan.tasks.iter().enumerate().map(|(n, t)| (t.id.as_str(), n)).collect();
    let barriers: HashMap<&str, usize> =
        plan.barriers.iter().enumerate().map(|(n, b)| (b.id.as_str(), plan.tasks.len() + n)).collect();
    let before: Vec<Vec<usize>> = plan
        .tasks
        .iter()
        .map(|t| {
            let needs = t.needs.iter().filter_map(|id| tasks.get(id.as_str()));
            needs.chain(t.behind.iter().filter_map(|id| barriers.get(id.as_str()))).copied().collect()
        })
        .chain(plan.barriers.iter().map(|b| {
            b.waits_for.iter().chain(&b.handoffs).filter_map(|id| tasks.get(id.as_str())).copied().collect()
        }))
        .collect();
    let mut depth = vec![0_u32; before.len()];
    let (mut missing, mut after) = (vec![0; before.len()], vec![Vec::new(); before.len()]);
    for (node, all) in before.iter().enumerate() {
        missing[node] = all.len();
        all.iter().for_each(|b| after[*b].push(node));
    }
    let mut ready: Vec<usize> = (0..before.len()).filter(|n| missing[*n] == 0).collect();
    while let Some(node) = ready.pop() {
        for next in std::mem::take(&mut after[node]) {
            depth[next] = depth[next].max(depth[node] + 1);
            missing[next] -= 1;
            if missing[next] == 0 {
                ready.push(next);
            }
        }
    }
    depth.truncate(plan.tasks.len());
    depth
}

fn at(column: usize, mark: char) -> String {
    format!("{}{mark}", " ".repeat(column))
}

fn len(text: &str) -> usize {
    text.chars().count()
}

fn clipped(text: &str, width: usize) -> String {
    if len(text) <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(3)).collect();
    format!("{}...", kept.trim_end())
}

fn padded(text: &str, width: usize) -> String {
    let text = clipped(&text.replace(['\n', '\r', '\t'], " "), width);
    format!("{text}{}", " ".repeat(width.saturating_sub(len(&text))))
}

/// At most three lines, broken at spaces, the later ones indented; the rest is cut.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let text = text.replace(['\n', '\r', '\t'], " ");
    let mut lines: Vec<String> = Vec::new();
    let mut rest = text.as_str();
    while lines.len() < 2 && len(rest) > width.saturating_sub(4) {
        let indent = if lines.is_empty() { "" } else { "    " };
        let room = width - indent.len();
        if len(rest) <= room {
            break;
        }
        let cut = rest.char_indices().nth(room).map_or(rest.len(), |(at, _)| at);
        let start = rest.len() - rest.trim_start().len();
        let Some(space) = rest[..cut].rfind(' ').filter(|space| *space > start) else { break };
        lines.push(format!("{indent}{}", &rest[..space]));
        rest = rest[space..].trim_start();
    }
    let indent = if lines.is_empty() { "" } else { "    " };
    lines.push(format!("{indent}{rest}"));
    lines
}

fn centered(text: &str, width: usize) -> String {
    let text = clipped(text, width);
    let left = width.saturating_sub(len(&text)) / 2;
    padded(&format!("{}{text}", " ".repeat(left)), width)
}

/// A box; a line of `─` alone becomes a rule.
fn boxed(lines: &[String], width: usize) -> Vec<String> {
    framed(lines, width, ['┌', '─', '┐', '│', '└', '┘'])
}

fn doubled(lines: &[String], width: usize) -> Vec<String> {
    framed(lines, width, ['╔', '═', '╗', '║', '╚', '╝'])
}

fn framed(lines: &[String], width: usize, marks: [char; 6]) -> Vec<String> {
    let [top_left, across, top_right, side, bottom_left, bottom_right] = marks;
    let rule: String = std::iter::repeat_n(across, width.saturating_sub(2)).collect();
    let mut out = vec![format!("{top_left}{rule}{top_right}")];
    let inner = width.saturating_sub(4);
    for line in lines {
        match line.as_str() {
            "─" | "═" => out.push(format!("{side} {} {side}", "─".repeat(inner))),
            text => {
                out.extend(wrapped(text, inner).iter().map(|l| format!("{side} {} {side}", padded(l, inner))))
            }
        }
    }
    out.push(format!("{bottom_left}{rule}{bottom_right}"));
    out
}
