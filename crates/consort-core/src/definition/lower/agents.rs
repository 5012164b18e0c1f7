//! Who does the work, and how their programs are started.

use super::Lower;
use super::outline::Outline;
use super::sessions::{self, Choice};
use crate::definition::decode::{At, listed};
use crate::definition::diagnostic::{Diagnostic, Span, closest};
use crate::definition::file_agents::{AgentName, RuntimeWord};
use crate::definition::file_work::{Agent, AgentChoice};
use crate::definition::offers::Offer;
use crate::plan::{AgentSpec, Caps, Criticality, Limits, PromptBy, Runtime, Session};
use std::collections::{BTreeMap, HashSet};

/// Role of the agent that writes handoffs; `agents: handoff:` gives it one of its own.
pub(super) const HANDOFF_ROLE: &str = "handoff";
/// Role of a task that names none.
pub(super) const DEFAULT_ROLE: &str = "creator";
const PURPOSES: [&str; 8] =
    ["default", "creator", "critic", "judge", "judge-2", "judge-3", "extraction", HANDOFF_ROLE];

/// The agents of a workflow, ready for use.
pub(super) struct Agents {
    named: Vec<(AgentName, AgentSpec)>,
    /// Stands where the workflow says nothing: whatever can be used here.
    anybody: AgentSpec,
    missing: AgentSpec,
    offers: Vec<Offer>,
}

impl Agents {
    /// The first of these names that there is: of one name the entry with the highest level that
    /// does not lie above the task's.
    fn first(&self, names: &[&str], choice: Choice) -> AgentSpec {
        let found = names.iter().find_map(|name| self.of(name, choice.level)).unwrap_or(&self.anybody);
        self.fitted(found, choice)
    }

    fn of(&self, name: &str, level: Criticality) -> Option<&AgentSpec> {
        let of_name = self.named.iter().filter(|(known, _)| known.of == name);
        let fitting = of_name.filter(|(known, _)| known.from.is_none_or(|from| from <= level));
        fitting.max_by_key(|(known, _)| known.from).map(|(_, agent)| agent)
    }

    fn fitted(&self, agent: &AgentSpec, choice: Choice) -> AgentSpec {
        sessions::fitted(agent, choice, &self.offers, &self.missing)
    }

    /// For every step, if there is an agent of this name.
    pub(super) fn only(&self, name: &str) -> Option<Self> {
        let (_, one) = self.named.iter().find(|(known, _)| known.text == name)?.clone();
        let all = AgentName { text: "default".into(), of: "default".into(), from: None };
        let (anybody, missing) = (self.anybody.clone(), self.missing.clone());
        Some(Self { named: vec![(all, one)], anybody, missing, offers: self.offers.clone() })
    }

    /// Stands where nobody does anything.
    pub(super) fn nobody(&self) -> AgentSpec {
        self.missing.clone()
    }

    /// Who reviews.
    pub(super) fn critic(&self, level: Criticality) -> AgentSpec {
        self.first(&["critic", "default"], Choice { level, creates: false })
    }

    /// Who scores.
    pub(super) fn judge(&self, level: Criticality) -> AgentSpec {
        self.first(&["judge", "default"], Choice { level, creates: false })
    }

    /// Who scores beside the first one: another model where there is one.
    pub(super) fn panel(&self, judges: u8, level: Criticality) -> Vec<AgentSpec> {
        let choice = Choice { level, creates: false };
        (2..=judges.max(2))
            .map(|n| self.first(&[&format!("judge-{n}"), "judge", "default"], choice))
            .collect()
    }

    /// Who creates, by role. Handoffs are extracted from what is there.
    pub(super) fn creator(&self, role: &str, level: Criticality) -> AgentSpec {
        let choice = Choice { level, creates: true };
        match role {
            HANDOFF_ROLE => self.first(&[role, "extraction", "creator", "default"], choice),
            _ => self.first(&[role, "creator", "default"], choice),
        }
    }
}

