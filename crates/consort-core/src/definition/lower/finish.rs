//! What can be said only of the whole: stages, patterns, completion.

use super::Lower;
use super::links::{Links, Order};
use super::outline::Outline;
use super::task_id;
use crate::definition::diagnostic::{Diagnostic, closest};
use crate::definition::file_work;
use crate::ids::PipelineId;
use crate::plan::{Completion, CompletionBy, Output, Plan, Runtime, Stage};

/// Phases by the indexes of pipeline and phase.
type Members = Vec<(usize, usize)>;

/// Sets of phases that end together, in the order in which they can end. A phase that ends at
/// several barriers belongs to the first one in the file.
pub(super) fn stages(outline: &Outline<'_>, order: &Order) -> Vec<Stage> {
    let mut groups: Vec<(Option<usize>, Members)> = Vec::new();
    for (pipeline, spot) in outline.pipelines.iter().enumerate() {
        for (phase, spec) in spot.phases.iter().enumerate() {
            let barrier = spec.ending.first().copied();
            let group = groups.iter_mut().find(|(b, _)| b.is_some() && *b == barrier);
            match group {
                Some((_, members)) => members.push((pipeline, phase)),
                None => groups.push((barrier, vec![(pipeline, phase)])),
            }
        }
    }
    let ends = |members: &[(usize, usize)]| {
        let tasks = members.iter().flat_map(|(p, f)| &outline.pipelines[*p].phases[*f].tasks);
        tasks.map(|t| order.depth[*t]).max().unwrap_or(0)
    };
    groups.sort_by_key(|(_, members)| ends(members));
    groups.iter().map(|(_, members)| stage(outline, members)).collect()
}

fn stage(outline: &Outline<'_>, members: &[(usize, usize)]) -> Stage {
    let spot = |(pipeline, phase): &(usize, usize)| {
        let pipeline = &outline.pipelines[*pipeline];
        (pipeline, &pipeline.phases[*phase])
    };
    let number = members.first().map_or(0, |m| spot(m).1.number);
    let in_step = members.len() > 1 || outline.pipelines.len() == 1 || alone_at(outline, number);
    let subject = if in_step && members.iter().all(|m| spot(m).1.number == number) {
        format!("phase {number}")
    } else {
        let each = members.iter().map(|m| format!("{} phase {}", spot(m).0.alias, spot(m).1.number));
        each.collect::<Vec<_>>().join(", ")
    };
    Stage {
        subject,
        phases: members.iter().map(|m| (PipelineId::from(spot(m).0.id.as_str()), spot(m).1.number)).collect(),
        tasks: members
            .iter()
            .flat_map(|m| &spot(m).1.tasks)
            .map(|t| task_id(&outline.tasks[*t].id))
            .collect(),
    }
}

/// No other pipeline has a phase of this number: `phase 3` says which one is meant.
fn alone_at(outline: &Outline<'_>, number: u32) -> bool {
    outline.pipelines.iter().flat_map(|p| &p.phases).filter(|p| p.number == number).count() == 1
}

/// Names of patterns in the graph.
pub(super) fn patterns(outline: &Outline<'_>, links: &Links<'_>, order: &Order, plan: &Plan) -> Vec<String> {
    let declared: Vec<usize> =
        (0..outline.tasks.len()).filter(|t| outline.tasks[*t].declared().is_some()).collect();
    let mut needed_by = vec![0_usize; outline.tasks.len()];
    declared.iter().flat_map(|t| &links.needs[*t]).for_each(|needed| needed_by[*needed] += 1);
    let mut depths: Vec<u32> = declared.iter().map(|t| order.depth[*t]).collect();
    depths.sort_unstable();
    let side_by_side = depths.windows(2).any(|pair| pair[0] == pair[1]);
    let deep = declared.iter().any(|t| order.depth[*t] > 0);
    let joins =
        declared.iter().any(|t| links.needs[*t].len() > 1) || outline.pipelines.iter().any(|p| p.convergent);
    [
        ("SEQUENTIAL", deep),
        ("CONCURRENT", side_by_side),
        ("BARRIER_SYNC", !plan.barriers.is_empty()),
        ("CROSS_POLLINATED", plan.barriers.iter().any(|b| !b.handoffs.is_empty())),
        ("HIERARCHICAL", true),
        ("FAN_OUT", needed_by.iter().any(|n| *n > 1)),
        ("FAN_IN", joins),
    ]
    .into_iter()
    .filter(|(_, found)| *found)
    .map(|(name, _)| name.to_owned())
    .collect()
}

