//! Everything that has a name, with its index: pipelines, phases, tasks in plan order, barriers.

use super::{Lower, TASKS_MAX, Target};
use crate::definition::decode::{At, Map, listed};
use crate::definition::diagnostic::{Diagnostic, Span, closest};
use crate::definition::file_grow::Entry;
use crate::definition::file_work::{Barrier, Handoff, Phase, Task};
use crate::definition::values::{Id, Plain, slug};
use std::collections::HashMap;

/// Key of the pipeline that joins the others.
pub(super) const CONVERGENT: &str = "convergent";
/// Behind that many mistakes nobody reads what was meant, and looking for it takes time.
const SUGGESTED_MAX: usize = 20;
/// Short names that skills registered for themselves.
const SKILLS: [(&str, &str); 2] = [("problem-solving", "ps"), ("nasa-se", "nse")];

pub(super) struct PipelineSpot<'f> {
    pub id: String,
    pub span: Span,
    pub name: String,
    pub alias: String,
    pub alias_source: &'static str,
    pub skill: Option<String>,
    pub convergent: bool,
    pub phases: Vec<PhaseSpot<'f>>,
}

pub(super) struct PhaseSpot<'f> {
    pub spec: &'f Phase,
    pub number: u32,
    pub path_id: String,
    /// Declared tasks.
    pub tasks: Vec<usize>,
    /// Barriers that end it, in file order.
    pub ending: Vec<usize>,
}

pub(super) struct TaskSpot<'f> {
    pub id: String,
    pub span: Span,
    /// Indexes of pipeline and phase.
    pub place: Option<(usize, usize)>,
    pub kind: Kind<'f>,
}

#[derive(Clone, Copy)]
pub(super) enum Kind<'f> {
    Declared(&'f Task),
    Handoff { barrier: usize, spec: &'f Handoff, from: usize, to: usize },
}

pub(super) struct BarrierSpot<'f> {
    pub id: String,
    pub span: Span,
    pub spec: &'f Barrier,
    /// Indexes of pipeline and phase.
    pub after: Vec<(usize, usize)>,
    pub waits_for: Vec<usize>,
    pub handoffs: Vec<Crossing>,
}

/// A handoff of a barrier: its task, and the pipelines it connects.
#[derive(Clone, Copy)]
pub(super) struct Crossing {
    pub task: usize,
    pub from: usize,
    pub to: usize,
}

/// Every name of a workflow.
#[derive(Default)]
pub(super) struct Outline<'f> {
    pub pipelines: Vec<PipelineSpot<'f>>,
    /// In plan order.
    pub tasks: Vec<TaskSpot<'f>>,
    pub barriers: Vec<BarrierSpot<'f>>,
    /// Something could not be read: a name that is not here may stand in the file.
    pub incomplete: bool,
    names: HashMap<String, (Target, Span)>,
}

impl<'f> TaskSpot<'f> {
    /// As it stands in the file; `None` for a handoff.
    pub(super) fn declared(&self) -> Option<&'f Task> {
        match self.kind {
            Kind::Declared(task) => Some(task),
            Kind::Handoff { .. } => None,
        }
    }

    /// Where it says its role; else where its name stands.
    pub(super) fn said_role(&self) -> Span {
        let role = self.declared().and_then(|task| task.role.as_ref());
        role.map_or_else(|| self.span.clone(), |at| at.span.clone())
    }
}

impl<'f> Outline<'f> {
    /// Reads all names. `None` if there are too many.
    pub(super) fn read(lower: &mut Lower<'f>, base: &str) -> Option<Self> {
        let file = lower.file;
        let mut this = Outline {
            incomplete: file.pipelines.broken || file.barriers.broken || file.tasks.broken,
            ..Self::default()
        };
        this.read_pipelines(lower);
        this.read_barriers(lower);
        this.read_tasks(lower, base)?;
        let nothing = file.pipelines.entries.is_empty() && file.convergent.is_none();
        if nothing && this.tasks.is_empty() && !this.incomplete && !file.broken {
            lower.report(
                Diagnostic::error("no-tasks", "this workflow has nothing to do")
                    .at(file.at.clone(), "it has no tasks")
                    .help("add tasks: `tasks: {draft: {text: ...}}`, or pipelines"),
            );
        }
        Some(this)
    }

