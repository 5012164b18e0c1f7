//! Who waits for whom: needs, barriers, inputs; cycles; the order in which work can end.

use super::outline::{Crossing, Kind, Outline};
use super::{Lower, Target};
use crate::definition::decode::At;
use crate::definition::diagnostic::{Diagnostic, Span};
use crate::definition::file_work;
use crate::definition::values::Id;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What one task reads, resolved.
pub(super) enum Link<'f> {
    /// The output of a task.
    Artifact(usize, Span),
    /// A handoff.
    Handoff(usize, Span),
    /// A file of the repository.
    File(&'f file_work::Input),
    /// Something outside.
    Outside(&'f file_work::Input),
}

/// Direct edges of the graph, by index.
pub(super) struct Links<'f> {
    /// Per task: tasks it needs directly, in plan order.
    pub needs: Vec<BTreeSet<usize>>,
    /// Per task: barriers it is directly behind, in file order.
    pub behind: Vec<BTreeSet<usize>>,
    /// Per task.
    pub inputs: Vec<Vec<Link<'f>>>,
    /// Per task: whether it is a handoff.
    pub crosses: Vec<bool>,
    /// Per barrier: tasks it waits for, handoffs included.
    waits: Vec<Vec<usize>>,
}

/// A graph without cycles, ordered. Nodes are tasks, then barriers.
pub(super) struct Order {
    /// Per node: its position in one order that respects all edges.
    pub rank: Vec<u32>,
    /// Per node: length of the longest way to it.
    pub depth: Vec<u32>,
    /// Per node: those that wait for it directly.
    after: Vec<Vec<usize>>,
    /// Which search saw a node last: cheaper than a set for each of thousands of searches.
    seen: RefCell<(u32, Vec<u32>)>,
}

