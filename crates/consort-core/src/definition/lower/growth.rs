//! Conditions, loops, and lists that a task makes.

use super::agents::Agents;
use super::links::{Links, Order};
use super::outline::{Kind, Outline, TaskSpot};
use super::{Lower, Target, task_id};
use crate::definition::decode::At;
use crate::definition::diagnostic::{Diagnostic, Span, closest};
use crate::definition::expr::{self, About, Fault};
use crate::definition::file_grow::ForEach;
use crate::definition::file_work::Task;
use crate::definition::grow;
use crate::definition::values::{Id, Plain, id_fault};
use crate::definition::words::Produces;
use crate::plan::growth::name_of;
use crate::plan::{self, Budget, Choice, Condition, Criterion, Growth, Plan, Siblings, TaskKind};
use std::collections::{BTreeMap, BTreeSet};

/// Name of the criterion that an `until` is.
const UNTIL: &str = "until";

impl<'f> Lower<'f> {
    /// From here on texts are those of this task.
    pub(super) fn enter(&mut self, spot: &TaskSpot<'f>) {
        let later = spot.declared().is_some_and(|task| task.for_each.is_some());
        self.template.enter(self.extra.scopes.get(&spot.id), later);
    }

    pub(super) fn leave(&mut self) {
        self.template.enter(None, false);
    }

    /// A loop is a criterion of the task and its number of rounds.
    pub(super) fn until(&mut self, task: &Task, lowered: &mut plan::Task) {
        let Some(until) = &task.until else { return };
        if until.expr.is_some() == until.check.present {
            if !until.broken {
                self.report(
                    Diagnostic::error("one-until", "`until` has one of `expr` and `check`")
                        .at(until.at.clone(), "which one?")
                        .help("until: {check: [make, test], max: 5}"),
                );
            }
            return;
        }
        self.at_least_one(Some(&until.max), "max");
        let least = lowered.rounds.min;
        if lowered.judged && !until.max.broken && (1..least).contains(&until.max.value) {
            let message = format!("{} work takes at least {least} rounds (H-14)", lowered.criticality);
            self.report(
                Diagnostic::error("rounds-max", message)
                    .at(until.max.span.clone(), format!("at least {least}"))
                    .help("raise it, lower the criticality to C1, or say `gate: none`: then nothing but this decides"),
            );
        }
        let rounds = task.gate.as_ref().and_then(|gate| gate.0.rounds.as_ref()).and_then(|r| r.max.as_ref());
        if let Some(rounds) = rounds {
            self.report(
                Diagnostic::error("rounds-max", "`until` says how many rounds there are at most")
                    .at(rounds.span.clone(), "said twice")
                    .at(until.max.span.clone(), "here"),
            );
        }
        lowered.rounds.max = until.max.value.max(1);
        let check = self.command_check(&until.check, until.timeout.as_ref());
        let holds = until.expr.as_ref().map(|at| at.value.0.clone());
        let validation = match (&check, &until.expr) {
            (Some(check), _) => format!("`{}` ends with 0", check.argv.join(" ")),
            (None, Some(at)) => {
                if !at.broken
                    && let Err(fault) = expr::parse(&at.value.0, About::Candidate)
                {
                    self.fault(at, fault);
                }
                format!("`{}` is true of it", at.value.0)
            }
            (None, None) => return,
        };
        let criterion = Criterion { name: UNTIL.into(), validation, check, holds };
        lowered.criteria.push(criterion);
    }

    /// What a task is that a list made, or will make.
    pub(super) fn grown(
        &mut self,
        outline: &Outline<'f>,
        agents: &Agents,
        (plan, index): (&Plan, usize),
        task: &'f Task,
        lowered: &mut plan::Task,
    ) {
        let spot = &outline.tasks[index];
        if let Some(grown) = self.extra.scopes.get(&spot.id).and_then(|scope| scope.grown.as_ref()) {
            lowered.kind = TaskKind::Grown(grown.clone());
        }
        let Some(each) = &task.for_each else { return };
        let Some(name) = each.artifact.as_ref().filter(|at| !at.broken) else { return };
        let Some(Target::Task(list)) = outline.target(name, "task", self) else { return };
        self.check_each(outline, task, each, (name, list));
        let (max, wrong) = grow::bound(each);
        self.diagnostics.extend(wrong);
        let maker = outline.tasks[list].declared();
        let tasks = maker.is_some_and(|maker| produces(maker) == Produces::Tasks);
        let mut choices = BTreeMap::new();
        if tasks {
            let own = Choice { role: lowered.role.clone(), creator: lowered.creator.clone() };
            choices.insert(lowered.role.clone(), own);
            for role in each.roles.iter().filter(|at| !at.broken).map(|at| &at.value.0) {
                let creator = self.creator(None, role, lowered.criticality, agents, &plan.limits);
                choices.insert(role.clone(), Choice { role: role.clone(), creator });
            }
        }
        let Budget { warn_at, then, .. } = plan.limits.budget;
        let budget = match &each.budget {
            Some(own) => self.over(Budget { warn_at, then, ..Budget::default() }, Some(own)),
            None => Budget::default(),
        };
        lowered.kind = TaskKind::Each(Box::new(Growth {
            list: task_id(&outline.tasks[list].id),
            tasks,
            max,
            side_by_side: each.side_by_side.as_ref().map_or(0, |at| at.value),
            budget,
            approval: self.approval(each.approval.as_ref()),
            choices,
        }));
    }

