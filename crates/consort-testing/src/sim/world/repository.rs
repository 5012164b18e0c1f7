//! The repository and its workspaces: commits, merges, refs, captures.

use super::{Clash, Commit, Content, World, commit_id};
use crate::sim::players::Profile;
use consort_core::ids::{BarrierId, CheckpointId, ContentHash, Revision, TaskId};
use consort_core::plan::growth::{Item, expanded};
use consort_core::plan::{Criticality, Task, TaskKind};
use consort_core::planted::Bug;
use consort_core::run::*;
use std::collections::{BTreeMap, BTreeSet};

impl World {
    /// Makes it so.
    /// `tips` are those of a checkpoint.
    pub fn ensure(&mut self, wish: &Ensure, key: &str, tips: &[Tip]) -> Vec<Report> {
        let failing =
            self.failing.iter_mut().find(|(start, left)| key.starts_with(start.as_str()) && **left > 0);
        if let Some((_, left)) = failing {
            *left -= 1;
            return vec![Report::EffectFailed { effect: key.to_owned(), why: "the disk is full".into() }];
        }
        match wish {
            Ensure::Workspace { task, generation, tips, .. } => self.workspace(task, *generation, tips),
            Ensure::Candidate { .. } => self.capture(wish),
            Ensure::Committed { task, generation, candidate, .. } => {
                self.commit_task(task, *generation, candidate, key)
            }
            Ensure::BarrierCommit { .. } => self.commit_barrier(wish),
            Ensure::Checkpoint { checkpoint, .. } => self.checkpoint(checkpoint.clone(), tips),
            Ensure::Condition { task, generation, .. } => {
                let met = !self.unmet.contains(task);
                vec![Report::ConditionWeighed { task: task.clone(), generation: *generation, met }]
            }
            Ensure::List { task, generation, from, .. } => vec![self.list(task, *generation, from)],
            Ensure::Abandoned { number, gone, .. } => {
                for (task, generation, _) in gone {
                    let leaf = format!("{task}--{generation}");
                    if let Some(revision) = self.refs.remove(&format!("task/{leaf}")) {
                        self.refs.insert(format!("abandoned/{leaf}"), revision);
                    }
                }
                vec![Report::RefsAbandoned { number: *number }]
            }
            Ensure::Rewound { number, kept, .. } => {
                self.rewind(kept);
                vec![Report::RefsRewound { number: *number }]
            }
            Ensure::Released { task, generation, .. } => {
                self.workspaces.remove(&(task.clone(), *generation));
                vec![Report::WorkspaceReleased {
                    task: task.clone(),
                    generation: *generation,
                    salvaged: None,
                }]
            }
            Ensure::Told(told) => {
                self.tell(told);
                vec![Report::SessionTold { attempt: told.attempt.clone(), what: told.what.to_string() }]
            }
            Ensure::Integrated { into, result, .. } => {
                vec![Report::Integrated { into: into.clone(), revision: result.clone() }]
            }
        }
    }

    /// The plan that a list of so many items makes.
    fn list(&mut self, task: &TaskId, generation: u32, from: &ContentHash) -> Report {
        let (task, from) = (task.clone(), from.clone());
        let plan = self.later.get(&from).unwrap_or(&self.plan);
        let count = self.lists.get(&task).copied().unwrap_or(2);
        let item = |n: u32| Item { json: n.to_string(), ..Item::default() };
        let items: Vec<Item> = (1..=count).map(item).collect();
        match expanded(plan, &task, &items) {
            Ok(grown) => {
                let plan = super::content_id(&serde_json::to_string(&grown).expect("a plan"));
                self.later.insert(plan.clone(), grown);
                let names = (1..=count.min(12)).map(|n| n.to_string()).collect();
                Report::ListTaken { task, generation, from, plan, count, names }
            }
            Err(wrong) => Report::Unclear { task, generation, what: "list".into(), why: wrong.join("; ") },
        }
    }

    /// Exactly the kept tasks have their refs; what was given up lies under `abandoned/`.
    fn rewind(&mut self, kept: &[(TaskId, u32, Revision)]) {
        let leaf = |task: &TaskId, generation: &u32| format!("{task}--{generation}");
        let keeps: BTreeSet<String> = kept.iter().map(|(task, g, _)| leaf(task, g)).collect();
        let all: Vec<(String, Revision)> = self.refs.iter().map(|(n, r)| (n.clone(), r.clone())).collect();
        for (name, revision) in all {
            let gone = name.strip_prefix("task/").filter(|leaf| !keeps.contains(*leaf));
            let back = name.strip_prefix("abandoned/").filter(|leaf| keeps.contains(*leaf));
            if let Some(leaf) = gone {
                self.refs.insert(format!("abandoned/{leaf}"), revision);
                self.refs.remove(&name);
            } else if let Some(leaf) = back {
                self.refs.insert(format!("task/{leaf}"), revision);
                self.refs.remove(&name);
            }
        }
    }

