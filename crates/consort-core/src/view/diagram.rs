//! The picture of a workflow: a box per phase, pipelines side by side, barriers as double boxes
//! across those that meet there, the convergent pipeline below.

use super::WIDTH_MAX;
use super::canvas::{Canvas, DOUBLE, SINGLE};
use super::text::{boxed, clean, cut, first_sentence, width, wrap};
use super::words::{self, Word};
use crate::plan::{Barrier, Input, Phase, Pipeline, Plan, Task, TaskKind};
use crate::run::{Graph, State};
use std::sync::Arc;

/// Space between two columns.
const GAP: usize = 6;
/// A column is not narrower than this; if it had to be, boxes are stacked.
const NARROW: usize = 26;
/// Nor is it wider than this.
const BROAD: usize = 44;
/// Tasks of one phase that are shown one by one.
const TASKS_MAX: usize = 6;

/// Draws the workflow with the statuses of this state; without one, as it is before the start.
/// At most [`WIDTH_MAX`] columns wide; ends with a line break.
pub fn diagram(plan: &Plan, state: Option<&State>) -> String {
    match state {
        Some(state) => Drawing::new(plan, state).draw(),
        None => {
            let fresh = State::new(Arc::new(Graph::new(plan.clone())));
            Drawing::new(plan, &fresh).draw()
        }
    }
}

struct Drawing<'a> {
    plan: &'a Plan,
    state: &'a State,
    canvas: Canvas,
    /// Next free row.
    y: usize,
    /// Pipelines drawn as columns, in file order.
    columns: Vec<&'a Pipeline>,
    /// Width of a column's boxes.
    box_width: usize,
    /// One under another instead of side by side.
    stacked: bool,
    /// By column: phases drawn so far.
    drawn: Vec<usize>,
    /// By barrier.
    passed: Vec<bool>,
}

impl<'a> Drawing<'a> {
    fn new(plan: &'a Plan, state: &'a State) -> Self {
        let columns: Vec<&Pipeline> = plan.pipelines.iter().filter(|p| !p.convergent).collect();
        let n = columns.len().max(1);
        let room = (WIDTH_MAX - GAP * (n - 1).min(WIDTH_MAX / GAP)) / n;
        let stacked = room < NARROW;
        Drawing {
            plan,
            state,
            canvas: Canvas::new(),
            y: 0,
            drawn: vec![0; columns.len()],
            passed: vec![false; plan.barriers.len()],
            box_width: if stacked || n == 1 { 76 } else { room.min(BROAD) },
            columns,
            stacked,
        }
    }

    fn draw(mut self) -> String {
        self.heads();
        loop {
            let phases = self.ready_phases();
            let barriers: Vec<usize> = if phases.is_empty() { self.ready_barriers() } else { Vec::new() };
            match (phases.is_empty(), barriers.first()) {
                (false, _) => self.phases(&phases),
                (true, Some(b)) => self.barrier(*b),
                (true, None) => break,
            }
        }
        self.convergent();
        self.loose();
        self.canvas.into_text()
    }

    fn x(&self, column: usize) -> usize {
        if self.stacked { 0 } else { column * (self.box_width + GAP) }
    }

    fn middle(&self, column: usize) -> usize {
        self.x(column) + self.box_width / 2
    }

    fn full_width(&self) -> usize {
        if self.stacked {
            self.box_width
        } else {
            self.x(self.columns.len().saturating_sub(1)) + self.box_width
        }
    }

    /// Names of pipelines above their columns.
    fn heads(&mut self) {
        if self.stacked || self.columns.is_empty() {
            return;
        }
        let heads: Vec<Vec<String>> = self.columns.iter().map(|p| head(p, self.box_width)).collect();
        let rows = heads.iter().map(Vec::len).max().unwrap_or(0);
        for (column, lines) in heads.iter().enumerate() {
            let x = self.x(column);
            let top = rows - lines.len();
            for (row, line) in lines.iter().enumerate() {
                self.canvas.put(x, top + row, line);
            }
        }
        self.y = rows + 1;
    }