    fn check_each(
        &mut self,
        outline: &Outline<'f>,
        task: &Task,
        each: &ForEach,
        (name, list): (&At<Id>, usize),
    ) {
        let given = [each.values.present, each.files.present, each.file.is_some()];
        if given.contains(&true) {
            self.report(
                Diagnostic::error("one-list", "a list is one of `values`, `files`, `file` and `artifact`")
                    .at(each.at.clone(), "this has more than one of them"),
            );
        }
        if task.produces.as_ref().is_some_and(|at| at.value == Produces::Tasks) {
            let at = task.produces.as_ref().map_or(each.at.clone(), |at| at.span.clone());
            self.report(grow::delegates(each.at.clone(), at));
        }
        self.check_names(outline, task, each);
        if let Some(writes) = task.writes.items.first() {
            self.report(
                Diagnostic::error(
                    "overlap",
                    "tasks of a list that is not known yet would all write the same paths",
                )
                .at(writes.span.clone(), "written by each of them, side by side")
                .help("let them write documents, and one task behind them make the change"),
            );
        }
        let maker = &outline.tasks[list];
        let Kind::Declared(made_by) = maker.kind else {
            self.report(
                Diagnostic::error("no-list", format!("`{}` is a handoff and makes no list", maker.id))
                    .at(name.span.clone(), "name a task that produces tasks or data"),
            );
            return;
        };
        if made_by.for_each.is_some() || self.extra.scopes.get(&maker.id).is_some_and(|s| s.grown.is_some()) {
            let message =
                format!("`{}` is made by a list itself: what it makes can make no more (P-003)", maker.id);
            self.report(
                Diagnostic::error("delegates-further", message)
                    .at(name.span.clone(), "one level only")
                    .at(maker.span.clone(), "made by a list"),
            );
        } else if !matches!(produces(made_by), Produces::Tasks | Produces::Data) {
            self.report(
                Diagnostic::error("no-list", format!("`{}` makes no list", maker.id))
                    .at(name.span.clone(), "name a task that produces tasks or data")
                    .at(maker.span.clone(), "add here: produces: tasks"),
            );
        } else if produces(made_by) == Produces::Data && !each.roles.items.is_empty() {
            self.report(
                Diagnostic::error("stray-key", "only items of `produces: tasks` name roles")
                    .at(each.roles.items[0].span.clone(), "takes no effect here"),
            );
        }
    }

    /// The names that its tasks will have must be free, whatever the list says.
    fn check_names(&mut self, outline: &Outline<'f>, task: &Task, each: &ForEach) {
        let Some(spot) =
            outline.tasks.iter().find(|spot| spot.declared().is_some_and(|t| std::ptr::eq(t, task)))
        else {
            return;
        };
        let (max, _) = grow::bound(each);
        let longest = name_of(&spot.id, max, max);
        if id_fault(&longest).is_some() {
            self.report(
                Diagnostic::error(
                    "long-name",
                    format!("`{longest}` is too long for an id: at most 60 characters"),
                )
                .at(spot.span.clone(), "choose a shorter name"),
            );
        }
        let tasks = outline.tasks.iter().map(|other| (&other.id, &other.span));
        let others = tasks.chain(outline.barriers.iter().map(|barrier| (&barrier.id, &barrier.span)));
        for (name, place) in others {
            let number = name.strip_prefix(&spot.id).and_then(|rest| rest.strip_prefix('-'));
            let number =
                number.and_then(|digits| digits.parse().ok()).filter(|number| (1..=max).contains(number));
            if number.is_some_and(|number| name_of(&spot.id, number, max) == *name) {
                self.report(
                    Diagnostic::error(
                        "duplicate-name",
                        format!("the name `{name}` is one that `{}` may make", spot.id),
                    )
                    .at(place.clone(), "choose another name")
                    .at(spot.span.clone(), format!("becomes `{}` and so on", name_of(&spot.id, 1, max))),
                );
            }
        }
    }

    /// Conditions, now that it is known what comes first.
    pub(super) fn conditions(
        &mut self,
        outline: &Outline<'f>,
        links: &Links<'f>,
        order: &Order,
        plan: &mut Plan,
    ) {
        for (index, spot) in outline.tasks.iter().enumerate() {
            let Some(when) = spot.declared().and_then(|task| task.when.as_ref()) else { continue };
            if when.broken {
                continue;
            }
            match expr::parse(&when.value.0, About::Task) {
                Err(fault) => self.fault(when, fault),
                Ok(reads) => {
                    let condition = self.condition(outline, links, order, index, when, &reads);
                    if let Some(task) = plan.tasks.get_mut(index) {
                        task.when = Some(condition);
                    }
                }
            }
        }
    }

