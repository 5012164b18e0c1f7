//! Roles in a plan: which file each step's agent is told, what of it its session must know, and what
//! a role asks for that its runtime has not.

use super::agents::HANDOFF_ROLE;
use super::outline::Outline;
use super::{Lower, NOWHERE};
use crate::definition::decode::At;
use crate::definition::diagnostic::{Diagnostic, Span, closest};
use crate::definition::file_work::{Agent, AgentChoice};
use crate::definition::roles::{RoleFile, read_role};
use crate::definition::values::Id;
use crate::plan::{AgentSpec, Output, Role, Rule, Runtime, Task, TaskKind, Tool};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// Role of whoever reviews, and of whoever scores.
const CRITIC: &str = "critic";
const JUDGE: &str = "judge";

/// Roles by the words that ask for them; each file is read once.
#[derive(Default)]
struct Cast {
    known: BTreeMap<String, Option<Rc<RoleFile>>>,
    used: BTreeMap<String, Role>,
    /// Role and runtime that were looked at together.
    matched: BTreeSet<(String, String)>,
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
        self.check_named_roles();
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
            _ => task.role.clone(),
        };
        if let TaskKind::Each(growth) = &mut task.kind {
            for choice in growth.choices.values_mut() {
                let word = choice.role.clone();
                self.give(cast, &mut choice.creator, &word);
            }
        }
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
        self.check_offer(cast, &role, agent);
        cast.used.entry(role.role.name.clone()).or_insert_with(|| role.role.clone());
        agent.role = Some(role.role.name.clone());
        if let Runtime::Session(session) = &mut agent.runtime {
            // The plan keeps the words once.
            session.role = Some(Role { instructions: String::new(), ..role.role.clone() });
            add(&mut session.policy.deny, &role.deny);
            add(&mut session.policy.allow, &role.allow);
            // The level asks for one effort and the role for another: the higher one counts.
            session.effort = session.effort.max(role.effort);
            let offer = self.options.offers.iter().find(|offer| offer.runtime == session.runtime);
            if session.model.is_none() && offer.is_some_and(|offer| offer.role_models) {
                session.model.clone_from(&role.model);
            }
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

    /// What a role needs, its runtime must have. Reading is no need: whoever has no tools is shown what
    /// there is to read.
    fn check_offer(&mut self, cast: &mut Cast, role: &RoleFile, agent: &AgentSpec) {
        let Runtime::Session(session) = &agent.runtime else { return };
        let offers = &self.options.offers;
        let Some(offer) = offers.iter().find(|offer| offer.runtime == session.runtime).cloned() else {
            return;
        };
        if !cast.matched.insert((role.role.name.clone(), offer.runtime.clone())) {
            return;
        }
        let who = format!("the role `{}`", role.role.name);
        let web = [(Tool::Fetch, "fetches pages"), (Tool::WebSearch, "searches the web")];
        for (_, what) in web.iter().filter(|(t, _)| role.role.tools.contains(t) && !offer.tools.contains(t)) {
            let message = format!("{who} {what}, and the runtime `{}` cannot", offer.runtime);
            self.not_offered(role, message, &role.places.tools, "asked for here");
        }
        if !role.role.skills.is_empty() && !offer.skills {
            let message = format!("{who} has skills, and the runtime `{}` knows none", offer.runtime);
            self.not_offered(role, message, &role.places.skills, "asked for here");
        }
        for (name, configuration) in &role.role.servers {
            let message = match (offer.servers, configuration) {
                (false, _) => {
                    format!("{who} uses the server `{name}`, and the runtime `{}` takes none", offer.runtime)
                }
                (true, None) => format!("{who} uses the server `{name}`, and nobody says how it is reached"),
                (true, Some(_)) => continue,
            };
            self.not_offered(role, message, &role.places.servers, "asked for here");
        }
    }

    fn not_offered(&mut self, role: &RoleFile, message: String, place: &Span, label: &str) {
        let help = match message.ends_with("reached") {
            true => {
                "declare it under `mcpServers` of the role or of `.mcp.json` at the top of the repository"
            }
            false => "give this agent another `runtime` or `role`; `consort agents` shows what each can do",
        };
        let found = Diagnostic::error("role-not-offered", message).help(help);
        self.report(role.locate(found, place, label));
    }

    /// Roles that agents of the file name themselves.
    fn check_named_roles(&mut self) {
        let file = self.file;
        let library = &self.options.library;
        let mut agents: Vec<&Agent> = file.agents.iter().map(|(_, agent)| agent).collect();
        let phases = file.pipelines.iter().flat_map(|(_, pipeline)| pipeline.phases.iter());
        let phases = phases.chain(file.convergent.iter().flat_map(|c| c.phases.iter()));
        let tasks = phases.flat_map(|phase| phase.tasks.tasks()).chain(file.tasks.tasks());
        agents.extend(tasks.filter_map(|(_, task)| match &task.agent {
            Some(AgentChoice::Inline(agent)) => Some(&**agent),
            _ => None,
        }));
        let unknown: Vec<&At<Id>> = agents
            .into_iter()
            .filter_map(|agent| agent.role.as_ref())
            .filter(|at| !at.broken && library.find(&at.value.0).is_none())
            .collect();
        for at in unknown {
            let found = Diagnostic::error("unknown-role", format!("there is no role file `{}`", at.value.0));
            let label = match closest(&at.value.0, library.roles.iter().map(|role| role.name.as_str())) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "`consort roles` lists them".into(),
            };
            self.report(found.at(at.span.clone(), label));
        }
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