    /// Looks up a task or barrier; reports if there is none.
    pub(super) fn target(&self, name: &At<Id>, what: &str, lower: &mut Lower<'_>) -> Option<Target> {
        if name.broken {
            return None;
        }
        let found = self.names.get(&name.value.0).map(|(target, _)| *target);
        let fits = match what {
            "task" => matches!(found, Some(Target::Task(_))),
            "barrier" => matches!(found, Some(Target::Barrier(_))),
            _ => found.is_some(),
        };
        if !fits {
            self.unknown(name, what, found, lower);
        }
        found.filter(|_| fits)
    }

    fn unknown(&self, name: &At<Id>, what: &str, found: Option<Target>, lower: &mut Lower<'_>) {
        let word = &name.value.0;
        if let Some(found) = found {
            let other = if matches!(found, Target::Task(_)) { "task" } else { "barrier" };
            let diagnostic = Diagnostic::error("wrong-kind", format!("`{word}` is a {other}, not a {what}"))
                .at(name.span.clone(), format!("a {what} is expected here"));
            return lower.report(match other {
                "task" => diagnostic.help(format!("for what a task made, write `artifact: {word}`")),
                _ => diagnostic.help(format!("for what crosses a barrier, write `handoff: {word}`")),
            });
        }
        if self.incomplete {
            return;
        }
        if lower.diagnostics.len() > SUGGESTED_MAX {
            let message = format!("there is no {what} `{word}`");
            return lower.report(Diagnostic::error("unknown-name", message).at(name.span.clone(), "unknown"));
        }
        let fitting = |target: &Target| match what {
            "task" => matches!(target, Target::Task(_)),
            "barrier" => matches!(target, Target::Barrier(_)),
            _ => true,
        };
        let mut known: Vec<&str> =
            self.names.iter().filter(|(_, (t, _))| fitting(t)).map(|(name, _)| name.as_str()).collect();
        known.sort_unstable();
        let diagnostic = Diagnostic::error("unknown-name", format!("there is no {what} `{word}`"));
        lower.report(match closest(word, known.iter().copied()) {
            Some(meant) => diagnostic.at(name.span.clone(), format!("did you mean `{meant}`?")),
            None if self.pipelines.iter().any(|p| p.id == *word) => diagnostic
                .at(name.span.clone(), "this is a pipeline")
                .help("name one of its tasks, or a barrier that ends one of its phases"),
            None if known.is_empty() => {
                diagnostic.at(name.span.clone(), format!("there is no {what} at all"))
            }
            None if known.len() <= 12 => {
                diagnostic.at(name.span.clone(), "unknown").help(format!("there are {}", listed(&known)))
            }
            None => diagnostic.at(name.span.clone(), "unknown"),
        });
    }

    /// Index of a pipeline, the convergent one included; reports if there is none.
    pub(super) fn pipeline(&self, name: &At<Id>, lower: &mut Lower<'_>) -> Option<usize> {
        if name.broken {
            return None;
        }
        let found = self.pipelines.iter().position(|p| p.id == name.value.0);
        if found.is_some() || self.incomplete {
            return found;
        }
        let known: Vec<&str> = self.pipelines.iter().map(|p| p.id.as_str()).collect();
        let by_alias = self.pipelines.iter().find(|p| p.alias == name.value.0).map(|p| p.id.as_str());
        let diagnostic =
            Diagnostic::error("unknown-name", format!("there is no pipeline `{}`", name.value.0));
        lower.report(match by_alias.or_else(|| closest(&name.value.0, known.iter().copied())) {
            Some(meant) => diagnostic.at(name.span.clone(), format!("did you mean `{meant}`?")),
            None if known.is_empty() => diagnostic.at(name.span.clone(), "there are no pipelines"),
            None => diagnostic.at(name.span.clone(), "unknown").help(format!("there are {}", listed(&known))),
        });
        None
    }

