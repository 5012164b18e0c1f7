//! The workflow file: YAML in, a checked and frozen [`Plan`] out, or diagnostics that say what,
//! where, why, and what to write instead.
//!
//! There are two steps. [`read`] knows the file alone: its syntax, its keys, the form of each
//! value. [`plan`] knows the whole: names, cycles, gates, paths, defaults. [`check`] does both
//! and reports what both find, so that one look shows every mistake. Nothing here reads a file
//! or a clock: text, date, the ids that are taken and the names of files are handed in.
//!
//! How the file is written is described by the doc comments of its types: [`schema`] turns them
//! into the JSON Schema that editors use.

mod alone;
mod base;
pub mod catalogue;
mod decode;
mod diagnostic;
pub mod escalation;
pub mod expr;
mod file;
mod file_agents;
mod file_gates;
mod file_grow;
mod file_work;
mod grow;
mod lower;
mod numbers;
pub mod offers;
pub mod overrides;
pub mod roles;
mod schema;
mod tree;
mod values;
mod words;

pub use alone::{Alone, AloneFault, Asked, alone, is_artifact_path};
pub use base::BaseFiles;
pub use diagnostic::{Diagnostic, Foreign, Label, Severity, Span, render};
pub use grow::{Given, Need};
pub use offers::Offer;
pub use schema::schema;
pub(crate) use schema::schema_of;
pub use tree::MAX_BYTES;

use crate::plan::Plan;
use decode::{Decode, Decoder};
use std::collections::BTreeMap;

/// Which id a run's workflow gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdChoice {
    /// The one in the file, or a generated one if the file has none.
    Declared,
    /// A generated one, whatever the file says.
    Auto,
    /// This one, whatever the file says: that of the workflow with whose results a run goes on.
    Of(String),
}

/// What lowering needs to know from outside the file.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// The date, `YYYYMMDD`.
    pub today: String,
    /// Values of variables, from `--var`.
    pub variables: BTreeMap<String, String>,
    /// Replaces all agents by players of the rehearsal.
    pub rehearse: bool,
    /// Where the workflow id comes from.
    pub id: IdChoice,
    /// Ids of the runs in the repository: generated ids avoid them.
    pub existing_ids: Vec<String>,
    /// What is in the repository at the commit that a run begins with.
    pub base_files: BaseFiles,
    /// Roles and templates of prompts.
    pub library: roles::Library,
    /// Contents of other files that the workflow asks for: see [`wanted`].
    pub given: Given,
    /// Runtimes of this build beside `command` and `rehearsal`, the preferred one first.
    pub offers: Vec<Offer>,
}

/// A workflow file that was read: the form of everything in it is right.
#[derive(Clone, Debug)]
pub struct Workflow {
    file: file::Workflow,
    name: String,
    text: String,
}

/// A plan, and remarks that did not stop it.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Ready to run.
    pub plan: Plan,
    /// Warnings only.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a file's text. `name` is its path: the title comes from there if the file gives none.
///
/// # Errors
/// One diagnostic for what is not YAML (or too large, too deep); otherwise every key and value
/// of the wrong form.
pub fn read(name: &str, text: &str) -> Result<Workflow, Vec<Diagnostic>> {
    let (file, mut found) = decode(text).map_err(|diagnostic| vec![diagnostic])?;
    if found.is_empty() {
        return Ok(Workflow { file, name: name.to_owned(), text: text.to_owned() });
    }
    diagnostic::sort(&mut found);
    Err(found)
}

/// Resolves names, fills in defaults, and checks the whole.
///
/// # Errors
/// Every mistake, warnings behind them.
pub fn plan(workflow: &Workflow, options: &PlanOptions) -> Result<Checked, Vec<Diagnostic>> {
    let (plan, mut found) = whole(workflow.file.clone(), &workflow.name, &workflow.text, options);
    diagnostic::sort(&mut found);
    match plan {
        Some(plan) => Ok(Checked { plan, warnings: found }),
        None => Err(found),
    }
}

/// [`read`] and [`plan`] in one: mistakes of both are reported together.
///
/// # Errors
/// Every mistake, warnings behind them.
pub fn check(name: &str, text: &str, options: &PlanOptions) -> Result<Checked, Vec<Diagnostic>> {
    let (file, mut found) = decode(text).map_err(|diagnostic| vec![diagnostic])?;
    let well_formed = found.is_empty();
    let (plan, more) = whole(file, name, text, options);
    found.extend(more);
    diagnostic::sort(&mut found);
    match plan.filter(|_| well_formed) {
        Some(plan) => Ok(Checked { plan, warnings: found }),
        None => Err(found),
    }
}

/// Lists and parts written out, then lowered.
fn whole(
    file: file::Workflow,
    name: &str,
    text: &str,
    options: &PlanOptions,
) -> (Option<Plan>, Vec<Diagnostic>) {
    let mut sources = grow::Sources::new(text);
    let (file, extra, mut found, _) = grow::grow(file, options, &mut sources);
    let grown = !found.iter().any(|d| d.severity == Severity::Error);
    let (plan, more) = lower::lower(&file, name, &sources.text, options, &extra);
    found.extend(more);
    sources.locate(&mut found);
    (plan.filter(|_| grown), found)
}

/// Contents of other files that a workflow asks for and that `options.given` does not know yet. What was
/// handed in may ask for more: ask again until nothing is wanted.
pub fn wanted(text: &str, options: &PlanOptions) -> Vec<Need> {
    let Ok((file, _)) = decode(text) else { return vec![] };
    let (_, _, _, wanted) = grow::grow(file, options, &mut grow::Sources::new(text));
    wanted.into_iter().collect()
}

/// The typed file, with stand-ins for what is broken, and what is broken.
fn decode(text: &str) -> Result<(file::Workflow, Vec<Diagnostic>), Diagnostic> {
    let tree = tree::parse(text)?;
    let mut decoder = Decoder::default();
    let file = file::Workflow::decode(&tree, &mut decoder).unwrap_or_else(file::Workflow::broken);
    Ok((file, decoder.diagnostics))
}