    fn commit(
        &mut self,
        about: &str,
        parents: Vec<Revision>,
        tree: BTreeMap<String, ContentHash>,
    ) -> Revision {
        let id = commit_id(&format!("{about} {parents:?} {tree:?}"));
        self.commits.insert(id.clone(), Commit { parents, tree });
        id
    }

    fn checkpoint(&mut self, checkpoint: CheckpointId, tips: &[Tip]) -> Vec<Report> {
        let mut tree = match self.merge(tips) {
            Ok(tree) => tree,
            Err((_, paths)) => return vec![Report::CheckpointConflicted { checkpoint, paths }],
        };
        if Bug::CheckpointWithoutArtifact.is_planted() {
            tree.pop_last();
        }
        let parents = tips.iter().map(|t| t.revision.clone()).collect();
        let revision = self.commit(&format!("checkpoint {checkpoint}"), parents, tree);
        self.set_ref(&format!("checkpoint/{checkpoint}"), &revision);
        vec![Report::CheckpointCommitted { checkpoint, revision }]
    }

    /// Merges trees; a path on which two sides differ, and neither is the base's, is in conflict.
    fn merge(&self, tips: &[Tip]) -> Result<BTreeMap<String, ContentHash>, Clash> {
        let base = self.commits.get(&World::base()).map(|c| c.tree.clone()).unwrap_or_default();
        let mut merged = base.clone();
        let mut from: BTreeMap<String, &str> = BTreeMap::new();
        for tip in tips {
            let Some(commit) = self.commits.get(&tip.revision) else { continue };
            for (path, hash) in &commit.tree {
                let there = merged.get(path);
                if there == Some(hash) || base.get(path) == Some(hash) {
                    continue;
                }
                if there.is_some() && there != base.get(path) {
                    let other = from.get(path).copied().unwrap_or("base");
                    return Err(((other.to_owned(), tip.name.clone()), vec![path.clone()]));
                }
                merged.insert(path.clone(), hash.clone());
                from.insert(path.clone(), &tip.name);
            }
        }
        Ok(merged)
    }

    fn workspace(&mut self, task: &TaskId, generation: u32, tips: &[Tip]) -> Vec<Report> {
        let task = task.clone();
        match self.merge(tips) {
            Ok(tree) => {
                let parents = tips.iter().map(|t| t.revision.clone()).collect();
                let base = self.commit("base", parents, tree);
                self.workspaces.entry((task.clone(), generation)).or_insert(None);
                vec![Report::WorkspaceReady { task, generation, base: Some(base) }]
            }
            Err((between, paths)) => vec![Report::WorkspaceConflicted { task, generation, between, paths }],
        }
    }

    fn capture(&mut self, wish: &Ensure) -> Vec<Report> {
        let Ensure::Candidate { task, generation, iteration, base, inputs, .. } = wish else {
            return Vec::new();
        };
        let (task, generation, iteration) = (task.clone(), *generation, *iteration);
        let given = self.task(&task).and_then(|t| t.given.clone());
        if let Some(hash) = &given {
            let content = Content { task: task.clone(), version: 1, acknowledged: true };
            self.contents.insert(hash.clone(), content);
        }
        let written = given.or_else(|| self.workspaces.get(&(task.clone(), generation)).cloned().flatten());
        let Some(hash) = written else {
            let why = "its artifact is not there".to_owned();
            return vec![Report::CandidateRefused { task, generation, iteration, why }];
        };
        let paths: Vec<String> = self.task(&task).map(|t| t.output.paths().to_vec()).unwrap_or_default();
        let mut tree =
            base.as_ref().and_then(|b| self.commits.get(b)).map(|c| c.tree.clone()).unwrap_or_default();
        let mut artifacts = Vec::new();
        for path in paths {
            tree.insert(path.clone(), hash.clone());
            artifacts.push(Artifact { path, hash: hash.clone() });
        }
        let mut revision = self.commit(&format!("{task} {generation}"), base.iter().cloned().collect(), tree);
        if base.is_none() {
            revision = Revision(format!("plain:{revision}"));
        }
        let problems = self.problems(&task, &hash, inputs);
        let version = self.contents.get(&hash).map_or(1, |content| content.version);
        let escalated = Profile::at(&self.profile(&task).escalated, version, 0) > 0;
        let raised = escalated.then(|| Raised { level: Criticality::C4, rules: vec!["AE-001".into()] });
        let candidate = Candidate { revision, artifacts, strays: Vec::new() };
        vec![Report::CandidateCaptured {
            task,
            generation,
            iteration,
            candidate,
            problems,
            passed: Vec::new(),
            raised,
        }]
    }

