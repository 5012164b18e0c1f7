//! When everybody worked, as a chart for a terminal: a row for each task, time from left to right.

use super::attempts::{AttemptLine, Attempts};
use super::text::cut;
use crate::time::{Timestamp, duration_text};

/// Longest name of a task in the chart, in columns.
const NAME_WIDTH: usize = 34;

/// The chart. Lines of at most `width` columns.
pub fn chart(attempts: &Attempts, now: Timestamp, width: usize, unicode: bool) -> String {
    let lines = &attempts.lines;
    let Some(from) = lines.iter().map(|line| line.began).min() else {
        return "Nobody has worked yet.\n".into();
    };
    let until = lines.iter().map(|line| line.ended.unwrap_or(now)).max().unwrap_or(now);
    let chain = longest_chain(lines, now);
    let mut tasks: Vec<&str> = Vec::new();
    for line in lines {
        if !tasks.contains(&line.task.as_str()) {
            tasks.push(&line.task);
        }
    }
    let name = tasks.iter().map(|task| task.chars().count()).max().unwrap_or(0).min(NAME_WIDTH);
    let columns = width.saturating_sub(name + 4).clamp(20, 200);
    let scale = Scale { from, span: until.since_ms(from).max(1), columns };
    let signs = if unicode { ['█', '▓', '▒', '░', '×'] } else { ['C', 'S', 'R', 'J', 'x'] };
    let mut text = format!("{:name$}    0{:>wide$}\n", "", duration_text(scale.span), wide = columns - 1);
    for task in &tasks {
        let own: Vec<&AttemptLine> = lines.iter().filter(|line| line.task == **task).collect();
        let on_chain = chain.iter().any(|line| line.task == **task);
        let mark = if on_chain { '*' } else { ' ' };
        text += &format!("{:name$} {mark}  {}\n", cut(task, name), row(&own, &scale, now, &signs).trim_end());
    }
    let [create, own, critic, judge, failed] = signs;
    text += &format!(
        "\n{create} creates  {own} reviews itself  {critic} critic  {judge} judge  {failed} in vain  * on the longest chain\n"
    );
    text += &told(&chain, now, scale.span);
    text
}

struct Scale {
    from: Timestamp,
    span: u64,
    columns: usize,
}

impl Scale {
    fn column(&self, at: Timestamp) -> usize {
        let passed = u128::from(at.since_ms(self.from)) * self.columns as u128 / u128::from(self.span);
        usize::try_from(passed).unwrap_or(self.columns).min(self.columns - 1)
    }
}

fn row(own: &[&AttemptLine], scale: &Scale, now: Timestamp, signs: &[char; 5]) -> String {
    let mut cells = vec![' '; scale.columns];
    for line in own {
        let sign = match (line.end, line.role) {
            ("failed" | "stopped" | "lost", _) => signs[4],
            (_, "creator") => signs[0],
            (_, "self-review") => signs[1],
            (_, "critic") => signs[2],
            _ => signs[3],
        };
        let (first, last) = (scale.column(line.began), scale.column(line.ended.unwrap_or(now)));
        cells[first..=last.max(first)].fill(sign);
    }
    cells.into_iter().collect()
}

/// From the attempt that ended last back to the beginning: before each the one that ended last before it began.
/// Whoever shortens none of these does not shorten the run.
fn longest_chain(lines: &[AttemptLine], now: Timestamp) -> Vec<&AttemptLine> {
    let end = |line: &AttemptLine| line.ended.unwrap_or(now);
    let mut chain: Vec<&AttemptLine> = Vec::new();
    let mut next = lines.iter().max_by_key(|line| end(line));
    while let Some(line) = next {
        chain.push(line);
        let before = lines.iter().filter(|other| end(other) <= line.began && other.attempt != line.attempt);
        // Of those that ended together the one of the same task comes first; time must go back.
        next = before
            .filter(|other| other.began < line.began || end(other) < end(line))
            .max_by_key(|other| (end(other), other.task == line.task, other.began));
        if chain.len() > lines.len() {
            break;
        }
    }
    chain.reverse();
    chain
}

/// The chain by tasks: how long each kept the run.
fn told(chain: &[&AttemptLine], now: Timestamp, span: u64) -> String {
    let mut parts: Vec<(&str, u64)> = Vec::new();
    for line in chain {
        let took = line.ended.unwrap_or(now).since_ms(line.began);
        match parts.last_mut().filter(|(task, _)| *task == line.task) {
            Some((_, sum)) => *sum = sum.saturating_add(took),
            None => parts.push((&line.task, took)),
        }
    }
    let worked: u64 = parts.iter().map(|(_, took)| *took).sum();
    let mut text = "\nlongest chain\n".to_owned();
    for (task, took) in &parts {
        let share = took.saturating_mul(100) / span.max(1);
        text += &format!("  {:>9}  {share:>3} %  {}\n", duration_text(*took), super::clean(task));
    }
    let idle = span.saturating_sub(worked);
    text += &format!(
        "  {:>9}  {:>3} %  between them: people, rests, the engine\n",
        duration_text(idle),
        idle.saturating_mul(100) / span.max(1)
    );
    text
}