    fn read_pipelines(&mut self, lower: &mut Lower<'f>) {
        let file = lower.file;
        for (key, spec) in file.pipelines.iter() {
            if key.value.0 == CONVERGENT && file.convergent.is_some() {
                lower.report(
                    Diagnostic::error(
                        "reserved",
                        "the name `convergent` belongs to the pipeline that joins the others",
                    )
                    .at(key.span.clone(), "choose another key"),
                );
            }
            self.incomplete |= spec.phases.broken;
            let (alias, alias_source) = alias(spec.alias.as_ref(), spec.skill.as_ref(), &key.value.0);
            let spot = PipelineSpot {
                id: key.value.0.clone(),
                span: key.span.clone(),
                name: name(lower, spec.name.as_ref(), &key.value.0),
                alias,
                alias_source,
                skill: spec.skill.as_ref().map(|at| at.value.0.clone()),
                convergent: false,
                phases: phases(lower, &spec.phases.items, 1),
            };
            self.push_pipeline(lower, spot, spec.phases.broken);
        }
        let Some(spec) = &file.convergent else { return };
        if file.pipelines.entries.is_empty() && !file.pipelines.broken {
            lower.report(
                Diagnostic::error("nothing-to-join", "`convergent` joins pipelines, and there are none")
                    .at(spec.at.clone(), "joins nothing")
                    .help("write its tasks under `tasks`, or its phases as a pipeline"),
            );
        }
        self.incomplete |= spec.phases.broken;
        let longest = self.pipelines.iter().map(|p| p.phases.len()).max().unwrap_or(0) as u32;
        let given = spec.alias.as_ref().map(|at| at.value.0.clone());
        let spot = PipelineSpot {
            id: CONVERGENT.into(),
            span: spec.at.clone(),
            name: name(lower, spec.name.as_ref(), CONVERGENT),
            alias_source: if given.is_some() { "workflow" } else { "derived" },
            alias: given.unwrap_or_else(|| CONVERGENT.into()),
            skill: spec.skill.as_ref().map(|at| at.value.0.clone()),
            convergent: true,
            phases: phases(lower, &spec.phases.items, longest + 1),
        };
        self.push_pipeline(lower, spot, spec.phases.broken);
    }

    fn push_pipeline(&mut self, lower: &mut Lower<'f>, spot: PipelineSpot<'f>, broken: bool) {
        if spot.phases.is_empty() && !broken && spot.span != super::NOWHERE {
            lower.report(
                Diagnostic::error("empty", format!("the pipeline `{}` has no phases", spot.id))
                    .at(spot.span.clone(), "nothing to do here"),
            );
        }
        if spot.alias == "cross-pollination" {
            lower.report(
                Diagnostic::error("reserved", "the alias `cross-pollination` belongs to the handoffs")
                    .at(spot.span.clone(), "choose another alias"),
            );
        }
        if let Some(other) = self.pipelines.iter().find(|p| p.alias == spot.alias && !spot.alias.is_empty()) {
            let help = match spot.alias_source {
                "skill" => "both have the short name of their skill: give each an `alias`",
                _ => "aliases are in paths: give each pipeline its own `alias`",
            };
            lower.report(
                Diagnostic::error(
                    "duplicate-alias",
                    format!(
                        "the pipelines `{}` and `{}` share the alias `{}`",
                        other.id, spot.id, spot.alias
                    ),
                )
                .at(spot.span.clone(), "the second one")
                .at(other.span.clone(), "the first one")
                .help(help),
            );
        }
        self.pipelines.push(spot);
    }

    fn read_barriers(&mut self, lower: &mut Lower<'f>) {
        let file = lower.file;
        for (number, (key, spec)) in file.barriers.iter().enumerate() {
            let mut after = Vec::new();
            for (pipeline, phase) in spec.after.iter() {
                if let Some(place) = self.ending(lower, pipeline, phase) {
                    after.push(place);
                    self.pipelines[place.0].phases[place.1].ending.push(number);
                }
            }
            if spec.after.entries.is_empty() && !spec.after.broken && !key.broken && spec.at != super::NOWHERE
            {
                lower.report(
                    Diagnostic::error("empty", format!("nobody meets at the barrier `{}`", key.value.0))
                        .at(key.span.clone(), "`after` names no pipeline")
                        .help("after: {pipeline: number of the phase that ends here, ...}"),
                );
            }
            self.barriers.push(BarrierSpot {
                id: key.value.0.clone(),
                span: key.span.clone(),
                spec,
                after,
                waits_for: vec![],
                handoffs: vec![],
            });
            self.name(lower, &key.value.0, &key.span, Target::Barrier(number));
        }
    }

