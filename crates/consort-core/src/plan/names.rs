//! What texts of the workflow give away: ids of tasks, the gate's numbers.

use super::{Criterion, Plan, Task};
use crate::ids::TaskId;
use crate::quality::Score;

/// Texts of the workflow that name tasks. A phase's criteria may be about another task of the
/// phase; and a reviewer learns no task's id.
pub struct Names<'a> {
    /// Whose texts these are.
    pub plan: &'a Plan,
    /// The task that is spoken of.
    pub task: &'a Task,
    /// Whether its creator is told; reviewers learn less.
    pub creator: bool,
}

impl Names<'_> {
    /// Criteria about this task, or about no task in particular.
    pub fn criteria(&self) -> Vec<Criterion> {
        let shown = self.task.criteria.iter().filter(|c| self.shows(c));
        shown
            .map(|c| Criterion {
                name: self.hide(&c.name),
                validation: self.hide(&c.validation),
                check: c.check.clone().filter(|_| self.creator),
                holds: c.holds.clone().filter(|_| self.creator),
            })
            .collect()
    }

    /// True if agents judge this criterion for this task. What names the gate's numbers is the
    /// engine's to see, what names another task is that task's, and what a command shows needs no opinion.
    pub fn shows(&self, criterion: &Criterion) -> bool {
        if criterion.is_measured() && !self.creator {
            return false;
        }
        let about =
            |text: &str, task: &Task| is_name(&task.id) && find_word(text, task.id.as_str()).is_some();
        let of = &criterion.validation;
        !self.tells_the_gate(&[&criterion.name, of])
            && (about(of, self.task) || !self.plan.tasks.iter().any(|t| about(of, t)))
    }

    /// True if a text names the threshold or the floor. Whether the gate is passed is the engine's
    /// to see, and a judge that knew the number would aim at it.
    pub fn tells_the_gate(&self, texts: &[&str]) -> bool {
        let gate = [self.task.threshold, self.task.floor];
        texts.iter().any(|text| tells(text, gate))
    }

    /// For reviewers: the text with task ids replaced.
    pub fn hide(&self, text: &str) -> String {
        if self.creator {
            return text.to_owned();
        }
        self.plan.tasks.iter().filter(|t| is_name(&t.id)).fold(text.to_owned(), |text, task| {
            let stand_in = if task.id == self.task.id { "the candidate's" } else { "another task's" };
            replace_word(&text, task.id.as_str(), stand_in)
        })
    }
}

/// True if one of the scores stands in a text, as a decimal or in per cent.
fn tells(text: &str, gate: [Score; 2]) -> bool {
    let number = |word: &str| {
        let word = word.trim_matches('.');
        let padded = if word.contains('.') { word.to_owned() } else { format!("0.{word}") };
        Score::parse(&padded).is_ok_and(|s| gate.contains(&s))
    };
    let mut decimals = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    let mut percents = text
        .match_indices('%')
        .filter_map(|(at, _)| text[..at].trim_end().rsplit(|c: char| !c.is_ascii_digit()).next());
    decimals.any(|w| w.contains('.') && number(w)) || percents.any(|w| !w.is_empty() && number(w))
}

/// An id that cannot be an ordinary word of the text, such as `agent-a-001`; `docs` might be one.
fn is_name(id: &TaskId) -> bool {
    id.as_str().contains(|c: char| c.is_ascii_digit() || c == '-' || c == '_')
}

fn replace_word(text: &str, word: &str, by: &str) -> String {
    let (mut done, mut rest) = (String::new(), text);
    while let Some(at) = find_word(rest, word) {
        done.push_str(&rest[..at]);
        done.push_str(by);
        rest = &rest[at + word.len()..];
    }
    done + rest
}

/// Where `word` stands in `text`, not as a part of a longer name.
fn find_word(text: &str, word: &str) -> Option<usize> {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
    text.match_indices(word)
        .find(|(at, _)| {
            !part(text[..*at].chars().next_back()) && !part(text[at + word.len()..].chars().next())
        })
        .map(|(at, _)| at)
}

/// Which of a task's criteria a judge is asked about, in the plan's order.
pub fn judged_criteria(plan: &Plan, task: &Task) -> Vec<bool> {
    let names = Names { plan, task, creator: false };
    task.criteria.iter().map(|criterion| names.shows(criterion)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_are_replaced_and_parts_of_longer_ones_are_not() {
        assert_eq!(replace_word("a-1 and a-10, (a-1)", "a-1", "X"), "X and a-10, (X)");
        assert_eq!(replace_word("xa-1 a-1", "a-1", "X"), "xa-1 X");
        assert_eq!(find_word("agent-a-001", "a-001"), None);
    }

    #[test]
    fn the_gates_numbers_are_known_in_any_dress() {
        let gate = [Score::parse("0.92").expect("score"), Score::parse("0.85").expect("score")];
        for told in [">= 0.92", "above .85", "0.920", "92%", "at least 92 %", "0.85.", "S-014 (0.92)"] {
            assert!(tells(told, gate), "{told}");
        }
        for not in ["92 files", "0.9", "1.92", "S-092", "9.2", "%", "within 8 of 10", "v0.92.1"] {
            assert!(!tells(not, gate), "{not}");
        }
    }
}
