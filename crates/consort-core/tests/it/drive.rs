//! Drives the brain with instant, well-behaved results: a run without a world.

use consort_core::ids::{ContentHash, Revision, Step};
use consort_core::plan::Plan;
use consort_core::quality::Score;
use consort_core::run::*;
use consort_core::time::Timestamp;
use std::sync::Arc;

/// A run and all that happened in it.
pub(crate) struct Run {
    pub(crate) state: State,
    pub(crate) now: Timestamp,
    /// Plain lines, as they were printed.
    pub(crate) lines: Vec<String>,
    /// By task and round; else 0.85, 0.9310, 0.9405 and so on.
    pub(crate) score: fn(&str, u32) -> Option<&'static str>,
    /// What becomes of an attempt that does not simply succeed.
    pub(crate) mishap: fn(&consort_core::ids::AttemptId) -> Option<Exit>,
}

fn hex(text: &str, digits: usize) -> String {
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    let mut out = String::new();
    while out.len() < digits {
        for byte in text.bytes() {
            state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        out.push_str(&format!("{state:016x}"));
    }
    out.truncate(digits);
    out
}

pub(crate) fn revision(text: &str) -> Revision {
    Revision(hex(text, 40))
}

fn hash(text: &str) -> ContentHash {
    ContentHash(hex(text, 64))
}

impl Run {
    pub(crate) fn start(plan: Plan, approve_all: bool) -> Self {
        let mut run = Run {
            state: State::new(Arc::new(Graph::new(plan))),
            now: Timestamp(1_771_577_188_000),
            lines: Vec::new(),
            score: |_, _| None,
            mishap: |_| None,
        };
        let id = run.state.graph.plan.workflow.id.clone();
        let start = StartRun {
            run: id,
            plan: hash("plan"),
            base: Some(revision("base")),
            nonce: hex("nonce", 32),
            approve_all,
            absent: vec!["PLAN.md".into()],
            unseen: Vec::new(),
            from: None,
            source: None,
        };
        run.command(Command::Start(Box::new(start)));
        run.input(Input::Opened { runner: "pid 4711 on example".into(), found: Vec::new() });
        run
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.input(Input::Command { by: "jane".into(), via: "terminal".into(), command });
    }

    pub(crate) fn answer(&mut self, yes: bool, note: Option<&str>) {
        let approval = self.state.open_approvals().next().expect("a question").0.clone();
        self.command(if yes { Command::approve(approval, note) } else { Command::reject(approval, note) });
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.now = self.now.plus_ms(1_500);
        let events = step(&mut self.state, &input, self.now).expect("not refused");
        self.lines.extend(events.iter().filter_map(|e| consort_core::view::live::line(e, &self.state)));
    }

    /// One report for the first wish that has one. False: nothing more goes on by itself.
    pub(crate) fn tick(&mut self) -> bool {
        let all = wanted(&self.state);
        let starts = all.iter().find(|e| matches!(e, Effect::Start(_)));
        let ensures = all.iter().find(|e| matches!(e, Effect::Ensure(_)));
        let oldest = all.iter().min_by_key(|e| match e {
            Effect::Watch(attempt, _) => self.state.live.get(attempt).map(|l| l.since),
            _ => None,
        });
        let Some(report) = starts.or(ensures).or(oldest).map(|effect| self.report(effect)) else {
            let Some((at, _)) = next_deadline(&self.state) else { return false };
            self.now = self.now.max(at);
            self.input(Input::Tick);
            return true;
        };
        self.input(Input::Reported(report));
        true
    }

    /// Goes on until this is so; panics if it never is.
    pub(crate) fn until(&mut self, there: impl Fn(&State) -> bool) {
        for _ in 0..2_000 {
            if there(&self.state) {
                return;
            }
            assert!(self.tick(), "nothing goes on: {:?}", self.state.open_approvals().collect::<Vec<_>>());
        }
        panic!("it never came");
    }

    fn report(&self, effect: &Effect) -> Report {
        match effect {
            Effect::Start(start) => Report::AttemptStarted {
                attempt: start.attempt.clone(),
                process: ProcessIdentity { pid: 4242, start_ticks: 77, boot_id: "boot".into() },
            },
            Effect::Watch(attempt, _) | Effect::Stop(attempt, _) => {
                Report::AttemptEnded { attempt: attempt.clone(), ended: self.ended(attempt) }
            }
            Effect::Ensure(ensure) => self.ensured(ensure),
        }
    }

    fn ended(&self, attempt: &consort_core::ids::AttemptId) -> Ended {
        let exit = (self.mishap)(attempt).unwrap_or(Exit::Code(0));
        let it = &self.state.tasks[self.state.graph.ix(&attempt.task).expect("a task of the plan")];
        let critics = it.asked.iter().filter(|of| of.strategy.as_str() != "S-014");
        let fixed = critics.map(|of| ResponseLine { finding: format!("{}/F-001", of.strategy), fixed: true });
        let responses: Vec<_> = fixed.filter(|_| attempt.step == Step::SelfReview).collect();
        let review = |severity| Review {
            findings: vec![FindingLine::new("F-001", severity)],
            answer: hash(&attempt.to_string()),
            responses: responses.clone(),
        };
        let first = attempt.iteration == 1;
        let given = match &attempt.step {
            Step::Create => Given::Nothing,
            Step::SelfReview => Given::Review(review(Severity::Minor)),
            Step::Review(_) => Given::Review(review(if first { Severity::Major } else { Severity::Minor })),
            Step::Judge | Step::Panel(_) => Given::Scores {
                criteria: vec![
                    true;
                    self.state.graph.plan.task(&attempt.task).map_or(0, |t| t.criteria.len())
                ],
                scores: self.scores(attempt.task.as_str(), attempt.iteration),
                answer: hash(&attempt.to_string()),
            },
        };
        Ended {
            exit,
            given,
            wall_ms: 3_000,
            usage: Usage::default(),
            leaked: 0,
            record: None,
            session: None,
            outside: vec![],
        }
    }

    fn scores(&self, task: &str, iteration: u32) -> Vec<DimensionScore> {
        let usual = match iteration {
            1 => "0.85",
            2 => "0.931",
            _ => "0.9405",
        };
        let score = Score::parse((self.score)(task, iteration).unwrap_or(usual)).expect("a score");
        let dimensions = &self.state.graph.plan.quality.dimensions;
        dimensions.iter().map(|d| DimensionScore { dimension: d.id.clone(), score }).collect()
    }

    fn ensured(&self, ensure: &Ensure) -> Report {
        match ensure {
            Ensure::Told(told) => {
                Report::SessionTold { attempt: told.attempt.clone(), what: told.what.to_string() }
            }
            Ensure::Workspace { task, generation, .. } => Report::WorkspaceReady {
                task: task.clone(),
                generation: *generation,
                base: Some(revision("base")),
            },
            Ensure::Candidate { task, generation, iteration, .. } => {
                let plan = self.state.graph.plan.task(task).expect("a task");
                let made = format!("{task}/{generation}.{iteration}");
                let artifacts =
                    plan.output.paths().iter().map(|path| Artifact { path: path.clone(), hash: hash(&made) });
                let candidate = Candidate {
                    revision: revision(&made),
                    artifacts: artifacts.collect(),
                    strays: Vec::new(),
                };
                Report::CandidateCaptured {
                    task: task.clone(),
                    generation: *generation,
                    iteration: *iteration,
                    candidate,
                    problems: Vec::new(),
                    passed: Vec::new(),
                    raised: None,
                }
            }
            Ensure::Committed { task, candidate, .. } => {
                Report::TaskCommitted { task: task.clone(), revision: candidate.revision.clone() }
            }
            Ensure::BarrierCommit { barrier, set, handoffs, consumers, .. } => Report::BarrierMerged {
                barrier: barrier.clone(),
                set: *set,
                revision: revision(barrier.as_str()),
                handoffs: handoffs.clone(),
                rendered: consumers.iter().map(|c| c.attempt.task.clone()).collect(),
                blockers: Vec::new(),
            },
            Ensure::Checkpoint { checkpoint, .. } => Report::CheckpointCommitted {
                checkpoint: checkpoint.clone(),
                revision: revision(checkpoint.as_str()),
            },
            Ensure::Condition { task, generation, .. } => {
                Report::ConditionWeighed { task: task.clone(), generation: *generation, met: true }
            }
            Ensure::List { task, generation, .. } => {
                let (what, why) = ("list".into(), "nobody reads lists here".into());
                Report::Unclear { task: task.clone(), generation: *generation, what, why }
            }
            Ensure::Abandoned { number, .. } => Report::RefsAbandoned { number: *number },
            Ensure::Rewound { number, .. } => Report::RefsRewound { number: *number },
            Ensure::Released { task, generation, .. } => {
                Report::WorkspaceReleased { task: task.clone(), generation: *generation, salvaged: None }
            }
            Ensure::Integrated { into, result, .. } => {
                Report::Integrated { into: into.clone(), revision: result.clone() }
            }
        }
    }
}
