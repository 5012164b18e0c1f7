//! Before lowering: lists that are known now become tasks, uses become the tasks of their parts, and
//! every reference to one of these means all of them. What comes out is a file as if all had been
//! written out by hand, with each task's place in the file that it stands in.

mod lists;
mod parts;
mod sources;

pub(super) use lists::{bound, delegates};
pub(super) use sources::Sources;
pub use sources::{Given, Need};

use super::PlanOptions;
use super::decode::{At, Map};
use super::diagnostic::{Diagnostic, Severity, Span, closest};
use super::file::Workflow;
use super::file_gates::Share;
use super::file_grow::Entry;
use super::file_work::Task;
use super::values::{Id, Made, Plain};
use crate::plan::Grown;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the texts of one task may name beside the variables of the workflow.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// By name, such as `item` or an input of the part.
    pub values: BTreeMap<String, String>,
    /// Only these, and no variable of the workflow: the task stands in a part.
    pub closed: bool,
    /// The item that the task is for.
    pub grown: Option<Grown>,
}

/// One entry that became many tasks.
#[derive(Clone, Debug)]
pub(super) struct Many {
    pub name: String,
    pub tasks: Vec<String>,
    pub side_by_side: u32,
    pub budget: Option<Share>,
}

/// What the typed file has no place for.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// By the id of a task.
    pub scopes: HashMap<String, Scope>,
    pub many: Vec<Many>,
    /// Variables that were used on the way.
    pub used: BTreeSet<String>,
}

/// What a name stands for that is no task itself.
#[derive(Clone, Debug, Default)]
struct Group {
    /// Whoever waits for it waits for these.
    last: Vec<String>,
    /// Whoever reads it reads these.
    made: Vec<String>,
    /// One of its outputs, by name.
    outputs: BTreeMap<String, Vec<String>>,
    /// It is a list, not a part.
    is_list: bool,
    /// What it stands for could not be read, and that was reported.
    broken: bool,
}

type Groups = BTreeMap<String, Group>;

/// A task on its way.
#[derive(Clone, Debug)]
struct Flat {
    key: At<Id>,
    task: Box<Task>,
    scope: Scope,
}

/// All that is carried along.
struct Grow<'a> {
    options: &'a PlanOptions,
    sources: &'a mut Sources,
    found: Vec<Diagnostic>,
    extra: Extra,
    wanted: BTreeSet<Need>,
    /// Tasks made and parts used so far: parts in parts multiply.
    made: usize,
    uses: usize,
}

/// The file with everything written out. `sources` gets the texts of its parts.
pub(super) fn grow(
    mut file: Workflow,
    options: &PlanOptions,
    sources: &mut Sources,
) -> (Workflow, Extra, Vec<Diagnostic>, BTreeSet<Need>) {
    let mut grow = Grow {
        options,
        sources,
        found: vec![],
        extra: Extra::default(),
        wanted: BTreeSet::new(),
        made: 0,
        uses: 0,
    };
    grow.inputs_of_the_whole(&mut file);
    grow.outputs_of_the_whole(&file);
    let scope = Scope { values: grow.variables(&file), ..Scope::default() };
    let mut groups = Groups::new();
    let mut maps: Vec<&mut Map<Entry>> = Vec::new();
    for (_, pipeline) in &mut file.pipelines.entries {
        maps.extend(pipeline.phases.items.iter_mut().map(|phase| &mut phase.tasks));
    }
    maps.extend(file.convergent.iter_mut().flat_map(|c| &mut c.phases.items).map(|phase| &mut phase.tasks));
    maps.push(&mut file.tasks);
    for map in &mut maps {
        grow.write_out(map, &scope, &mut groups);
    }
    if !groups.is_empty() {
        for map in maps {
            for (_, entry) in &mut map.entries {
                if let Entry::Task(task) = entry {
                    grow.refer(task, &groups);
                }
            }
        }
        refer_in_the_whole(&mut file, &groups);
    }
    (file, grow.extra, grow.found, grow.wanted)
}

