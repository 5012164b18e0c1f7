//! Criteria that an expression decides: about the data that a candidate is, or the front matter of a
//! document.

use super::{Problem, lint, problem};
use consort_core::definition::expr;
use consort_core::plan::Task;
use serde_json::Value;

/// Positions of the criteria that hold, and a problem for each that does not. What is neither true nor
/// false does not hold.
pub fn check(task: &Task, files: &[(String, Vec<u8>)], round: u32) -> (Vec<u32>, Vec<Problem>) {
    let (mut passed, mut found) = (Vec::new(), Vec::new());
    let asked = (0u32..).zip(&task.criteria).filter_map(|(at, c)| Some((at, c, c.holds.as_deref()?)));
    let mut context = None;
    for (at, criterion, holds) in asked {
        let context = context.get_or_insert_with(|| expr::of_candidate(&data(task, files), round));
        match expr::holds(holds, context) {
            Ok(true) => passed.push(at),
            Ok(false) => {
                let text = format!("`{}`: `{holds}` is not true in round {round}", criterion.name);
                found.push(problem("criterion", text));
            }
            Err(why) => found.push(problem("criterion", format!("`{}`: {why}", criterion.name))),
        }
    }
    (passed, found)
}

/// The first declared file as data; nothing where it has none.
fn data(task: &Task, files: &[(String, Vec<u8>)]) -> Value {
    let first = task.output.paths().first();
    let Some((path, bytes)) = files.iter().find(|(path, _)| Some(path) == first) else { return Value::Null };
    let Ok(text) = std::str::from_utf8(bytes) else { return Value::Null };
    lint::data_of(path, text).unwrap_or(Value::Null)
}