    fn ending(&self, lower: &mut Lower<'f>, pipeline: &At<Id>, phase: &At<u32>) -> Option<(usize, usize)> {
        let index = self.pipeline(pipeline, lower)?;
        let spot = &self.pipelines[index];
        if spot.convergent {
            lower.report(
                Diagnostic::error("convergent-barrier", "the convergent pipeline comes after all barriers")
                    .at(pipeline.span.clone(), "cannot meet the others again"),
            );
            return None;
        }
        let number = phase.value as usize;
        if phase.broken || (self.incomplete && number > spot.phases.len()) {
            return None;
        }
        if number == 0 || number > spot.phases.len() {
            let phases = spot.phases.len();
            lower.report(
                Diagnostic::error("no-phase", format!("the pipeline `{}` has no phase {number}", spot.id))
                    .at(phase.span.clone(), format!("from 1 to {phases}"))
                    .at(spot.span.clone(), format!("it has {phases}")),
            );
            return None;
        }
        Some((index, number - 1))
    }

    fn read_tasks(&mut self, lower: &mut Lower<'f>, base: &str) -> Option<()> {
        let file = lower.file;
        let handoffs = self.handoffs(lower);
        for pipeline in 0..self.pipelines.len() {
            if self.pipelines[pipeline].convergent {
                self.declare(lower, &file.tasks, None);
            }
            for phase in 0..self.pipelines[pipeline].phases.len() {
                let spec = self.pipelines[pipeline].phases[phase].spec;
                self.incomplete |= spec.tasks.broken;
                self.check_phase(lower, spec);
                self.declare(lower, &spec.tasks, Some((pipeline, phase)));
                for handoff in handoffs.get(&(pipeline, phase)).into_iter().flatten() {
                    self.push_handoff(lower, *handoff, (pipeline, phase));
                }
            }
        }
        if !self.pipelines.iter().any(|p| p.convergent) {
            self.declare(lower, &file.tasks, None);
        }
        for barrier in &mut self.barriers {
            for (pipeline, phase) in &barrier.after {
                barrier.waits_for.extend(&self.pipelines[*pipeline].phases[*phase].tasks);
            }
        }
        if self.tasks.len() <= TASKS_MAX {
            return Some(());
        }
        let at = self.tasks.get(TASKS_MAX).map_or(0..0, |task| task.span.clone());
        lower.report(
            Diagnostic::error(
                "too-large",
                format!("{base} would have {} tasks; at most {TASKS_MAX}", self.tasks.len()),
            )
            .at(at, "one too many"),
        );
        None
    }

    fn check_phase(&self, lower: &mut Lower<'f>, spec: &Phase) {
        if spec.tasks.entries.is_empty() && !spec.tasks.broken && !spec.name.broken {
            lower.report(
                Diagnostic::error("empty", format!("the phase `{}` has no tasks", spec.name.value.0))
                    .at(spec.at.clone(), "nothing to do here"),
            );
        }
    }

    fn declare(&mut self, lower: &mut Lower<'f>, tasks: &'f Map<Entry>, place: Option<(usize, usize)>) {
        for (key, task) in tasks.tasks() {
            let index = self.tasks.len();
            self.tasks.push(TaskSpot {
                id: key.value.0.clone(),
                span: key.span.clone(),
                place,
                kind: Kind::Declared(task),
            });
            if let Some((pipeline, phase)) = place {
                self.pipelines[pipeline].phases[phase].tasks.push(index);
            }
            self.name(lower, &key.value.0, &key.span, Target::Task(index));
        }
    }