impl Grow<'_> {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Replaces the entries of one map of the main file.
    fn write_out(&mut self, map: &mut Map<Entry>, scope: &Scope, groups: &mut Groups) {
        let plain = |(_, entry): &(At<Id>, Entry)| matches!(entry, Entry::Task(task) if task.for_each.as_ref().is_none_or(|each| each.artifact.is_some()));
        if map.entries.iter().all(plain) {
            return;
        }
        let before = self.found.len();
        let flat = self.flatten(std::mem::take(&mut map.entries), scope, groups, &mut vec![]);
        map.broken |= self.found[before..].iter().any(|d| d.severity == Severity::Error);
        for Flat { key, task, scope } in flat {
            if scope.closed || scope.grown.is_some() {
                self.extra.scopes.insert(key.value.0.clone(), scope);
            }
            map.entries.push((key, Entry::Task(task)));
        }
    }

    /// Entries of one name space, one by one written out; `stack` holds the files that are being read.
    fn flatten(
        &mut self,
        entries: Vec<(At<Id>, Entry)>,
        scope: &Scope,
        groups: &mut Groups,
        stack: &mut Vec<String>,
    ) -> Vec<Flat> {
        let mut all = Vec::with_capacity(entries.len());
        for (key, entry) in entries {
            match entry {
                Entry::Task(task) if task.for_each.as_ref().is_some_and(|each| each.artifact.is_none()) => {
                    all.extend(self.each(&key, &task, scope, groups));
                }
                Entry::Task(task) => all.push(Flat { key, task, scope: scope.clone() }),
                Entry::Use(part) => all.extend(self.part(&key, &part, scope, groups, stack)),
            }
        }
        all
    }

    /// Makes a task's mentions of groups mean all that they stand for.
    fn refer(&mut self, task: &mut Task, groups: &Groups) {
        refer_needs(&mut task.needs.items, groups);
        let mut inputs = Vec::with_capacity(task.inputs.items.len());
        for input in std::mem::take(&mut task.inputs.items) {
            let Some(made) = &input.artifact else {
                inputs.push(input);
                continue;
            };
            match self.reads(made, groups) {
                None => inputs.push(input),
                Some(names) => inputs.extend(names.into_iter().map(|name| {
                    let artifact = Some(At { value: Made(name), ..made.clone() });
                    super::file_work::Input { artifact, ..input.clone() }
                })),
            }
        }
        task.inputs.items = inputs;
        let Some(list) = task.for_each.as_mut().and_then(|each| each.artifact.as_mut()) else { return };
        let Some(group) = groups.get(&list.value.0) else { return };
        match group.made.as_slice() {
            _ if group.is_list => self.report(
                Diagnostic::error(
                    "delegates-further",
                    format!(
                        "`{}` is made by a list itself: what it makes can make no more (P-003)",
                        list.value.0
                    ),
                )
                .at(list.span.clone(), "one level only"),
            ),
            [one] => list.value = Id(one.clone()),
            many => {
                let message =
                    format!("`{}` makes {} artifacts, and one list is needed", list.value.0, many.len());
                self.report(
                    Diagnostic::error("one-list", message)
                        .at(list.span.clone(), "which one?")
                        .help("name the task itself, `<part>-<task>`"),
                );
            }
        }
    }

    /// What an input means; `None` if it names no group. Reports outputs that are not there.
    fn reads(&mut self, made: &At<Made>, groups: &Groups) -> Option<Vec<String>> {
        let name = &made.value.0;
        let Some((part, output)) = name.split_once('.') else {
            return groups.get(name).map(|group| group.made.clone());
        };
        if groups.get(part).is_some_and(|group| group.broken) {
            return Some(vec![]);
        }
        let outputs = groups.get(part).map(|group| &group.outputs);
        if let Some(found) = outputs.and_then(|outputs| outputs.get(output)) {
            return Some(found.clone());
        }
        let known: Vec<&str> = outputs.into_iter().flat_map(|o| o.keys().map(String::as_str)).collect();
        let message = match outputs {
            None => format!("`{part}` is no part: only parts have outputs with names"),
            Some(_) => format!("the part `{part}` has no output `{output}`"),
        };
        let diagnostic = Diagnostic::error("unknown-output", message);
        let diagnostic = match closest(output, known.iter().copied()) {
            Some(meant) => diagnostic.at(made.span.clone(), format!("did you mean `{part}.{meant}`?")),
            None if known.is_empty() => diagnostic.at(made.span.clone(), "it declares no `outputs`"),
            None => {
                let help = format!("there are {}", super::decode::listed(&known));
                diagnostic.at(made.span.clone(), "unknown").help(help)
            }
        };
        self.report(diagnostic);
        Some(vec![])
    }

    /// `{{ name }}` in what must be known now: paths of lists and parts, values for parts.
    fn text(&mut self, text: &str, span: &Span, scope: &Scope) -> String {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, behind)) = after.split_once("}}") else { break };
            out.push_str(before);
            let name = name.trim();
            self.extra.used.insert(name.to_owned());
            match scope.values.get(name) {
                Some(value) => out.push_str(value),
                None => self.report(
                    Diagnostic::error("unknown-variable", format!("there is no variable `{name}`"))
                        .at(span.clone(), "not known here"),
                ),
            }
            rest = behind;
        }
        out + rest
    }

    /// Variables with their values; what is wrong with them is told when texts are filled in.
    fn variables(&self, file: &Workflow) -> BTreeMap<String, String> {
        let given = &self.options.variables;
        let value = |(name, variable): &(At<Id>, super::file_work::VariableForm)| {
            let default = variable.0.default.as_ref().map(|at| at.value.0.clone());
            Some((name.value.0.clone(), given.get(&name.value.0).cloned().or(default)?))
        };
        file.variables.iter().filter_map(value).collect()
    }

    fn too_many(&mut self, span: &Span) -> bool {
        if self.made <= super::lower::TASKS_MAX {
            return false;
        }
        let message = format!("lists and parts make more than {} tasks", super::lower::TASKS_MAX);
        self.report(Diagnostic::error("too-large", message).at(span.clone(), "here the limit was passed"));
        true
    }
}

fn refer_needs(needs: &mut Vec<At<Id>>, groups: &Groups) {
    if !needs.iter().any(|name| groups.contains_key(&name.value.0)) {
        return;
    }
    *needs = std::mem::take(needs)
        .into_iter()
        .flat_map(|name| match groups.get(&name.value.0) {
            None => vec![name],
            Some(group) => {
                group.last.iter().map(|task| At { value: Id(task.clone()), ..name.clone() }).collect()
            }
        })
        .collect();
}

fn refer_in_the_whole(file: &mut Workflow, groups: &Groups) {
    if let Some(convergent) = &mut file.convergent {
        refer_needs(&mut convergent.needs.items, groups);
    }
    let completion = std::mem::take(&mut file.completion.items);
    for criterion in completion {
        let group = criterion.artifact.as_ref().and_then(|at| groups.get(&at.value.0));
        let Some((group, at)) = group.zip(criterion.artifact.clone()) else {
            file.completion.items.push(criterion);
            continue;
        };
        for task in &group.made {
            let artifact = Some(At { value: Plain(task.clone()), ..at.clone() });
            file.completion.items.push(super::file_work::Completion { artifact, ..criterion.clone() });
        }
    }
}
