//! The indexes of the frontier, recomputed from the rest of the state: after another plan, and for tests.

use super::state::{BarrierStage, Frontier, State, StepStatus, TaskStage, WorkspaceState};

impl State {
    /// For tests: compares the frontier with a naive recomputation over all tasks.
    ///
    /// # Errors
    /// Which index differs, and how.
    #[cfg(any(test, feature = "planted"))]
    pub fn check_front(&self) -> Result<(), String> {
        let naive = self.front_anew();
        let mut wrong = Vec::new();
        macro_rules! compare {
            ($($field:ident)*) => { $(
                if self.front.$field != naive.$field {
                    wrong.push(format!(
                        "{}: kept {:?}, should be {:?}",
                        stringify!($field), self.front.$field, naive.$field
                    ));
                }
            )* };
        }
        // Nothing stays due over the end of an input.
        compare!(due ready queued resting deadlines ensuring releasing merging checkpointing
            tasks_left barriers_left given_up open_approvals ahead had);
        for (ix, it) in self.tasks.iter().enumerate() {
            let waits = self.waits_anew(ix);
            if self.start.is_some() && it.stage == TaskStage::Waiting && it.waits != waits {
                wrong.push(format!("{}: waits for {}, should be {waits}", self.graph.task(ix).id, it.waits));
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    }

    pub(super) fn front_anew(&self) -> Frontier {
        let mut front = Frontier {
            ranks: self.front.ranks.clone(),
            learned: self.front.learned,
            ahead: super::rank::counted_ahead(self),
            had: super::order::counted_had(self),
            ..Frontier::default()
        };
        let going_on = !self.is_over();
        for (ix, it) in self.tasks.iter().enumerate() {
            front.tasks_left += usize::from(!it.stage.is_done());
            front.given_up += usize::from(matches!(it.stage, TaskStage::Failed(_)));
            if it.workspace == WorkspaceState::Releasing {
                front.releasing.insert(ix);
            }
            if !going_on {
                continue;
            }
            match it.stage {
                TaskStage::Ready => drop(front.ready.insert(super::rank::place(self, ix))),
                TaskStage::Preparing
                | TaskStage::Capturing
                | TaskStage::Committing(_)
                | TaskStage::Weighing
                | TaskStage::Growing => {
                    front.ensuring.insert(ix);
                }
                TaskStage::Working if !self.is_leaving(ix) => {
                    for (at, step) in it.steps.iter().enumerate() {
                        match step.status {
                            StepStatus::Queued => drop(front.queued.insert((ix, at))),
                            StepStatus::Resting(until) => drop(front.resting.insert((until, ix, at))),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        for (b, it) in self.barriers.iter().enumerate() {
            front.barriers_left += usize::from(it.stage != BarrierStage::Complete);
            front.given_up += usize::from(matches!(it.stage, BarrierStage::Failed(_)));
            if it.stage == BarrierStage::Merging && going_on {
                front.merging.insert(b);
            }
        }
        let unstopped = self.live.iter().filter(|(_, l)| l.stopping.is_none());
        front.deadlines = unstopped.map(|(a, l)| (l.deadline, a.clone())).collect();
        let open = self.checkpoints.iter().enumerate();
        let open = open.filter(|(_, c)| c.revision.is_none() && c.failed.is_none());
        front.checkpointing = open.map(|(at, _)| at).collect();
        let asked = self.approvals.iter().filter(|(_, a)| a.answer.is_none() && a.void.is_none());
        front.open_approvals = asked.map(|(id, _)| id.clone()).collect();
        front
    }

    /// Needs, barriers and inputs that are not there.
    pub(super) fn waits_anew(&self, ix: usize) -> u32 {
        use crate::plan::Input;
        let graph = &self.graph;
        let task = graph.task(ix);
        let absent = self.absent();
        let accepted = |t: &usize| self.tasks[*t].stage.is_done();
        let needs = task.needs.iter().filter_map(|t| graph.ix(t)).filter(|t| !accepted(t));
        let complete = |b: &usize| self.barriers[*b].stage == BarrierStage::Complete;
        let behind = task.behind.iter().filter_map(|b| graph.barrier_ix(b)).filter(|b| !complete(b));
        let inputs = task.inputs.iter().filter(|input| match input {
            Input::Outside { name, .. } => !self.declared_inputs.contains_key(name),
            Input::File { path } => absent.contains(path) && !self.declared_inputs.contains_key(path),
            _ => false,
        });
        let precheck = graph
            .handoff_of(ix)
            .filter(|b| matches!(self.barriers[*b].stage, BarrierStage::Waiting | BarrierStage::Arrived));
        (needs.count() + behind.count() + inputs.count() + precheck.iter().count()) as u32
    }
}
