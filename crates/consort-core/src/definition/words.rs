//! Scalars of the file: words out of a few.

use super::decode::listed;
use super::diagnostic::closest;
use super::values::{Fault, ScalarValue};
use crate::plan::{CheckpointFrequency, Criticality, PromptBy, Reads, Then, WorkspaceKind};
use crate::quality::Group;
use schemars::{Schema, SchemaGenerator, json_schema};

/// A word out of a few.
pub(super) fn word<T: Copy>(text: &str, what: &str, words: &[(&str, T)]) -> Result<T, Fault> {
    if let Some((_, value)) = words.iter().find(|(w, _)| *w == text) {
        return Ok(*value);
    }
    let known: Vec<&str> = words.iter().map(|(w, _)| *w).collect();
    let fault = Fault::new("unknown-word", format!("`{text}` is not {what}"), "");
    Err(match closest(text, known.iter().copied()) {
        Some(meant) => Fault { label: format!("did you mean `{meant}`?"), ..fault },
        None => Fault { label: format!("one of {}", listed(&known)), ..fault },
    })
}

macro_rules! words {
    ($type:ty, $what:literal, stand_in $stand_in:expr, [ $( $word:literal => $value:expr, $about:literal; )* ]) => {
        impl ScalarValue for $type {
            const WHAT: &'static str = $what;
            fn parse(text: &str, _: &str) -> Result<Self, Fault> {
                word(text, $what, &[$( ($word, $value) ),*])
            }
            fn stand_in() -> Self {
                $stand_in
            }
            fn schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "oneOf": [$( { "const": $word, "description": $about } ),*] })
            }
        }
    };
}

pub(super) use words;

words!(Criticality, "a criticality (`C1` to `C4`)", stand_in Criticality::C2, [
    "C1" => Criticality::C1, "Routine: reversible in one session.";
    "C2" => Criticality::C2, "Standard: reversible within a day. The default.";
    "C3" => Criticality::C3, "Significant: more than a day, or an interface.";
    "C4" => Criticality::C4, "Critical: irreversible, governance, public.";
]);

words!(Group, "a group of strategies (`A` to `F`)", stand_in Group::D, [
    "A" => Group::A, "The creator's own review, before anyone else sees the work.";
    "B" => Group::B, "The strongest form of the argument, before it is attacked.";
    "C" => Group::C, "Role-based attacks.";
    "D" => Group::D, "Checks against rules and sources. The default.";
    "E" => Group::E, "Structured decomposition.";
    "F" => Group::F, "Scoring.";
]);

words!(Reads, "a thing to read (`candidate`, `inputs` or `open_findings`)", stand_in Reads::Candidate, [
    "candidate" => Reads::Candidate, "The candidate.";
    "inputs" => Reads::Inputs, "The declared inputs, handoffs among them.";
    "open_findings" => Reads::OpenFindings, "Findings that are open, with what the creator says became of them.";
]);

words!(PromptBy, "a way to hand over the prompt (`stdin` or `file`)", stand_in PromptBy::Stdin, [
    "stdin" => PromptBy::Stdin, "On standard input, which is then closed. The default.";
    "file" => PromptBy::File, "In the file that CONSORT_PROMPT names; standard input is empty.";
]);

words!(Then, "a word for what follows (`ask` or `stop`)", stand_in Then::Ask, [
    "ask" => Then::Ask, "A person decides whether it is raised. The default.";
    "stop" => Then::Stop, "Nothing more of it starts, and nobody is asked.";
]);

words!(WorkspaceKind, "a kind of workspace (`clone`, `worktree` or `none`)", stand_in WorkspaceKind::Clone, [
    "clone" => WorkspaceKind::Clone, "A private clone that borrows the repository's objects. The default.";
    "worktree" => WorkspaceKind::Worktree, "A linked worktree: cheaper, a weaker wall.";
    "none" => WorkspaceKind::None, "One scratch directory per run, without git.";
]);

words!(CheckpointFrequency, "a checkpoint frequency (`AGENT`, `PHASE` or `BARRIER`)", stand_in CheckpointFrequency::Phase, [
    "AGENT" => CheckpointFrequency::Agent, "After every accepted task, and wherever PHASE makes one.";
    "PHASE" => CheckpointFrequency::Phase, "After every stage of phases and every barrier. The default.";
    "BARRIER" => CheckpointFrequency::Barrier, "After every barrier.";
]);

/// Which strategies run at a barrier that declares fewer than its level asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BarrierSets {
    /// As declared.
    Declared,
    /// Those of the level too.
    Level,
}

words!(BarrierSets, "`declared` or `level`", stand_in BarrierSets::Declared, [
    "declared" => BarrierSets::Declared, "As the barrier declares; the others are shown as left out. The default.";
    "level" => BarrierSets::Level, "Those that the level asks for run too.";
]);

/// What a task makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Produces {
    /// Files at declared paths.
    Document,
    /// A diff within declared globs.
    Change,
    /// Files for the content store.
    Data,
    /// A list of tasks, in the content store.
    Tasks,
}

words!(Produces, "a kind of output (`document`, `change`, `data` or `tasks`)", stand_in Produces::Document, [
    "document" => Produces::Document, "Files at declared paths; nothing else is committed. The default.";
    "change" => Produces::Change, "Whatever it changes within its `writes` globs. The default where `writes` is given.";
    "data" => Produces::Data, "Files that go to the content store, never into git.";
    "tasks" => Produces::Tasks, "A list of tasks as JSON (`consort schema tasks`), from which `for_each: {artifact: ...}` makes tasks.";
]);

/// L, M or H.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Degree(pub &'static str);

words!(Degree, "a degree (`L`, `M` or `H`)", stand_in Degree("L"), [
    "L" => Degree("L"), "Low.";
    "M" => Degree("M"), "Medium.";
    "H" => Degree("H"), "High.";
]);

/// `complete`, the only thing that phases and barriers can be in a criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Complete;

words!(Complete, "`complete`", stand_in Complete, [ "complete" => Complete, "All of them."; ]);

/// The only word for a gate: `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoGate;

words!(NoGate, "a gate: `none`, or a mapping", stand_in NoGate, [ "none" => NoGate, "No self-review, no critics, no judge."; ]);

/// What a part takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputType {
    /// Any text.
    Text,
    /// A number.
    Number,
    /// A truth value.
    Bool,
    /// A path of the repository.
    File,
    /// What a task of the using workflow made.
    Artifact,
}

words!(InputType, "a type (`text`, `number`, `bool`, `file` or `artifact`)", stand_in InputType::Text, [
    "text" => InputType::Text, "Any text. The default.";
    "number" => InputType::Number, "A number.";
    "bool" => InputType::Bool, "true or false.";
    "file" => InputType::File, "A path of the repository.";
    "artifact" => InputType::Artifact, "What a task of the using workflow makes, by its name.";
]);