    /// Columns whose next phase has all its barriers above it.
    fn ready_phases(&self) -> Vec<usize> {
        let ready = |column: &usize| {
            let pipeline = self.columns[*column];
            let next = self.drawn[*column];
            let before = pipeline.phases[..next.min(pipeline.phases.len())].last();
            next < pipeline.phases.len()
                && before.is_none_or(|phase| {
                    let ends_here = |b: &Barrier| b.after.contains(&(pipeline.id.clone(), phase.number));
                    self.plan.barriers.iter().zip(&self.passed).all(|(b, passed)| *passed || !ends_here(b))
                })
        };
        (0..self.columns.len()).filter(ready).collect()
    }

    /// Barriers whose phases are all drawn. If none is and some are left, the first of them:
    /// every barrier is in the picture.
    fn ready_barriers(&self) -> Vec<usize> {
        let left = (0..self.plan.barriers.len()).filter(|b| !self.passed[*b]);
        let is_drawn = |(id, number): &(crate::ids::PipelineId, u32)| {
            self.columns.iter().zip(&self.drawn).any(|(p, drawn)| {
                p.id == *id && p.phases.iter().take(*drawn).any(|phase| phase.number == *number)
            })
        };
        let (now, later): (Vec<usize>, Vec<usize>) =
            left.partition(|b| self.plan.barriers[*b].after.iter().all(is_drawn));
        if now.is_empty() { later } else { now }
    }

    /// One row of phases, all boxes of the same height.
    fn phases(&mut self, ready: &[usize]) {
        let boxes: Vec<(usize, Vec<String>)> = ready
            .iter()
            .map(|column| {
                let pipeline = self.columns[*column];
                let phase = &pipeline.phases[self.drawn[*column]];
                (*column, self.phase_lines(pipeline, phase, self.box_width - 4))
            })
            .collect();
        let rows = boxes.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
        let top = self.y;
        for (column, mut lines) in boxes {
            if !self.stacked {
                let status = lines.len() - 1;
                (lines.len()..rows).for_each(|_| lines.insert(status, String::new()));
            }
            self.canvas.frame(self.x(column), self.y, self.box_width, SINGLE, &lines);
            self.drawn[column] += 1;
            if self.stacked {
                self.y += lines.len() + 2;
            }
        }
        if self.stacked {
            return;
        }
        self.y = top + rows + 3;
        for column in 0..self.columns.len() {
            let from = if ready.contains(&column) { top + rows + 2 } else { top };
            if self.goes_on(column) {
                self.line(column, from, self.y);
            }
        }
    }

    /// Whether something follows below in this column: a phase, a barrier, the convergent pipeline.
    fn goes_on(&self, column: usize) -> bool {
        let pipeline = self.columns[column];
        let barrier =
            |(b, passed): (&Barrier, &bool)| !passed && b.after.iter().any(|(p, _)| *p == pipeline.id);
        self.drawn[column] < pipeline.phases.len()
            || self.plan.barriers.iter().zip(&self.passed).any(barrier)
            || self.plan.pipelines.iter().any(|p| p.convergent)
    }

    fn line(&mut self, column: usize, from: usize, to: usize) {
        let x = self.middle(column);
        (from..to).for_each(|y| self.canvas.put(x, y, "│"));
    }

    /// A barrier across the columns that meet at it.
    fn barrier(&mut self, b: usize) {
        self.passed[b] = true;
        let barrier = &self.plan.barriers[b];
        let meets: Vec<usize> = (0..self.columns.len())
            .filter(|c| barrier.after.iter().any(|(p, _)| *p == self.columns[*c].id))
            .collect();
        let (first, last) = match (meets.first(), meets.last()) {
            (Some(first), Some(last)) if !self.stacked => (*first, *last),
            _ => (0, self.columns.len().saturating_sub(1)),
        };
        let x = self.x(first);
        let columns = if self.stacked { self.full_width() } else { self.x(last) + self.box_width - x };
        let lines = self.barrier_lines(b, columns - 4);
        let top = self.y;
        if !self.stacked {
            meets.iter().for_each(|c| self.canvas.put(self.middle(*c), top, "▼"));
        }
        let frame_at = if self.stacked { top } else { top + 1 };
        self.canvas.frame(x, frame_at, columns, DOUBLE, &lines);
        let bottom = frame_at + lines.len() + 2;
        self.y = bottom;
        if self.stacked {
            return;
        }
        for column in 0..self.columns.len() {
            let inside = (first..=last).contains(&column);
            if self.goes_on(column) {
                self.line(column, if inside { bottom } else { top }, bottom + 1);
            }
        }
        self.y = bottom + 1;
        let all_drawn = self.drawn.iter().zip(&self.columns).all(|(d, p)| *d == p.phases.len());
        if !all_drawn {
            let arrows: Vec<usize> =
                meets.iter().copied().filter(|c| self.drawn[*c] < self.columns[*c].phases.len()).collect();
            arrows.iter().for_each(|c| self.canvas.put(self.middle(*c), bottom, "▼"));
        }
    }