impl Lower<'_> {
    pub(super) fn agents(&mut self, limits: &Limits) -> Agents {
        let file = self.file;
        let plain: Vec<(AgentName, AgentSpec)> =
            file.agents.iter().map(|(name, agent)| (name.value.clone(), self.agent(agent, limits))).collect();
        let mut named = plain.clone();
        for ((_, spec), (name, agent)) in named.iter_mut().zip(file.agents.iter()) {
            spec.fallbacks = self.fallbacks(&plain, &name.value, agent);
        }
        let anybody = Session { runtime: sessions::AUTO.into(), ..Session::default() };
        Agents {
            named,
            anybody: self.spec(Runtime::Session(Box::new(anybody)), None, limits),
            missing: self.spec(Runtime::Missing, None, limits),
            offers: self.options.offers.clone(),
        }
    }

    fn fallbacks(
        &mut self,
        plain: &[(AgentName, AgentSpec)],
        own: &AgentName,
        agent: &Agent,
    ) -> Vec<AgentSpec> {
        let mut all = Vec::new();
        for name in agent.fallbacks.items.iter().filter(|name| !name.broken) {
            match plain.iter().find(|(known, _)| known.text == name.value.text) {
                Some((known, _)) if known == own => self.report(
                    Diagnostic::error("own-fallback", format!("`{}` cannot take over from itself", own.text))
                        .at(name.span.clone(), "name another agent"),
                ),
                Some((_, spec)) => all.push(spec.clone()),
                None => self.unknown_agent(&name.value.text, name.span.clone()),
            }
        }
        all
    }

    /// The creator of a task.
    pub(super) fn creator(
        &mut self,
        choice: Option<&AgentChoice>,
        role: &str,
        level: Criticality,
        agents: &Agents,
        limits: &Limits,
    ) -> AgentSpec {
        let fit = Choice { level, creates: true };
        match choice {
            None => agents.creator(role, level),
            Some(AgentChoice::Inline(agent)) => {
                let agent = self.agent(agent, limits);
                agents.fitted(&agent, fit)
            }
            Some(AgentChoice::Named(name)) if name.broken => agents.missing.clone(),
            Some(AgentChoice::Named(name)) => match agents.of(&name.value.0, level) {
                Some(agent) => agents.fitted(agent, fit),
                None => {
                    self.unknown_agent(&name.value.0, name.span.clone());
                    agents.missing.clone()
                }
            },
        }
    }

    fn unknown_agent(&mut self, name: &str, span: Span) {
        if self.file.agents.broken {
            return;
        }
        let known: Vec<&str> = self.file.agents.iter().map(|(name, _)| name.value.text.as_str()).collect();
        let diagnostic = Diagnostic::error("unknown-agent", format!("there is no agent `{name}`"));
        self.report(match closest(name, known.iter().copied()) {
            Some(meant) => diagnostic.at(span, format!("did you mean `{meant}`?")),
            None if known.is_empty() => diagnostic.at(span, "not declared").help("declare it under `agents`"),
            None => diagnostic.at(span, "not declared").help(format!("`agents` has {}", listed(&known))),
        });
    }

    fn agent(&mut self, agent: &Agent, limits: &Limits) -> AgentSpec {
        let misbehave = || agent.misbehave.iter().map(|at| at.value.0.clone()).collect();
        let word = match agent.runtime.as_ref() {
            Some(at) => at.value.clone(),
            None if agent.argv.items.is_empty() && !agent.argv.broken => RuntimeWord::Auto,
            None => RuntimeWord::Command,
        };
        self.check_keys(agent, &word);
        let runtime = match word {
            _ if self.options.rehearse => Runtime::Rehearsal { misbehave: misbehave() },
            RuntimeWord::Rehearsal => Runtime::Rehearsal { misbehave: misbehave() },
            RuntimeWord::Command => Runtime::Command {
                argv: agent.argv.iter().map(|at| self.template.text(at)).collect(),
                prompt: agent.prompt.as_ref().map_or(PromptBy::Stdin, |at| at.value),
            },
            RuntimeWord::Auto => self.session(agent, sessions::AUTO),
            RuntimeWord::Named(name) => self.session(agent, &name),
        };
        self.check_env(agent);
        self.spec(runtime, Some(agent), limits)
    }

    /// The runtime, written or implied, checked against the other keys.
    fn check_keys(&mut self, agent: &Agent, word: &RuntimeWord) {
        let argv = &agent.argv;
        if *word != RuntimeWord::Command {
            if let Some(first) = argv.items.first() {
                let (code, what) = match word {
                    RuntimeWord::Rehearsal => {
                        ("rehearsal-argv", "a rehearsal has players of its own and runs no program")
                    }
                    _ => ("session-argv", "this runtime starts its own program"),
                };
                let help = match word {
                    RuntimeWord::Rehearsal => "take out `argv`, or write `runtime: command`",
                    _ => "`program` names another one, `arguments` adds to it; or write `runtime: command`",
                };
                self.report(
                    Diagnostic::error(code, what).at(first.span.clone(), "not with this runtime").help(help),
                );
            }
            return;
        }
        match argv.items.as_slice() {
            [] if !agent.broken => self.report(
                Diagnostic::error("no-program", "this agent has no program to run")
                    .at(agent.at.clone(), "`argv` is missing")
                    .help("argv: [program, argument, ...], or another `runtime`"),
            ),
            [only] if only.value.0.contains(char::is_whitespace) && !argv.broken => {
                let words: Vec<&str> = only.value.0.split_whitespace().collect();
                self.report(
                    Diagnostic::error("shell-line", "`argv` is a list of arguments, not a shell line")
                        .at(only.span.clone(), "a program of this name would be looked for")
                        .help(format!("argv: [{}]", words.join(", "))),
                );
            }
            [program, ..] if program.value.0.starts_with('-') => self.report(
                Diagnostic::error("no-program", "a program's name does not start with a dash")
                    .at(program.span.clone(), "the program comes first"),
            ),
            _ => {}
        }
        self.check_no_session_keys(agent);
    }

    fn check_env(&mut self, agent: &Agent) {
        for (name, value) in agent.env.iter() {
            if let Some(passed) = agent.pass_env.iter().find(|p| p.value == name.value) {
                self.report(
                    Diagnostic::error("env-twice", format!("`{}` is both set and handed on", name.value.0))
                        .at(name.span.clone(), "set here")
                        .at(passed.span.clone(), "handed on here"),
                );
            }
            let secret = ["KEY", "TOKEN", "SECRET", "PASSWORD"].iter().any(|w| name.value.0.ends_with(w));
            if secret && value.value.0.len() > 15 && !value.value.0.contains("{{") {
                self.report(
                    Diagnostic::warning(
                        "secret",
                        format!("`{}` looks like a secret in a file", name.value.0),
                    )
                    .at(value.span.clone(), "everyone who reads the file or the plan can see it")
                    .help(format!("pass_env: [{}] hands it on from your environment", name.value.0)),
                );
            }
        }
    }

    fn spec(&mut self, runtime: Runtime, agent: Option<&Agent>, limits: &Limits) -> AgentSpec {
        let runtime = match runtime {
            _ if self.options.rehearse && !matches!(runtime, Runtime::Rehearsal { .. }) => {
                Runtime::Rehearsal { misbehave: vec![] }
            }
            other => other,
        };
        let rehearses = matches!(runtime, Runtime::Rehearsal { .. });
        let (mut env_set, mut env_pass) = (BTreeMap::new(), vec![]);
        if let (Some(agent), Runtime::Command { .. } | Runtime::Session(_)) = (agent, &runtime) {
            for (name, value) in agent.env.iter() {
                env_set.insert(name.value.0.clone(), self.template.text(value));
            }
            env_pass = agent.pass_env.iter().map(|at| at.value.0.clone()).collect();
            env_pass.dedup();
        }
        let talked_to = matches!(runtime, Runtime::Session(_));
        let output_max = self.file.limits.as_ref().and_then(|l| l.output_max.as_ref());
        AgentSpec {
            runtime,
            timeout_ms: agent
                .and_then(|a| a.timeout.as_ref())
                .map_or(limits.attempt_timeout_ms, |at| at.value.0),
            env_pass,
            env_set,
            supervise: agent.and_then(|a| a.supervise.as_ref()).is_none_or(|at| at.value),
            output_bytes_max: agent
                .and_then(|a| a.output_max.as_ref())
                .or(output_max)
                .map_or(8 << 20, |at| at.value.0),
            price: agent.filter(|_| !rehearses).and_then(|a| a.price.as_ref()).map(|at| at.value),
            pool: agent.filter(|_| talked_to).and_then(|a| a.pool.as_ref()).map(|at| self.template.text(at)),
            caps: agent.filter(|_| talked_to).map_or_else(Caps::default, |a| self.caps(a)),
            fallbacks: Vec::new(),
            role: agent.and_then(|a| a.role.as_ref()).map(|at| at.value.0.clone()),
        }
    }

    /// Agents that no task uses are probably misspelt.
    pub(super) fn check_agents(&mut self, outline: &Outline<'_>) {
        let mut used: HashSet<&str> = PURPOSES.into_iter().collect();
        for task in &outline.tasks {
            let Some(task) = task.declared() else { continue };
            used.extend(task.role.as_ref().map(|at| at.value.0.as_str()));
            let choices = task.for_each.iter().flat_map(|each| each.roles.iter());
            used.extend(choices.map(|at| at.value.0.as_str()));
            if let Some(AgentChoice::Named(name)) = &task.agent {
                used.insert(&name.value.0);
            }
        }
        if self.diagnostics.iter().any(|d| d.code == "unknown-agent") {
            return; // a misspelt use of it
        }
        let file = self.file;
        let named: HashSet<&str> = file
            .agents
            .iter()
            .flat_map(|(_, agent)| &agent.fallbacks.items)
            .map(|name| name.value.text.as_str())
            .collect();
        let unused = |name: &At<AgentName>| {
            !name.broken
                && !used.contains(name.value.of.as_str())
                && !named.contains(name.value.text.as_str())
        };
        for (name, _) in file.agents.iter().filter(|(name, _)| unused(name)) {
            let diagnostic =
                Diagnostic::warning("unused-agent", format!("no task uses the agent `{}`", name.value.text));
            self.report(match closest(&name.value.of, used.iter().copied()) {
                Some(meant) => diagnostic.at(name.span.clone(), format!("did you mean `{meant}`?")),
                None => diagnostic.at(name.span.clone(), "neither a role nor the `agent` of a task"),
            });
        }
    }
}
