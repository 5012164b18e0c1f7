//! Parts: tasks of another file under a name of this one.

use super::{Flat, Group, Groups, Grow, Many, Need, Scope};
use crate::definition::decode::{At, Decode, Decoder, listed};
use crate::definition::diagnostic::{Diagnostic, Span, closest};
use crate::definition::expr;
use crate::definition::file::Workflow;
use crate::definition::file_grow::{PartInput, Use};
use crate::definition::file_work::{Variable, VariableForm};
use crate::definition::lower::outputs::path_fault;
use crate::definition::tree::{self, Node, Value};
use crate::definition::values::{self, Id, Made, Plain, id_fault};
use crate::definition::words::InputType;
use crate::ids::TaskId;
use std::collections::{BTreeMap, BTreeSet};

/// How deep parts lie in parts.
const DEPTH_MAX: usize = 8;
/// How often parts are used in all: ten uses in each of eight parts would be a hundred million.
const USES_MAX: usize = 200;

/// A part that was read.
struct Part {
    file: Workflow,
    path: String,
}

impl Grow<'_> {
    /// What the file that is checked takes itself: variables.
    pub(super) fn inputs_of_the_whole(&mut self, file: &mut Workflow) {
        for (name, input) in std::mem::take(&mut file.inputs.entries) {
            if input.r#type.as_ref().is_some_and(|at| at.value == InputType::Artifact) {
                let message = format!("`{}` is what another workflow's task makes", name.value.0);
                self.report(
                    Diagnostic::error("part-alone", message)
                        .at(name.span.clone(), "nobody hands it in here")
                        .help("this file is a part: use it from a workflow, `name: {uses: this-file.yaml, with: {...}}`"),
                );
                continue;
            }
            if let Some(given) = self.options.variables.get(&name.value.0) {
                let as_written = values::Given { text: given.clone(), kind: "a text".into() };
                self.fits(&input, &as_written, &name.span, &name.span, &name.value.0);
            }
            let default = input.default.as_ref().map(|at| At {
                value: Plain(at.value.text.clone()),
                span: at.span.clone(),
                broken: at.broken,
            });
            let variable =
                Variable { default, about: input.about.clone(), at: input.at.clone(), broken: input.broken };
            file.variables.entries.push((name, VariableForm(variable)));
        }
    }

    pub(super) fn outputs_of_the_whole(&mut self, file: &Workflow) {
        let known: BTreeSet<&str> = file.tasks.iter().map(|(key, _)| key.value.0.as_str()).collect();
        for (name, output) in file.outputs.iter().filter(|(_, output)| !output.broken) {
            if !known.contains(output.value.0.as_str()) && !file.tasks.broken {
                let found = no_output(&name.value.0, output, &known);
                self.report(found);
            }
        }
    }

    /// The tasks of a part, under the name of its use.
    pub(super) fn part(
        &mut self,
        key: &At<Id>,
        part: &Use,
        scope: &Scope,
        groups: &mut Groups,
        stack: &mut Vec<String>,
    ) -> Vec<Flat> {
        // Who refers to it is not wrong because the part is.
        groups.insert(key.value.0.clone(), Group { broken: true, ..Group::default() });
        self.uses += 1;
        if self.uses > USES_MAX {
            if self.uses == USES_MAX + 1 {
                let message = format!("parts are used more than {USES_MAX} times, those in parts included");
                let found = Diagnostic::error("too-large", message);
                self.report(found.at(part.uses.span.clone(), "one too many"));
            }
            return vec![];
        }
        let Some(read) = self.open(part, scope, stack) else { return vec![] };
        let Some((values, artifacts)) = self.handed_in(part, &read, scope) else { return vec![] };
        stack.push(read.path.clone());
        let inner = Scope { values, closed: true, grown: None };
        let mut own = Groups::new();
        let mut many = std::mem::take(&mut self.extra.many);
        let mut flat = self.flatten(read.file.tasks.entries.clone(), &inner, &mut own, stack);
        std::mem::swap(&mut many, &mut self.extra.many);
        stack.pop();
        self.made += flat.len();
        if self.too_many(&part.at) {
            return vec![];
        }
        for one in &mut flat {
            self.refer(&mut one.task, &own);
        }
        let group = self.outputs(&read.file, &flat, &own);
        let local: BTreeSet<String> = flat.iter().map(|flat| flat.key.value.0.clone()).collect();
        let names = Names { prefix: &key.value.0, local: &local, artifacts: &artifacts };
        for one in &mut flat {
            self.adopt(one, part, &names);
        }
        let outer = |ids: &[String]| ids.iter().map(|id| names.of(id)).collect::<Vec<_>>();
        self.extra.many.extend(many.into_iter().map(|many| Many {
            name: names.of(&many.name),
            tasks: outer(&many.tasks),
            ..many
        }));
        let outputs = group.outputs.iter().map(|(name, ids)| (name.clone(), outer(ids))).collect();
        let group = Group { last: outer(&group.last), made: outer(&group.made), outputs, ..Group::default() };
        groups.insert(key.value.0.clone(), group);
        flat
    }

    /// Reads a part's file, unless that is going on already.
    fn open(&mut self, part: &Use, scope: &Scope, stack: &[String]) -> Option<Part> {
        if part.uses.broken {
            return None;
        }
        let written = self.text(&part.uses.value.0, &part.uses.span, scope);
        let span = || part.uses.span.clone();
        let Some(path) = joined(stack.last().map_or("", String::as_str), &written) else {
            let message = format!("`{written}` is no path of a part");
            self.report(
                Diagnostic::error("bad-path", message)
                    .at(span(), "relative to this file, such as `parts/review.yaml`"),
            );
            return None;
        };
        if stack.contains(&path) {
            let way = stack.iter().chain([&path]).cloned().collect::<Vec<_>>().join(" -> ");
            self.report(
                Diagnostic::error("cyclic-use", format!("these parts use each other: {way}"))
                    .at(span(), "is being read already"),
            );
            return None;
        }
        if stack.len() >= DEPTH_MAX {
            let message = format!("parts in parts are at most {DEPTH_MAX} deep");
            self.report(Diagnostic::error("too-deep", message).at(span(), "one too many"));
            return None;
        }
        let text = match self.options.given.parts.get(&path) {
            Some(Ok(text)) => text,
            missing => {
                let why = missing
                    .map_or("nobody handed it in", |why| why.as_ref().map_or_else(String::as_str, |_| ""));
                let message = format!("the part {path} cannot be read: {why}");
                self.report(Diagnostic::error("no-part", message).at(span(), "this file"));
                if missing.is_none() {
                    self.wanted.insert(Need::Part(path));
                }
                return None;
            }
        };
        let start = self.sources.add(&path, text);
        let mut node = match tree::parse(text) {
            Ok(node) => node,
            Err(mut error) => {
                error.labels.iter_mut().for_each(|label| label.span = shifted(&label.span, start));
                self.report(error);
                return None;
            }
        };
        shift(&mut node, start);
        let mut decoder = Decoder::default();
        let file = Workflow::decode(&node, &mut decoder).unwrap_or_else(Workflow::broken);
        let well_formed = decoder.diagnostics.is_empty();
        self.found.extend(decoder.diagnostics);
        self.only_what_a_part_has(&node, part);
        well_formed.then_some(Part { file, path })
    }

    /// A part says what its tasks do; everything else is said by the workflow that uses it.
    fn only_what_a_part_has(&mut self, node: &Node, part: &Use) {
        let Value::Map(entries) = &node.value else { return };
        for (key, _) in entries {
            let Value::Scalar(name) = &key.value else { continue };
            if !matches!(name.text.as_str(), "workflow" | "inputs" | "outputs" | "tasks") {
                let message = format!("a part has no `{}`: the workflow that uses it says that", name.text);
                self.report(
                    Diagnostic::error("part-key", message)
                        .at(key.span.clone(), "takes no effect in a part")
                        .at(part.uses.span.clone(), "used here"),
                );
            }
        }
    }

    /// Values of a part's inputs, and what stands for inputs that are artifacts.
    #[expect(clippy::type_complexity, reason = "texts, and references with their places")]
    fn handed_in(
        &mut self,
        part: &Use,
        read: &Part,
        scope: &Scope,
    ) -> Option<(BTreeMap<String, String>, BTreeMap<String, At<Made>>)> {
        let before = self.found.len();
        let inputs = &read.file.inputs;
        let (mut texts, mut artifacts) = (BTreeMap::new(), BTreeMap::new());
        let known: Vec<&str> = inputs.iter().map(|(name, _)| name.value.0.as_str()).collect();
        for (name, _) in part.with.iter().filter(|(name, _)| !known.contains(&name.value.0.as_str())) {
            let diagnostic = Diagnostic::error(
                "unknown-input",
                format!("the part {} takes no `{}`", read.path, name.value.0),
            );
            let found = match closest(&name.value.0, known.iter().copied()) {
                Some(meant) => diagnostic.at(name.span.clone(), format!("did you mean `{meant}`?")),
                None if known.is_empty() => diagnostic.at(name.span.clone(), "it declares no `inputs`"),
                None => {
                    diagnostic.at(name.span.clone(), "unknown").help(format!("it takes {}", listed(&known)))
                }
            };
            self.report(found);
        }
        for (name, input) in inputs.iter() {
            let given = part.with.iter().find(|(given, _)| given.value.0 == name.value.0).map(|(_, at)| at);
            let Some(at) = given.or(input.default.as_ref()) else {
                let message = format!("the part {} needs `{}`", read.path, name.value.0);
                self.report(
                    Diagnostic::error("missing-input", message)
                        .at(part.uses.span.clone(), format!("add: with: {{{}: ...}}", name.value.0))
                        .at(name.span.clone(), "declared here without a default"),
                );
                continue;
            };
            if at.broken {
                return None;
            }
            let text = match given {
                Some(_) => self.text(&at.value.text, &at.span, scope),
                None => at.value.text.clone(),
            };
            let value = values::Given { text: text.clone(), kind: at.value.kind.clone() };
            if !self.fits(input, &value, &at.span, &name.span, &name.value.0) {
                continue;
            }
            if input.r#type.as_ref().is_some_and(|at| at.value == InputType::Artifact) {
                let made = At { value: Made(text.clone()), span: at.span.clone(), broken: false };
                artifacts.insert(name.value.0.clone(), made);
            }
            texts.insert(name.value.0.clone(), text);
        }
        (self.found.len() == before).then_some((texts, artifacts))
    }

    /// Whether a value is of the type that an input declares.
    fn fits(
        &mut self,
        input: &PartInput,
        value: &values::Given,
        at: &Span,
        declared: &Span,
        name: &str,
    ) -> bool {
        use crate::definition::values::ScalarValue;
        let kind = input.r#type.as_ref().map_or(InputType::Text, |at| at.value);
        let text = value.text.as_str();
        let why = match kind {
            InputType::Text => None,
            InputType::Number => text.parse::<f64>().map_or(true, |n| !n.is_finite()).then_some("a number"),
            InputType::Bool => (!matches!(text, "true" | "false")).then_some("true or false"),
            InputType::File => {
                path_fault(text).map(|_| "a path of the repository").or(text.is_empty().then_some("a path"))
            }
            InputType::Artifact => Made::parse(text, &value.kind).is_err().then_some("the name of a task"),
        };
        let Some(expected) = why else { return true };
        let shown: String = text.chars().take(60).collect();
        self.report(
            Diagnostic::error("wrong-type", format!("`{name}` is to be {expected}, and `{shown}` is not"))
                .at(at.clone(), format!("expected {expected}"))
                .at(declared.clone(), "its type is declared here"),
        );
        false
    }

    /// What a part gives, in its own names.
    fn outputs(&mut self, file: &Workflow, flat: &[Flat], own: &Groups) -> Group {
        let waited: BTreeSet<&str> = flat
            .iter()
            .flat_map(|flat| {
                let list = flat.task.for_each.as_ref().and_then(|each| each.artifact.as_ref());
                flat.task.needs.iter().chain(list).map(|at| at.value.0.as_str())
            })
            .collect();
        let ids = || flat.iter().map(|flat| &flat.key.value.0);
        let last: Vec<String> = ids().filter(|id| !waited.contains(id.as_str())).cloned().collect();
        let mut outputs = BTreeMap::new();
        let known: BTreeSet<&str> = ids().chain(own.keys()).map(String::as_str).collect();
        for (name, task) in file.outputs.iter().filter(|(_, task)| !task.broken) {
            let made = match own.get(&task.value.0) {
                Some(group) => group.made.clone(),
                None if known.contains(task.value.0.as_str()) => vec![task.value.0.clone()],
                None => {
                    let found = no_output(&name.value.0, task, &known);
                    self.report(found);
                    vec![]
                }
            };
            outputs.insert(name.value.0.clone(), made);
        }
        let mut made: Vec<String> =
            file.outputs.iter().flat_map(|(name, _)| outputs[&name.value.0].clone()).collect();
        let mut seen = BTreeSet::new();
        made.retain(|id| seen.insert(id.clone()));
        let mut all = last.clone();
        // Who waits for a part waits for what it reads of it, too.
        all.extend(made.iter().filter(|id| !last.contains(id)).cloned());
        Group { made: if made.is_empty() { last } else { made }, last: all, outputs, ..Group::default() }
    }

    /// Gives a task of a part its name and its references outside.
    fn adopt(&mut self, flat: &mut Flat, part: &Use, names: &Names<'_>) {
        let id = names.of(&flat.key.value.0);
        if let Some(why) = id_fault(&id) {
            let message = format!("`{id}` cannot be an id: {why}");
            self.report(Diagnostic::error("long-name", message).at(part.at.clone(), "under this name"));
        }
        let task = &mut flat.task;
        let first = !task.needs.iter().any(|at| names.local.contains(&at.value.0));
        let list = task.for_each.as_mut().and_then(|each| each.artifact.as_mut());
        let mut made: Vec<At<Id>> = Vec::new();
        let mut strangers: Vec<At<Id>> = Vec::new();
        for at in task.needs.items.iter_mut().chain(list).filter(|at| !at.broken) {
            if !names.outside(at) {
                strangers.push(at.clone());
            }
        }
        for input in &mut task.inputs.items {
            let Some(at) = input.artifact.as_mut().filter(|at| !at.broken) else { continue };
            if let Some(given) = names.artifacts.get(&at.value.0) {
                *at = given.clone();
                let whole = given.value.0.split('.').next().unwrap_or_default();
                made.push(At { value: Id(whole.to_owned()), span: given.span.clone(), broken: false });
            } else if names.local.contains(&at.value.0) {
                at.value = Made(names.of(&at.value.0));
            } else if !at.value.0.contains('.') {
                strangers.push(At { value: Id(at.value.0.clone()), span: at.span.clone(), broken: false });
            }
        }
        // They are no mistakes of the workflow that uses it, and must not mean its tasks by chance.
        task.needs.items.retain(|at| !strangers.iter().any(|s| s.span == at.span));
        task.inputs
            .items
            .retain(|i| i.artifact.as_ref().is_none_or(|at| !strangers.iter().any(|s| s.span == at.span)));
        for at in strangers {
            let found = names.unknown(&at);
            self.found.push(found);
        }
        if first {
            task.needs.items.extend(part.needs.iter().cloned());
        }
        // What is read must be there first, and only the using workflow knows what it is.
        task.needs.items.extend(made);
        task.needs.present |= !task.needs.items.is_empty();
        if let Some(when) = &mut task.when
            && let Ok(reads) = expr::parse(&when.value.0, expr::About::Task)
            && !reads.tasks.is_empty()
        {
            let known = |id: &str| names.local.contains(id) || names.artifacts.contains_key(id);
            for read in reads.tasks.iter().filter(|read| !known(&read.id)) {
                let at = At { value: Id(read.id.clone()), span: when.span.clone(), broken: false };
                let found = names.unknown(&at);
                self.found.push(found);
            }
            match reads.tasks.iter().all(|read| known(&read.id)) {
                true => when.value.0 = expr::renamed(&when.value.0, &reads, |id| names.outer(id)),
                false => task.when = None,
            }
        }
        if let Some(grown) = &mut flat.scope.grown {
            grown.of = TaskId::from(names.of(grown.of.as_str()));
        }
        flat.key.value = Id(id);
    }
}