impl<'f> Links<'f> {
    /// All tasks, each behind those whose outputs it reads; of a circle, which is a mistake that is told
    /// elsewhere, some order.
    pub(super) fn sources_first(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.inputs.len());
        let mut seen = vec![false; self.inputs.len()];
        for start in 0..self.inputs.len() {
            // A stack of its own: a chain of tasks may be longer than ours.
            let mut stack = vec![(start, false)];
            while let Some((task, sources_done)) = stack.pop() {
                if sources_done {
                    order.push(task);
                } else if !std::mem::replace(&mut seen[task], true) {
                    stack.push((task, true));
                    let sources = self.inputs[task].iter().filter_map(|link| match link {
                        Link::Artifact(source, _) | Link::Handoff(source, _) => Some((*source, false)),
                        Link::File(_) | Link::Outside(_) => None,
                    });
                    stack.extend(sources);
                }
            }
        }
        order
    }

    pub(super) fn read(lower: &mut Lower<'f>, outline: &Outline<'f>) -> Self {
        let count = outline.tasks.len();
        let mut this = Self {
            needs: vec![BTreeSet::new(); count],
            behind: vec![BTreeSet::new(); count],
            inputs: Vec::with_capacity(count),
            crosses: outline.tasks.iter().map(|t| matches!(t.kind, Kind::Handoff { .. })).collect(),
            waits: vec![],
        };
        for barrier in &outline.barriers {
            let handoffs = barrier.handoffs.iter().map(|h| h.task);
            this.waits.push(barrier.waits_for.iter().copied().chain(handoffs).collect());
        }
        let joins = this.joins(lower, outline);
        for (index, spot) in outline.tasks.iter().enumerate() {
            match spot.kind {
                Kind::Handoff { .. } => {
                    let (pipeline, phase) = spot.place.unwrap_or_default();
                    let sources = &outline.pipelines[pipeline].phases[phase].tasks;
                    this.needs[index].extend(sources);
                    this.inputs.push(sources.iter().map(|s| Link::Artifact(*s, spot.span.clone())).collect());
                }
                Kind::Declared(task) => {
                    this.implied(outline, index, &joins);
                    let list = task.for_each.as_ref().and_then(|each| each.artifact.as_ref());
                    for name in task.needs.iter().chain(list) {
                        match outline.target(name, "task or barrier", lower) {
                            Some(Target::Task(needed)) => drop(this.needs[index].insert(needed)),
                            Some(Target::Barrier(barrier)) => drop(this.behind[index].insert(barrier)),
                            None => {}
                        }
                    }
                    let inputs = task.inputs.iter().flat_map(|i| resolve(lower, outline, index, i)).collect();
                    this.inputs.push(inputs);
                }
            }
        }
        this
    }

    /// What the first phase of the convergent pipeline waits for.
    fn joins(&self, lower: &mut Lower<'f>, outline: &Outline<'f>) -> Vec<Target> {
        let Some(convergent) = &lower.file.convergent else { return vec![] };
        if convergent.needs.present {
            let needs = convergent.needs.iter();
            return needs.filter_map(|name| outline.target(name, "task or barrier", lower)).collect();
        }
        let mut joins = Vec::new();
        for last in outline.pipelines.iter().filter(|p| !p.convergent).filter_map(|p| p.phases.last()) {
            match last.ending.as_slice() {
                [] => joins.extend(last.tasks.iter().map(|t| Target::Task(*t))),
                ending => joins.extend(ending.iter().map(|b| Target::Barrier(*b))),
            }
        }
        joins
    }

    /// What the place of a task implies.
    fn implied(&mut self, outline: &Outline<'f>, index: usize, joins: &[Target]) {
        let Some((pipeline, phase)) = outline.tasks[index].place else { return };
        let pipeline = &outline.pipelines[pipeline];
        if phase == 0 {
            for join in joins.iter().filter(|_| pipeline.convergent) {
                match join {
                    Target::Task(needed) => drop(self.needs[index].insert(*needed)),
                    Target::Barrier(barrier) => drop(self.behind[index].insert(*barrier)),
                }
            }
            return;
        }
        let before = &pipeline.phases[phase - 1];
        if before.ending.is_empty() {
            self.needs[index].extend(&before.tasks);
        } else {
            self.behind[index].extend(&before.ending);
        }
    }

    /// Nodes that `node` waits for directly.
    fn before(&self, node: usize) -> impl Iterator<Item = usize> + '_ {
        let tasks = self.needs.len();
        let is_task = node < tasks;
        let needs = self.needs.get(node).into_iter().flatten().copied();
        let behind = self.behind.get(node).into_iter().flatten().map(move |b| tasks + b);
        let waits = (!is_task).then(|| self.waits.get(node - tasks)).flatten();
        needs.chain(behind).chain(waits.into_iter().flatten().copied())
    }

    /// Orders the graph, or reports a cycle as a path.
    pub(super) fn order(&self, lower: &mut Lower<'_>, outline: &Outline<'_>) -> Option<Order> {
        let count = self.needs.len() + self.waits.len();
        let (mut missing, mut after) = (vec![0_usize; count], vec![Vec::new(); count]);
        for (node, missing) in missing.iter_mut().enumerate() {
            for before in self.before(node) {
                *missing += 1;
                after[before].push(node);
            }
        }
        let mut order = Order {
            rank: vec![u32::MAX; count],
            depth: vec![0; count],
            after: vec![],
            seen: RefCell::new((0, vec![0; count])),
        };
        let mut ready: std::collections::VecDeque<usize> = (0..count).filter(|n| missing[*n] == 0).collect();
        let mut done = 0;
        while let Some(node) = ready.pop_front() {
            order.rank[node] = done;
            done += 1;
            for next in &after[node] {
                order.depth[*next] = order.depth[*next].max(order.depth[node] + 1);
                missing[*next] -= 1;
                if missing[*next] == 0 {
                    ready.push_back(*next);
                }
            }
        }
        if done as usize == count {
            order.after = after;
            return Some(order);
        }
        let stuck = (0..count).find(|n| missing[*n] > 0)?;
        let cycle = self.cycle(stuck, &order);
        lower.report(describe(&cycle, outline, self.needs.len()));
        None
    }

    /// A cycle that can be reached from a node that never became ready: go back along unready
    /// nodes until one comes again.
    fn cycle(&self, from: usize, order: &Order) -> Vec<usize> {
        let mut path = vec![from];
        let mut place = std::collections::HashMap::from([(from, 0)]);
        while let Some(before) =
            path.last().and_then(|n| self.before(*n).find(|b| order.rank[*b] == u32::MAX))
        {
            if let Some(start) = place.get(&before) {
                path.drain(..start);
                break;
            }
            place.insert(before, path.len());
            path.push(before);
        }
        path
    }

    /// Whether `node` waits for `target`, directly or through others.
    pub(super) fn waits_for(&self, node: usize, target: usize, order: &Order) -> bool {
        if self.before(node).any(|before| before == target) {
            return true;
        }
        let (search, seen) = &mut *order.seen.borrow_mut();
        *search += 1;
        let mut open: Vec<usize> = vec![node];
        while let Some(node) = open.pop() {
            for before in self.before(node) {
                if before == target {
                    return true;
                }
                if order.rank[before] > order.rank[target] && seen[before] != *search {
                    seen[before] = *search;
                    open.push(before);
                }
            }
        }
        false
    }
}