    /// The pipelines that join the others, below the middle.
    fn convergent(&mut self) {
        let plan = self.plan;
        for pipeline in plan.pipelines.iter().filter(|p| p.convergent) {
            let columns = self.box_width.clamp(40, 76);
            let full = self.full_width().max(columns);
            let x = if self.columns.is_empty() || self.stacked { 0 } else { (full - columns) / 2 };
            if !self.stacked && !self.columns.is_empty() {
                self.join(x + columns / 2);
            }
            if !self.stacked {
                let title = format!("PIPELINE {} ({})", clean(pipeline.id.as_str()), clean(&pipeline.alias));
                self.canvas.put(x, self.y, &cut(&title, columns));
                self.y += 1;
            }
            for (rank, phase) in pipeline.phases.iter().enumerate() {
                if rank > 0 && !self.stacked {
                    self.canvas.put(x + columns / 2, self.y, "▼");
                    self.y += 1;
                }
                let lines = self.phase_lines(pipeline, phase, columns - 4);
                self.canvas.frame(x, self.y, columns, SINGLE, &lines);
                self.y += lines.len() + 2;
            }
        }
    }

    /// Lines from all columns to one point.
    fn join(&mut self, to: usize) {
        let mut points: Vec<usize> = (0..self.columns.len()).map(|c| self.middle(c)).collect();
        if points == [to] {
            self.canvas.put(to, self.y, "▼");
            self.y += 1;
            return;
        }
        let (from, until) = (points[0].min(to), points[points.len() - 1].max(to));
        points.retain(|p| *p != from && *p != until && *p != to);
        (from..=until).for_each(|x| self.canvas.put(x, self.y, "─"));
        self.canvas.put(from, self.y, "└");
        self.canvas.put(until, self.y, "┘");
        points.iter().for_each(|p| self.canvas.put(*p, self.y, "┴"));
        let crossing = if (0..self.columns.len()).any(|c| self.middle(c) == to) { "┼" } else { "┬" };
        self.canvas.put(to, self.y, crossing);
        self.canvas.put(to, self.y + 1, "▼");
        self.y += 2;
    }

    /// Tasks without a pipeline, as a list.
    fn loose(&mut self) {
        let plan = self.plan;
        let loose: Vec<&Task> = plan.agents().filter(|t| t.place.is_none()).collect();
        if loose.is_empty() {
            return;
        }
        if self.y > 0 {
            self.y += 1;
        }
        let columns = 76;
        let mut lines = vec!["TASKS WITHOUT PIPELINE".to_owned(), "─".repeat(columns - 4)];
        for task in loose.iter().take(40) {
            let needs: Vec<&str> = task.needs.iter().map(crate::ids::TaskId::as_str).collect();
            let after = if needs.is_empty() { String::new() } else { format!(" after {}", needs.join(", ")) };
            let grows = match &task.kind {
                TaskKind::Each(growth) => format!(", up to {}", growth.max),
                _ => String::new(),
            };
            let perhaps =
                task.when.as_ref().map(|when| format!(" if {}", clean(&when.expr))).unwrap_or_default();
            let text =
                format!("{} ({}{grows}){after}{perhaps}: {}", task.id, clean(&task.role), self.word(task));
            lines.extend(boxed(&text, columns - 4, 3));
        }
        if loose.len() > 40 {
            lines.push(format!("and {} more", loose.len() - 40));
        }
        self.canvas.frame(0, self.y, columns, SINGLE, &lines);
        self.y += lines.len() + 2;
    }

    fn word(&self, task: &Task) -> Word {
        self.state.graph.ix(&task.id).map_or(Word::Pending, |ix| words::task(self.state, ix))
    }