/// True if no real agent is left to run.
pub(super) fn all_rehearse(plan: &Plan) -> bool {
    let rehearses = |runtime: &Runtime| matches!(runtime, Runtime::Rehearsal { .. });
    !plan.tasks.is_empty()
        && plan.tasks.iter().all(|t| {
            rehearses(&t.creator.runtime)
                && (t.review_groups.is_empty() || rehearses(&t.critic.runtime))
                && (!t.judged || rehearses(&t.judge.runtime))
        })
}

impl Lower<'_> {
    pub(super) fn completion(&mut self, plan: &Plan) -> Vec<Completion> {
        let file = self.file;
        file.completion.iter().filter_map(|spec| self.criterion_of_the_whole(spec, plan)).collect()
    }

    fn criterion_of_the_whole(&mut self, spec: &file_work::Completion, plan: &Plan) -> Option<Completion> {
        let kinds = [
            spec.phases.is_some(),
            spec.barriers.is_some(),
            spec.artifact.is_some(),
            spec.declared.is_some(),
        ];
        if kinds.iter().filter(|given| **given).count() != 1 {
            self.report(
                Diagnostic::error(
                    "one-criterion",
                    "a completion criterion is one of `phases`, `barriers`, `artifact` and `declared`",
                )
                .at(spec.at.clone(), "which one is meant?"),
            );
            return None;
        }
        let (name, validation, by) = if spec.phases.is_some() {
            ("All phases complete".into(), "every task is accepted".into(), CompletionBy::Phases)
        } else if spec.barriers.is_some() {
            ("All barriers synced".into(), "every barrier is COMPLETE".into(), CompletionBy::Barriers)
        } else if let Some(declared) = &spec.declared {
            (self.template.text(declared), "a person says so".to_owned(), CompletionBy::Person)
        } else {
            let path = self.artifact_path(spec.artifact.as_ref()?, plan)?;
            ("Artifact accepted".into(), format!("{path} exists"), CompletionBy::Artifact(path))
        };
        Some(Completion {
            name: spec.name.as_ref().map_or(name, |at| self.template.text(at)),
            validation: spec.validation.as_ref().map_or(validation, |at| self.template.text(at)),
            by,
        })
    }

    /// The path of an artifact, named by its task or itself.
    fn artifact_path(
        &mut self,
        at: &crate::definition::decode::At<crate::definition::values::Plain>,
        plan: &Plan,
    ) -> Option<String> {
        let named = self.template.text(at);
        if at.broken {
            return None;
        }
        let documents = || {
            plan.tasks.iter().filter_map(|t| match &t.output {
                Output::Document { paths } => Some((t.id.as_str(), paths)),
                _ => None,
            })
        };
        if let Some((_, paths)) = documents().find(|(id, _)| *id == named) {
            return paths.first().cloned();
        }
        if documents().any(|(_, paths)| paths.contains(&named)) {
            return Some(named);
        }
        let diagnostic = Diagnostic::error("unknown-artifact", format!("no task makes a document `{named}`"));
        let known: Vec<&str> =
            documents().flat_map(|(id, paths)| paths.iter().map(String::as_str).chain([id])).collect();
        let meant = closest(&named, known.iter().copied());
        let diagnostic = match meant {
            Some(meant) => diagnostic.at(at.span.clone(), format!("did you mean `{meant}`?")),
            None => diagnostic
                .at(at.span.clone(), "neither a task nor a path of one")
                .help("name the task that makes it, such as `artifact: final-report`"),
        };
        self.report(diagnostic);
        None
    }
}