    fn problems(&self, task: &TaskId, hash: &ContentHash, inputs: &[InputRef]) -> Vec<Problem> {
        let Some(content) = self.contents.get(hash) else { return Vec::new() };
        let found = Profile::at(&self.profile(task).problems, content.version, 0);
        let mut problems: Vec<Problem> = (0..found)
            .map(|n| Problem { check: "sections".into(), text: format!("section {n} is missing") })
            .collect();
        if !content.acknowledged {
            problems.extend(inputs.iter().filter(|i| i.handoff).map(|h| Problem {
                check: "acknowledgement".into(),
                text: format!("nothing is said about {}", h.path),
            }));
        }
        problems
    }

    fn commit_task(
        &mut self,
        task: &TaskId,
        generation: u32,
        candidate: &Candidate,
        key: &str,
    ) -> Vec<Report> {
        let name = format!("task/{task}--{generation}");
        let there = self.refs.get(&name);
        let other = there.is_some_and(|old| *old != candidate.revision);
        if other && !Bug::CompareAndSwapDropped.is_planted() {
            let why = format!("{name} is at another commit");
            return vec![Report::EffectFailed { effect: key.to_owned(), why }];
        }
        self.set_ref(&name, &candidate.revision);
        vec![Report::TaskCommitted { task: task.clone(), revision: candidate.revision.clone() }]
    }

    fn commit_barrier(&mut self, wish: &Ensure) -> Vec<Report> {
        let Ensure::BarrierCommit { barrier, set, tips, handoffs, consumers, .. } = wish else {
            return Vec::new();
        };
        let barrier = barrier.clone();
        let mut tree = match self.merge(tips) {
            Ok(tree) => tree,
            Err((between, paths)) => return vec![Report::BarrierConflicted { barrier, between, paths }],
        };
        if self.lost_handoffs > 0 || Bug::HandoffLostInMerge.is_planted() {
            self.lost_handoffs = self.lost_handoffs.saturating_sub(1);
            if let Some(first) = handoffs.first() {
                tree.remove(&first.path);
            }
        }
        let there = |a: &&Artifact| tree.get(&a.path) == Some(&a.hash);
        let kept: Vec<Artifact> = handoffs.iter().filter(there).cloned().collect();
        let rendered =
            consumers.iter().filter(|c| self.renders(c, &barrier)).map(|c| c.attempt.task.clone()).collect();
        let parents = tips.iter().map(|t| t.revision.clone()).collect();
        let revision = self.commit(&format!("{barrier} {set}"), parents, tree);
        let blockers = if *set == 1 { self.blockers.clone() } else { Vec::new() };
        vec![Report::BarrierMerged { barrier, set: *set, revision, handoffs: kept, rendered, blockers }]
    }

    /// A prompt names every handoff over this barrier that its task declares.
    fn renders(&self, start: &Start, barrier: &BarrierId) -> bool {
        let Some(task) = self.task(&start.attempt.task) else { return false };
        let named: BTreeSet<&TaskId> = start.inputs.iter().filter_map(|i| i.task.as_ref()).collect();
        let over = |t: &&Task| matches!(&t.kind, TaskKind::Handoff(h) if h.barrier == *barrier);
        self.plan.handoffs_into(task).filter(over).all(|h| named.contains(&h.id))
    }

    /// Somebody else makes a ref where this task's accepted work is to go.
    pub fn occupy(&mut self, task: &TaskId) {
        self.set_ref(&format!("task/{task}--1"), &World::base());
    }

    /// Points a ref at a commit and notes it.
    pub fn set_ref(&mut self, name: &str, to: &Revision) {
        let old = self.refs.insert(name.to_owned(), to.clone());
        if old.as_ref() != Some(to) {
            self.reflog.push((name.to_owned(), old, to.clone()));
        }
    }
}