impl Order {
    /// Says of a node whether it comes after `start`; knows all with a rank of at most `last`.
    fn reached_from(&self, start: usize, last: u32) -> impl Fn(usize) -> bool + '_ {
        let (search, seen) = &mut *self.seen.borrow_mut();
        *search += 1;
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            for next in &self.after[node] {
                if self.rank[*next] <= last && seen[*next] != *search {
                    seen[*next] = *search;
                    open.push(*next);
                }
            }
        }
        let search = *search;
        move |node| self.seen.borrow().1[node] == search
    }
}

fn describe(cycle: &[usize], outline: &Outline<'_>, tasks: usize) -> Diagnostic {
    let of = |node: usize| match node.checked_sub(tasks) {
        None => (outline.tasks[node].id.as_str(), &outline.tasks[node].span),
        Some(barrier) => (outline.barriers[barrier].id.as_str(), &outline.barriers[barrier].span),
    };
    let first = cycle.first().map_or("", |n| of(*n).0);
    let names: Vec<&str> = cycle.iter().map(|n| of(*n).0).collect();
    let shown = if names.len() > 12 {
        format!(
            "{} -> ... ({} more) ... -> {}",
            names[..6].join(" -> "),
            names.len() - 11,
            names[names.len() - 5..].join(" -> ")
        )
    } else {
        names.join(" -> ")
    };
    let mut diagnostic = Diagnostic::error("cycle", format!("these wait for each other: {shown} -> {first}"));
    for (number, node) in cycle.iter().enumerate().take(6) {
        let next = cycle.get(number + 1).map_or(first, |n| of(*n).0);
        diagnostic = diagnostic.at(of(*node).1.clone(), format!("waits for `{next}`"));
    }
    diagnostic.help("take one of them out of the other's `needs`, or move it to an earlier phase")
}

