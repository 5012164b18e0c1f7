//! Whose answers count, as a plan says it.

use crate::plan::Plan;

/// One line for each list of names: what it is about, and the names. Empty: anyone may answer
/// anything.
pub fn who_counts(plan: &Plan) -> Vec<(String, String)> {
    let people = &plan.people;
    let whole = [
        ("where nothing else is said", &people.by),
        ("acceptance against a verdict", &people.overrides),
        ("bringing the result to a branch", &people.integration),
    ];
    let whole = whole.into_iter().map(|(what, names)| (what.to_owned(), names));
    let tasks = plan.tasks.iter().map(|t| (t.id.to_string(), t.approval.as_ref()));
    let barriers = plan.barriers.iter().map(|b| (b.id.to_string(), b.approval.as_ref()));
    let own = tasks.chain(barriers).filter_map(|(id, approval)| Some((id, &approval?.by)));
    let named = whole.chain(own).filter(|(_, names)| !names.is_empty());
    named.map(|(what, names)| (what, super::clean(&names.join(" or ")))).collect()
}