/// How the names of a part read outside.
struct Names<'a> {
    prefix: &'a str,
    local: &'a BTreeSet<String>,
    artifacts: &'a BTreeMap<String, At<Made>>,
}

impl Names<'_> {
    fn of(&self, id: &str) -> String {
        format!("{}-{id}", self.prefix)
    }

    /// What a name of this part is called outside.
    fn outer(&self, id: &str) -> String {
        let given = self.artifacts.get(id).map(|at| at.value.0.split('.').next().unwrap_or_default());
        given.map_or_else(|| self.of(id), str::to_owned)
    }

    /// Gives a reference its name outside; false if nothing here has that name.
    fn outside(&self, at: &mut At<Id>) -> bool {
        if let Some(given) = self.artifacts.get(&at.value.0) {
            let whole = given.value.0.split('.').next().unwrap_or_default();
            *at = At { value: Id(whole.to_owned()), span: given.span.clone(), broken: false };
        } else if self.local.contains(&at.value.0) {
            at.value = Id(self.of(&at.value.0));
        } else {
            return false;
        }
        true
    }

    fn unknown(&self, at: &At<Id>) -> Diagnostic {
        let known = self.local.iter().chain(self.artifacts.keys()).map(String::as_str);
        let message = format!("this part has no task `{}`", at.value.0);
        let diagnostic = Diagnostic::error("unknown-name", message);
        match closest(&at.value.0, known) {
            Some(meant) => diagnostic.at(at.span.clone(), format!("did you mean `{meant}`?")),
            None => diagnostic
                .at(at.span.clone(), "unknown in this file")
                .help("what the using workflow makes is handed in: `inputs: {name: {type: artifact}}`"),
        }
    }
}