    /// Handoffs by source phase, in file order.
    fn handoffs(&self, lower: &mut Lower<'f>) -> HashMap<(usize, usize), Vec<Kind<'f>>> {
        let mut all: HashMap<(usize, usize), Vec<Kind<'f>>> = HashMap::new();
        for (barrier, spot) in self.barriers.iter().enumerate() {
            let mut seen: Vec<(usize, usize)> = Vec::new();
            for spec in spot.spec.handoffs.iter() {
                let (from, to) = (self.pipeline(&spec.from, lower), self.pipeline(&spec.to, lower));
                let (Some(from), Some(to)) = (from, to) else { continue };
                let Some(source) = spot.after.iter().find(|(pipeline, _)| *pipeline == from) else {
                    if !spot.spec.after.broken && spot.after.len() == spot.spec.after.entries.len() {
                        let diagnostic = Diagnostic::error(
                            "not-at-barrier",
                            format!("`{}` does not meet at the barrier `{}`", spec.from.value.0, spot.id),
                        )
                        .at(spec.from.span.clone(), "has nothing to hand over here");
                        // A barrier may lack its `after` altogether.
                        lower.report(match spot.spec.after.entries.first() {
                            Some((first, _)) => {
                                diagnostic.at(first.span.clone(), "`after` names those who meet")
                            }
                            None => diagnostic.help("`after` names those who meet: `after: {a: 1, b: 1}`"),
                        });
                    }
                    continue;
                };
                if from == to {
                    lower.report(
                        Diagnostic::error("handoff-to-itself", "a handoff goes from one pipeline to another")
                            .at(spec.to.span.clone(), "the same as `from`"),
                    );
                } else if seen.contains(&(from, to)) {
                    lower.report(
                        Diagnostic::error("duplicate-handoff", "this direction is here twice")
                            .at(spec.at.clone(), "the second one")
                            .help("put all of its `key_content` into one handoff"),
                    );
                } else {
                    seen.push((from, to));
                    all.entry(*source).or_default().push(Kind::Handoff { barrier, spec, from, to });
                }
            }
        }
        all
    }

    fn push_handoff(&mut self, lower: &mut Lower<'f>, kind: Kind<'f>, place: (usize, usize)) {
        let Kind::Handoff { barrier, spec, from, to } = kind else { return };
        let spot = &self.barriers[barrier];
        let id = format!("{}_{}-to-{}", spot.id, self.pipelines[from].alias, self.pipelines[to].alias);
        let index = self.tasks.len();
        self.barriers[barrier].handoffs.push(Crossing { task: index, from, to });
        self.name(lower, &id, &spec.at, Target::Task(index));
        self.tasks.push(TaskSpot { id, span: spec.at.clone(), place: Some(place), kind });
    }

    fn name(&mut self, lower: &mut Lower<'f>, id: &str, span: &Span, target: Target) {
        if id.is_empty() {
            return;
        }
        if let Some((_, earlier)) = self.names.get(id) {
            let (first, second) = if earlier.start < span.start { (earlier, span) } else { (span, earlier) };
            lower.report(
                Diagnostic::error("duplicate-name", format!("the name `{id}` is taken"))
                    .at(second.clone(), "the second one")
                    .at(first.clone(), "the first one")
                    .help("tasks and barriers are named once in the whole workflow"),
            );
            return;
        }
        self.names.insert(id.to_owned(), (target, span.clone()));
    }
}

fn name(lower: &mut Lower<'_>, given: Option<&At<Plain>>, key: &str) -> String {
    given.map_or_else(|| super::header::human(key), |at| lower.template.text(at))
}

/// The alias and where it came from.
fn alias(given: Option<&At<Id>>, skill: Option<&At<Id>>, key: &str) -> (String, &'static str) {
    if let Some(given) = given {
        return (given.value.0.clone(), "workflow");
    }
    let registered = skill.and_then(|at| SKILLS.iter().find(|(skill, _)| *skill == at.value.0));
    registered.map_or_else(|| (key.to_owned(), "derived"), |(_, short)| ((*short).to_owned(), "skill"))
}

fn phases<'f>(lower: &mut Lower<'_>, specs: &'f [Phase], first: u32) -> Vec<PhaseSpot<'f>> {
    let numbered = specs.iter().zip(first..);
    numbered
        .map(|(spec, number)| {
            let slug = slug(&lower.template.text(&spec.name));
            let path_id =
                if slug.is_empty() { format!("phase-{number}") } else { format!("phase-{number}-{slug}") };
            PhaseSpot { spec, number, path_id, tasks: vec![], ending: vec![] }
        })
        .collect()
}
