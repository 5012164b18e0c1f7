//! Budgets: the run's, and those of its parts with every default filled in.

use super::Lower;
use super::outline::{Kind, Outline};
use crate::definition::decode::At;
use crate::definition::diagnostic::Diagnostic;
use crate::definition::file_gates::{Daily, Share};
use crate::plan::{Budget, Plan, Shares};
use crate::quality::Score;

impl<'f> Lower<'f> {
    /// What the whole run may use up.
    pub(super) fn budget(&mut self) -> Budget {
        let Some(given) = self.file.limits.as_ref().and_then(|l| l.budget.as_ref()) else {
            return Budget::default();
        };
        self.at_least_one(given.agent_calls.as_ref(), "agent_calls");
        self.can_warn(given.warn_at.as_ref());
        Budget {
            agent_calls_max: given.agent_calls.as_ref().map(|at| at.value),
            micro_usd_max: given.usd.as_ref().map(|at| at.value.0),
            tokens_max: given.tokens.as_ref().map(|at| at.value.0),
            wall_ms_max: given.wall.as_ref().map(|at| at.value.0),
            warn_at: given.warn_at.as_ref().map(|at| at.value),
            then: given.then.as_ref().map(|at| at.value).unwrap_or_default(),
        }
    }

    /// What each task and each pipeline may use up: key by key its own word, then the workflow's.
    pub(super) fn shares(&mut self, outline: &Outline<'f>, plan: &Plan) -> Shares {
        let file = self.file;
        let all = file.limits.as_ref().and_then(|l| l.budget.as_ref());
        let Budget { warn_at, then, .. } = plan.limits.budget;
        let none = Budget { warn_at, then, ..Budget::default() };
        let per_task = self.over(none, all.and_then(|b| b.per_task.as_ref()));
        let per_pipeline = self.over(none, all.and_then(|b| b.per_pipeline.as_ref()));
        let mut shares = Shares::default();
        // A rehearsal spends nothing that anybody would count by the day.
        if let Some(day) = all.and_then(|b| b.per_day.as_ref()).filter(|_| !plan.rehearsal) {
            shares.day = self.daily(none, day);
        }
        for spot in &outline.tasks {
            let own = match spot.kind {
                Kind::Declared(task) => task.budget.as_ref(),
                Kind::Handoff { .. } => None,
            };
            shares.tasks.insert(super::task_id(&spot.id), self.over(per_task, own));
        }
        for spot in &outline.pipelines {
            let own = match spot.convergent {
                true => file.convergent.as_ref().and_then(|spec| spec.budget.as_ref()),
                false => {
                    let named = file.pipelines.iter().find(|(key, _)| key.value.0 == spot.id);
                    named.and_then(|(_, spec)| spec.budget.as_ref())
                }
            };
            shares.pipelines.insert(spot.id.as_str().into(), self.over(per_pipeline, own));
        }
        shares.tasks.retain(|_, budget| !budget.is_unlimited());
        shares.pipelines.retain(|_, budget| !budget.is_unlimited());
        shares
    }

    pub(super) fn over(&mut self, base: Budget, own: Option<&Share>) -> Budget {
        let Some(own) = own else { return base };
        self.at_least_one(own.agent_calls.as_ref(), "agent_calls");
        self.can_warn(own.warn_at.as_ref());
        Budget {
            agent_calls_max: own.agent_calls.as_ref().map(|at| at.value).or(base.agent_calls_max),
            micro_usd_max: own.usd.as_ref().map(|at| at.value.0).or(base.micro_usd_max),
            tokens_max: own.tokens.as_ref().map(|at| at.value.0).or(base.tokens_max),
            wall_ms_max: own.wall.as_ref().map(|at| at.value.0).or(base.wall_ms_max),
            warn_at: own.warn_at.as_ref().map(|at| at.value).or(base.warn_at),
            then: own.then.as_ref().map_or(base.then, |at| at.value),
        }
    }

    fn daily(&mut self, base: Budget, own: &Daily) -> Budget {
        self.at_least_one(own.agent_calls.as_ref(), "agent_calls");
        self.can_warn(own.warn_at.as_ref());
        Budget {
            agent_calls_max: own.agent_calls.as_ref().map(|at| at.value),
            micro_usd_max: own.usd.as_ref().map(|at| at.value.0),
            tokens_max: own.tokens.as_ref().map(|at| at.value.0),
            wall_ms_max: None,
            warn_at: own.warn_at.as_ref().map(|at| at.value).or(base.warn_at),
            then: own.then.as_ref().map_or(base.then, |at| at.value),
        }
    }

    fn can_warn(&mut self, at: Option<&At<Score>>) {
        if let Some(at) = at
            && at.value == Score::ZERO
        {
            self.report(
                Diagnostic::error("out-of-range", "`warn_at: 0` would warn before anything is used")
                    .at(at.span.clone(), "above 0, such as 0.8"),
            );
        }
    }
}