fn no_output(name: &str, task: &At<Id>, known: &BTreeSet<&str>) -> Diagnostic {
    let message =
        format!("the output `{name}` is to come from `{}`, and there is no such task", task.value.0);
    let diagnostic = Diagnostic::error("unknown-name", message);
    match closest(&task.value.0, known.iter().copied()) {
        Some(meant) => diagnostic.at(task.span.clone(), format!("did you mean `{meant}`?")),
        None => diagnostic.at(task.span.clone(), "unknown"),
    }
}

/// A path relative to the file that names it, from the folder of the main file; may lie above it.
fn joined(from: &str, to: &str) -> Option<String> {
    if to.is_empty() || to.starts_with(['/', '~', '-']) || to.contains(['\\', '\0']) || to.len() > 400 {
        return None;
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(to.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

fn shifted(span: &Span, by: usize) -> Span {
    span.start + by..span.end + by
}

fn shift(node: &mut Node, by: usize) {
    node.span = shifted(&node.span, by);
    match &mut node.value {
        Value::Null | Value::Scalar(_) => {}
        Value::List(all) => all.iter_mut().for_each(|node| shift(node, by)),
        Value::Map(all) => all.iter_mut().for_each(|(key, value)| {
            shift(key, by);
            shift(value, by);
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn parts_are_found_from_the_file_that_names_them() {
        assert_eq!(joined("", "a.yaml").as_deref(), Some("a.yaml"));
        assert_eq!(joined("parts/a.yaml", "b.yaml").as_deref(), Some("parts/b.yaml"));
        assert_eq!(joined("parts/a.yaml", "../b.yaml").as_deref(), Some("b.yaml"));
        assert_eq!(joined("", "../../b.yaml").as_deref(), Some("../../b.yaml"));
        for bad in ["", "/etc/passwd", "~/x", "a\\b", "."] {
            assert_eq!(joined("", bad), None, "{bad}");
        }
    }
}
