//! Roles in a plan: which file each step's agent is told, what of it its session must know, and what
//! a role asks for that its runtime has not.

use super::agents::HANDOFF_ROLE;
use super::outline::Outline;
use super::{Lower, NOWHERE};
use crate::definition::diagnostic::{Diagnostic, Span};
use crate::definition::roles::{RoleFile, read_role};
use crate::plan::{AgentSpec, Output, Role, Rule, Runtime, Task, TaskKind};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Role of whoever reviews, and of whoever scores.
const CRITIC: &str = "critic";
const JUDGE: &str = "judge";

/// Roles by the words that ask for them; each file is read once.
#[derive(Default)]
struct Cast {
    known: BTreeMap<String, Option<Rc<RoleFile>>>,
    used: BTreeMap<String, Role>,
}

impl<'f> Lower<'f> {
    /// Gives every agent its role, and says what roles the plan keeps.
    pub(super) fn roles(&mut self, tasks: &mut [Task], outline: &Outline<'f>) -> BTreeMap<String, Role> {
        let mut cast = Cast::default();
        self.diagnostics.extend(self.options.library.found.iter().cloned());
        if self.options.library.roles.is_empty() {
            return cast.used;
        }
        let places: HashMap<&str, Span> =
            outline.tasks.iter().map(|t| (t.id.as_str(), t.said_role())).collect();
        for task in tasks {
            let place = places.get(task.id.as_str()).cloned().unwrap_or(NOWHERE);
            self.cast(&mut cast, task, &place);
        }
        cast.used
    }

    /// Gives the agents of a task their roles. `place` is where the task says its role.
    fn cast(&mut self, cast: &mut Cast, task: &mut Task, place: &Span) {
        let word = match task.kind {
            TaskKind::Handoff(_) => HANDOFF_ROLE.to_owned(),
            TaskKind::Declared => task.role.clone(),
        };
        if task.given.is_none() {
            let role = self.give(cast, &mut task.creator, &word);
            if let Some(role) = role {
                self.take_levels(&role, task);
                self.check_hands(&role, task, place);
            }
        }
        if !task.review_groups.is_empty() {
            self.give(cast, &mut task.critic, CRITIC);
        }
        if task.judged {
            self.give(cast, &mut task.judge, JUDGE);
            task.panel.iter_mut().for_each(|judge| {
                self.give(cast, judge, JUDGE);
            });
        }
    }

    /// The role of one agent: its own, or the one that `word` means.
    fn give(&mut self, cast: &mut Cast, agent: &mut AgentSpec, word: &str) -> Option<Rc<RoleFile>> {
        for fallback in &mut agent.fallbacks {
            self.give(cast, fallback, word);
        }
        let role = self.role(cast, agent.role.as_deref().unwrap_or(word));
        let Some(role) = role else {
            agent.role = None;
            return None;
        };
        cast.used.entry(role.role.name.clone()).or_insert_with(|| role.role.clone());
        agent.role = Some(role.role.name.clone());
        if let Runtime::Session(session) = &mut agent.runtime {
            // The plan keeps the words once.
            session.role = Some(Role { instructions: String::new(), ..role.role.clone() });
            add(&mut session.policy.deny, &role.deny);
            add(&mut session.policy.allow, &role.allow);
            session.effort = session.effort.max(role.effort);
        }
        Some(role)
    }

    /// Reads a role the first time it is asked for. `None`: there is no such file, or it has mistakes.
    fn role(&mut self, cast: &mut Cast, word: &str) -> Option<Rc<RoleFile>> {
        if let Some(known) = cast.known.get(word) {
            return known.clone();
        }
        let role = self.options.library.find(word).and_then(|text| {
            let (role, found) = read_role(text);
            found.into_iter().for_each(|d| self.report(d));
            let mut role = role?;
            for (name, configuration) in &mut role.role.servers {
                if configuration.is_none() {
                    *configuration = self.options.library.servers.get(name).cloned();
                }
            }
            Some(Rc::new(role))
        });
        cast.known.insert(word.to_owned(), role.clone());
        role
    }

    /// Levels of the role where the task says none; those that the workflow does not have are left out.
    fn take_levels(&mut self, role: &RoleFile, task: &mut Task) {
        let document = matches!(task.output, Output::Document { .. });
        if !task.levels.is_empty() || !document || !matches!(task.kind, TaskKind::Declared) {
            return;
        }
        let declared = self.file.workflow.as_ref().map(|w| &w.levels).filter(|all| !all.entries.is_empty());
        let known = |name: &String| declared.is_none_or(|all| all.iter().any(|(k, _)| k.value.0 == *name));
        for level in role.levels.iter().filter(|level| known(level)) {
            if !task.levels.contains(level) {
                task.levels.push(level.clone());
            }
        }
    }

    /// Whoever is to write needs something to write with.
    fn check_hands(&mut self, role: &RoleFile, task: &Task, place: &Span) {
        if role.may_create() || !matches!(task.creator.runtime, Runtime::Session(_)) {
            return;
        }
        let message = format!(
            "the task `{}` writes files, and the tools of its role `{}` ({}) only read",
            task.id, role.role.name, role.role.source
        );
        let found = Diagnostic::error("role-cannot-write", message);
        let found = match role.places.tools.is_empty() {
            false => role.locate(found, &role.places.tools, "neither `Write` nor `Bash`"),
            true => found.at(place.clone(), format!("see `consort roles {}`", role.role.name)),
        };
        self.report(found.help("give the role a tool to write with, or the task another role"));
    }
}

fn add(rules: &mut Vec<Rule>, more: &[Rule]) {
    for rule in more {
        if !rules.contains(rule) {
            rules.push(rule.clone());
        }
    }
}