/// One entry of `inputs`.
fn resolve<'f>(
    lower: &mut Lower<'f>,
    outline: &Outline<'f>,
    reader: usize,
    input: &'f file_work::Input,
) -> Vec<Link<'f>> {
    let given: Vec<&str> = [
        ("artifact", input.artifact.is_some()),
        ("handoff", input.handoff.is_some()),
        ("file", input.file.is_some()),
        ("outside", input.outside.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, given)| given.then_some(name))
    .collect();
    if given.len() != 1 {
        let found =
            if given.is_empty() { "none of them".into() } else { super::super::decode::listed(&given) };
        lower.report(
            Diagnostic::error("one-input", "an input is one of `artifact`, `handoff`, `file` and `outside`")
                .at(input.at.clone(), format!("this has {found}")),
        );
        return vec![];
    }
    for (at, key, of) in [
        (input.from.as_ref().map(|a| &a.span), "from", "handoff"),
        (input.to.as_ref().map(|a| &a.span), "to", "handoff"),
        (input.about.as_ref().map(|a| &a.span), "about", "outside"),
    ] {
        if let (Some(span), true) = (at, given[0] != of) {
            lower.report(
                Diagnostic::error("stray-key", format!("`{key}` belongs to `{of}`, not to `{}`", given[0]))
                    .at(span.clone(), "takes no effect here"),
            );
        }
    }
    if let Some(name) = &input.artifact {
        let of_task = At { value: Id(name.value.0.clone()), span: name.span.clone(), broken: name.broken };
        let Some(Target::Task(made_by)) = outline.target(&of_task, "task", lower) else { return vec![] };
        return vec![Link::Artifact(made_by, name.span.clone())];
    }
    if input.handoff.is_some() {
        return handoffs(lower, outline, reader, input);
    }
    vec![if input.file.is_some() { Link::File(input) } else { Link::Outside(input) }]
}

/// The handoffs that one input names: those into the reader's own pipeline, else all.
fn handoffs<'f>(
    lower: &mut Lower<'f>,
    outline: &Outline<'f>,
    reader: usize,
    input: &'f file_work::Input,
) -> Vec<Link<'f>> {
    let Some(name) = &input.handoff else { return vec![] };
    let Some(Target::Barrier(barrier)) = outline.target(name, "barrier", lower) else { return vec![] };
    let spot = &outline.barriers[barrier];
    let from = input.from.as_ref().map(|at| outline.pipeline(at, lower));
    let to = input.to.as_ref().map(|at| outline.pipeline(at, lower));
    if from == Some(None) || to == Some(None) {
        return vec![];
    }
    let fits = |given: Option<Option<usize>>, end: usize| given.is_none_or(|given| given == Some(end));
    let mut fitting: Vec<Crossing> =
        spot.handoffs.iter().copied().filter(|h| fits(from, h.from) && fits(to, h.to)).collect();
    let own = outline.tasks[reader].place.map(|(pipeline, _)| pipeline);
    let participant = own.is_some_and(|own| spot.after.iter().any(|(p, _)| *p == own));
    if to.is_none() && from.is_none() && participant {
        fitting.retain(|h| Some(h.to) == own);
    }
    let whole = !spot.spec.broken
        && !spot.after.is_empty()
        && spot.after.len() == spot.spec.after.entries.len()
        && spot.handoffs.len() == spot.spec.handoffs.items.len();
    if fitting.is_empty() && whole && !outline.incomplete {
        let crossing: Vec<String> = spot
            .handoffs
            .iter()
            .map(|h| format!("{} to {}", outline.pipelines[h.from].id, outline.pipelines[h.to].id))
            .collect();
        let diagnostic =
            Diagnostic::error("no-handoff", format!("no such handoff crosses the barrier `{}`", spot.id))
                .at(name.span.clone(), "nothing arrives here");
        lower.report(match crossing.as_slice() {
            [] => diagnostic.help("declare it under `handoffs` of the barrier"),
            some => diagnostic.help(format!("what crosses is {}", some.join(", "))),
        });
    }
    fitting.into_iter().map(|h| Link::Handoff(h.task, name.span.clone())).collect()
}

