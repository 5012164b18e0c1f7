//! People who answer, now and then twice, late or with no.

use super::chance::Chooser;
use consort_core::ids::ApprovalId;
use consort_core::run::{Approval, ApprovalKind, Command, Reach, RunStatus, State, TaskStage, shown};

/// The people around a run.
#[derive(Clone, Debug, Default)]
pub struct People {
    /// So many of 1,000 answers are no.
    pub no: u32,
    /// So many of 1,000 answers are given to a question that was answered or is moot.
    pub late: u32,
    /// After so many answers people are tired: they only say yes, and give up what is held.
    pub patience: u32,
    /// False: nobody is there.
    pub there: bool,
}

impl People {
    /// People who say yes to everything, and give up nothing while it can go on.
    pub fn kind() -> Self {
        People { there: true, patience: u32::MAX, ..People::default() }
    }

    /// True if somebody has something to say.
    pub fn wants(&self, state: &State) -> bool {
        let open = state.open_approvals().next().is_some();
        self.there && !state.is_over() && !state.cancelling && (open || state.status == RunStatus::Paused)
    }

    /// What somebody says.
    pub fn say(&mut self, state: &State, chooser: &mut dyn Chooser) -> Option<Command> {
        if state.status == RunStatus::Paused && (state.is_quiet() || chooser.chance(300)) {
            return Some(Command::Unpause);
        }
        let open: Vec<(&ApprovalId, &Approval)> = state.open_approvals().collect();
        if open.is_empty() {
            return (state.status == RunStatus::Paused).then_some(Command::Unpause);
        }
        if chooser.chance(self.late) && !state.approvals.is_empty() {
            let any: Vec<&ApprovalId> = state.approvals.keys().collect();
            let approval = any[chooser.pick(any.len())].clone();
            return Some(self.answer(approval, chooser));
        }
        let (approval, asked) = open[chooser.pick(open.len())];
        let (approval, note) = (approval.clone(), Some("enough"));
        if self.patience == 0 {
            let held = matches!(asked.kind, ApprovalKind::Held { .. } | ApprovalKind::BarrierHeld { .. });
            return Some(if held {
                Command::give_up(approval, note)
            } else {
                Command::approve(approval, note)
            });
        }
        if let ApprovalKind::Held { task, .. } = &asked.kind
            && chooser.chance(self.no)
        {
            self.patience = self.patience.saturating_sub(1);
            let (task, instead_of) = (task.clone(), chooser.chance(700).then(|| approval.clone()));
            let note = chooser.chance(500).then(|| "once more".to_owned());
            return Some(Command::Retry { task, note, instead_of });
        }
        let mut command = self.answer(approval.clone(), chooser);
        if let (Command::Approve { reach, .. }, ApprovalKind::Permission { .. }) = (&mut command, &asked.kind)
        {
            *reach = [Reach::Call, Reach::Call, Reach::Task, Reach::Run][chooser.pick(4)];
        }
        // Most look at what they answer; now and then somebody looked at something else.
        if let Command::Approve { seen, .. } | Command::Reject { seen, .. } = &mut command
            && chooser.chance(700)
        {
            let other = chooser.chance(self.late);
            *seen = Some(if other { "00000000".into() } else { shown(state, &approval, asked) });
        }
        Some(command)
    }

    fn answer(&mut self, approval: ApprovalId, chooser: &mut dyn Chooser) -> Command {
        self.patience = self.patience.saturating_sub(1);
        let note = chooser.chance(700).then_some("because");
        match chooser.chance(self.no) {
            false => Command::approve(approval, note),
            true if chooser.chance(300) => Command::give_up(approval, note),
            true => Command::reject(approval, note),
        }
    }

    /// Back to some checkpoint, but not for ever.
    pub fn roll_back(state: &State, chooser: &mut dyn Chooser) -> Option<Command> {
        let there: Vec<&consort_core::run::Checkpoint> =
            state.checkpoints.iter().filter(|c| c.revision.is_some()).collect();
        let to = there.get(chooser.pick(there.len().max(1)))?.id.clone();
        (state.rollbacks.len() < 4).then_some(Command::Rollback { to, note: Some("not so".into()) })
    }

    /// A word for somebody.
    pub fn steer(state: &State, chooser: &mut dyn Chooser) -> Option<Command> {
        let task = state.graph.plan.tasks.get(chooser.pick(state.tasks.len()))?.id.clone();
        Some(Command::Steer { task, text: "é".repeat(1_200), now: chooser.chance(500) })
    }

    /// A task that somebody might try again.
    pub fn retry(state: &State) -> Option<Command> {
        let held =
            (0..state.tasks.len()).find(|ix| matches!(state.tasks[*ix].stage, TaskStage::Failed(_)))?;
        Some(Command::retry(state.graph.task(held).id.clone()))
    }
}