    /// What stands in the box of a phase.
    fn phase_lines(&self, pipeline: &Pipeline, phase: &Phase, columns: usize) -> Vec<String> {
        let alias = if self.stacked { format!("{} ", clean(&pipeline.alias)) } else { String::new() };
        let mut lines = boxed(&format!("{alias}PHASE {}: {}", phase.number, clean(&phase.name)), columns, 2);
        lines.push("─".repeat(columns));
        let tasks: Vec<&Task> = phase.tasks.iter().filter_map(|id| self.plan.task(id)).collect();
        for task in tasks.iter().take(TASKS_MAX) {
            lines.extend(self.task_lines(task, columns, tasks.len() > 1));
        }
        if tasks.len() > TASKS_MAX {
            lines.push(cut(&format!("and {} more tasks", tasks.len() - TASKS_MAX), columns));
        }
        if phase.criticality > self.plan.workflow.criticality {
            let why = phase.criticality_rationale.as_deref().map(clean).filter(|w| width(w) + 20 <= columns);
            let why = why.map(|w| format!(" ({w})")).unwrap_or_default();
            lines.extend(boxed(&format!("CRITICALITY: {}{why}", phase.criticality), columns, 2));
        }
        let word = Word::of(tasks.iter().map(|t| self.word(t)), Word::Complete);
        lines.push(format!("STATUS: {word}"));
        lines
    }

    fn task_lines(&self, task: &Task, columns: usize, several: bool) -> Vec<String> {
        let mut lines = boxed(task.id.as_str(), columns, 2);
        lines.push(cut(&format!("({})", clean(&task.role)), columns));
        lines.extend(boxed(&first_sentence(&task.text), columns, 2));
        for input in &task.inputs {
            if let Input::Handoff { task: from } = input
                && let Some(TaskKind::Handoff(h)) = self.plan.task(from).map(|t| &t.kind)
            {
                lines.extend(boxed(&format!("INPUT: {} {}-->{}", h.barrier, h.from, h.to), columns, 2));
            }
        }
        if several {
            lines.push(format!("{}", self.word(task)));
        }
        lines
    }

    /// What stands in the box of a barrier: who meets, what crosses in each direction, the gate.
    fn barrier_lines(&self, b: usize, columns: usize) -> Vec<String> {
        let barrier = &self.plan.barriers[b];
        let mut lines = Vec::new();
        let id = clean(barrier.id.as_str());
        let title = match id.strip_prefix("barrier-") {
            Some(number) => format!("SYNC BARRIER {number}"),
            None => format!("SYNC BARRIER {id}"),
        };
        let title = cut(&title, columns);
        lines.push(format!("{}{title}", " ".repeat((columns - width(&title)) / 2)));
        if barrier.after.len() < self.columns.len() || self.stacked {
            let meets: Vec<String> = barrier.after.iter().map(|(p, n)| format!("{p} phase {n}")).collect();
            lines.extend(boxed(&format!("meets after {}", meets.join(", ")), columns, 3));
        }
        let inner = columns - 4;
        let mut rows: Vec<String> = Vec::new();
        for id in &barrier.handoffs {
            let Some(TaskKind::Handoff(handoff)) = self.plan.task(id).map(|t| &t.kind) else { continue };
            let label = format!("{}-->{}: ", handoff.from, handoff.to);
            let content = handoff.key_content.iter().map(|k| clean(k)).collect::<Vec<_>>().join("; ");
            let indent = width(&label).min(inner / 2);
            for (n, line) in boxed(&content, inner - indent, 4).iter().enumerate() {
                let lead = if n == 0 { cut(&label, indent) } else { String::new() };
                rows.push(format!("{lead}{}{line}", " ".repeat(indent - width(&lead))));
            }
        }
        if !rows.is_empty() {
            lines.push(format!("┌{}┐", "─".repeat(columns - 2)));
            lines.extend(rows.iter().map(|r| format!("│ {r}{} │", " ".repeat(inner - width(r)))));
            lines.push(format!("└{}┘", "─".repeat(columns - 2)));
        }
        let gate = format!("QUALITY GATE: >= {} weighted composite (S-014)", barrier.threshold);
        lines.extend(wrap(&gate, columns));
        lines.push(format!("STATUS: {}", words::barrier(self.state, b)));
        lines
    }
}

/// The name of a pipeline above its column.
fn head(pipeline: &Pipeline, columns: usize) -> Vec<String> {
    let mut lines = boxed(&format!("PIPELINE {} ({})", pipeline.id, clean(&pipeline.alias)), columns, 2);
    lines.extend(boxed(&clean(&pipeline.name), columns, 2));
    lines.push("=".repeat(columns));
    lines
}