    fn condition(
        &mut self,
        outline: &Outline<'f>,
        links: &Links<'f>,
        order: &Order,
        index: usize,
        when: &At<Plain>,
        reads: &expr::Reads,
    ) -> Condition {
        let spot = &outline.tasks[index];
        let mut named = BTreeSet::new();
        for read in &reads.tasks {
            let span = self.within(when, &read.span);
            if self.extra.many.iter().any(|many| many.name == read.id) {
                self.report(
                    Diagnostic::error(
                        "many-tasks",
                        format!("`{}` is many tasks, and a condition asks one", read.id),
                    )
                    .at(span, "which one?")
                    .help(format!(
                        "name one of them, such as tasks[\"{}-01\"], or the task that sums them up",
                        read.id
                    )),
                );
                continue;
            }
            let name = At { value: Id(read.id.clone()), span: span.clone(), broken: false };
            let Some(Target::Task(read_task)) = outline.target(&name, "task", self) else { continue };
            self.check_read(outline, read_task, read, &span);
            let needed = links.needs[index].contains(&read_task) || links.waits_for(index, read_task, order);
            if read_task == index {
                self.report(
                    Diagnostic::error(
                        "reads-itself",
                        format!("the condition of `{}` asks for itself", spot.id),
                    )
                    .at(span, "nothing is known of it when its turn comes"),
                );
            } else if !needed {
                let message =
                    format!("`{}` does not wait for `{}`, which its condition asks", spot.id, read.id);
                self.report(
                    Diagnostic::error("not-needed", message)
                        .at(span, "may not be known when its turn comes")
                        .help(format!("add to `{}`: needs: [{}]", spot.id, read.id)),
                );
            }
            named.insert(read_task);
        }
        let known: Vec<&str> = self.file.variables.iter().map(|(name, _)| name.value.0.as_str()).collect();
        for (name, place) in &reads.vars {
            self.template.uses(name);
            if !known.contains(&name.as_str()) {
                let diagnostic =
                    Diagnostic::error("unknown-variable", format!("there is no variable `{name}`"));
                let span = self.within(when, place);
                self.report(match closest(name, known.iter().copied()) {
                    Some(meant) => diagnostic.at(span, format!("did you mean `{meant}`?")),
                    None => diagnostic.at(span, "not declared under `variables`"),
                });
            }
        }
        let reads = named.into_iter().map(|task| task_id(&outline.tasks[task].id)).collect();
        Condition { expr: when.value.0.clone(), reads }
    }

    fn check_read(&mut self, outline: &Outline<'f>, task: usize, read: &expr::TaskRead, span: &Span) {
        let spot = &outline.tasks[task];
        let declared = spot.declared();
        if declared.is_some_and(|task| task.for_each.is_some()) {
            self.report(
                Diagnostic::error(
                    "many-tasks",
                    format!("`{}` is many tasks, and a condition asks one", spot.id),
                )
                .at(span.clone(), "not known before its list is there")
                .help("ask the task that sums them up"),
            );
        } else if read.part == "data"
            && !declared.is_some_and(|task| matches!(produces(task), Produces::Data | Produces::Tasks))
        {
            self.report(
                Diagnostic::error("no-data", format!("`{}` makes no data", spot.id))
                    .at(span.clone(), "its `data` is nothing")
                    .at(spot.span.clone(), "add here: produces: data, path: [...json]"),
            );
        }
    }

    /// Tells what is wrong with an expression, at its place in the file.
    fn fault(&mut self, at: &At<Plain>, fault: Fault) {
        let span = self.within(at, &fault.span);
        let diagnostic = Diagnostic::error("bad-expression", fault.message).at(span, "here");
        self.report(match fault.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }

    /// Where in the file a piece of a value stands; the whole value if it was escaped or folded.
    fn within(&self, at: &At<Plain>, piece: &Span) -> Span {
        self.template.within(at, piece)
    }

    /// What bounds the tasks of one list together, for lists that are known.
    pub(super) fn siblings(&mut self, plan: &Plan) -> BTreeMap<crate::ids::TaskId, Siblings> {
        let Budget { warn_at, then, .. } = plan.limits.budget;
        let extra = self.extra;
        let mut all = BTreeMap::new();
        for many in &extra.many {
            let budget = match &many.budget {
                Some(own) => self.over(Budget { warn_at, then, ..Budget::default() }, Some(own)),
                None => Budget::default(),
            };
            let tasks = many.tasks.iter().map(|id| task_id(id)).collect();
            let siblings = Siblings { tasks, list: None, side_by_side: many.side_by_side, budget };
            all.insert(task_id(&many.name), siblings);
        }
        all
    }
}

/// What a task makes, as it says it or by default.
fn produces(task: &Task) -> Produces {
    let implied = if task.writes.items.is_empty() { Produces::Document } else { Produces::Change };
    task.produces.as_ref().map_or(implied, |at| at.value)
}