impl<'f> Lower<'f> {
    /// What a task reads must be there before it starts.
    pub(super) fn check_inputs(&mut self, outline: &Outline<'f>, links: &Links<'f>, order: &Order) {
        // By what is read: one search forward answers for all its readers.
        let mut indirect: BTreeMap<usize, Vec<(usize, &Span)>> = BTreeMap::new();
        for (reader, inputs) in links.inputs.iter().enumerate() {
            for link in inputs {
                let (Link::Artifact(task, span) | Link::Handoff(task, span)) = link else { continue };
                if !links.needs[reader].contains(task) {
                    indirect.entry(*task).or_default().push((reader, span));
                }
            }
        }
        for (task, readers) in indirect {
            let last = readers.iter().map(|(reader, _)| order.rank[*reader]).max().unwrap_or(0);
            let reached = order.reached_from(task, last);
            let missing: Vec<_> = readers.into_iter().filter(|(reader, _)| !reached(*reader)).collect();
            for (reader, span) in missing {
                let later = links.waits_for(task, reader, order);
                self.not_there_yet(outline, reader, task, span, later);
            }
        }
    }

    fn not_there_yet(&mut self, outline: &Outline<'f>, reader: usize, task: usize, span: &Span, later: bool) {
        let (reader, made) = (&outline.tasks[reader], &outline.tasks[task]);
        let diagnostic = match made.kind {
            _ if later => {
                let message = format!(
                    "`{}` reads what `{}` makes, which waits for `{}`",
                    reader.id, made.id, reader.id
                );
                Diagnostic::error("reads-later-work", message)
                    .at(span.clone(), "does not exist when the task starts")
                    .at(made.span.clone(), format!("`{}` comes later", made.id))
            }
            Kind::Handoff { barrier, .. } => {
                let barrier = &outline.barriers[barrier].id;
                Diagnostic::error(
                    "not-behind",
                    format!("`{}` is not behind the barrier `{barrier}`", reader.id),
                )
                .at(span.clone(), "may not exist when the task starts")
                .help(format!("add to `{}`: needs: [{barrier}]", reader.id))
            }
            Kind::Declared(_) if made.id == reader.id => {
                Diagnostic::error("reads-itself", format!("`{}` reads its own artifact", reader.id))
                    .at(span.clone(), "does not exist when the task starts")
            }
            Kind::Declared(_) => {
                Diagnostic::error("not-needed", format!("`{}` does not wait for `{}`", reader.id, made.id))
                    .at(span.clone(), "may not exist when the task starts")
                    .help(format!("add to `{}`: needs: [{}]", reader.id, made.id))
            }
        };
        self.report(diagnostic);
    }

    /// A handoff that nobody reads is work for nothing.
    pub(super) fn check_consumers(&mut self, outline: &Outline<'f>, links: &Links<'f>) {
        let mut read = vec![false; outline.tasks.len()];
        let mut unresolved = outline.incomplete;
        for (index, inputs) in links.inputs.iter().enumerate() {
            unresolved |= outline.tasks[index].declared().is_some_and(|t| t.inputs.broken);
            for link in inputs {
                if let Link::Handoff(task, _) = link {
                    read[*task] = true;
                }
            }
        }
        for (index, spot) in outline.tasks.iter().enumerate() {
            let Kind::Handoff { barrier, to, .. } = spot.kind else { continue };
            if read[index] || unresolved {
                continue;
            }
            let barrier_id = &outline.barriers[barrier].id;
            let candidate = (0..outline.tasks.len()).find(|t| {
                links.behind[*t].contains(&barrier) && outline.tasks[*t].place.is_some_and(|(p, _)| p == to)
            });
            let candidate =
                candidate.or_else(|| (0..outline.tasks.len()).find(|t| links.behind[*t].contains(&barrier)));
            let diagnostic = Diagnostic::error("no-consumer", "nobody reads this handoff")
                .at(spot.span.clone(), format!("crosses `{barrier_id}` for nothing"));
            self.report(match candidate {
                Some(task) => {
                    let id = &outline.tasks[task].id;
                    diagnostic.help(format!("add to the inputs of `{id}`: - handoff: {barrier_id}"))
                }
                None => {
                    diagnostic.help("no task comes behind this barrier: add one, or take the handoff out")
                }
            });
        }
    }
}
