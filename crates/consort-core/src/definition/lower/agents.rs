//! Who does the work, and how their programs are started.

use super::Lower;
use super::outline::Outline;
use crate::definition::decode::{At, listed};
use crate::definition::diagnostic::{Diagnostic, closest};
use crate::definition::file_work::{Agent, AgentChoice};
use crate::definition::values::Id;
use crate::definition::words::RuntimeWord;
use crate::plan::{AgentSpec, Caps, Limits, PromptBy, Runtime};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Role of the agent that writes handoffs; `agents: handoff:` gives it one of its own.
pub(super) const HANDOFF_ROLE: &str = "handoff";
/// Role of a task that names none.
pub(super) const DEFAULT_ROLE: &str = "creator";
const PURPOSES: [&str; 7] = ["default", "creator", "critic", "judge", "judge-2", "judge-3", HANDOFF_ROLE];

/// The agents of a workflow, ready for use.
pub(super) struct Agents {
    named: HashMap<String, AgentSpec>,
    missing: AgentSpec,
}

impl Agents {
    fn first(&self, names: &[&str]) -> AgentSpec {
        names.iter().find_map(|name| self.named.get(*name)).unwrap_or(&self.missing).clone()
    }

    /// For every step, if there is an agent of this name.
    pub(super) fn only(&self, name: &str) -> Option<Self> {
        let one = self.named.get(name)?.clone();
        Some(Self { named: HashMap::from([("default".into(), one)]), missing: self.missing.clone() })
    }

    /// Stands where nobody does anything.
    pub(super) fn nobody(&self) -> AgentSpec {
        self.missing.clone()
    }

    /// Who reviews.
    pub(super) fn critic(&self) -> AgentSpec {
        self.first(&["critic", "default"])
    }

    /// Who scores.
    pub(super) fn judge(&self) -> AgentSpec {
        self.first(&["judge", "default"])
    }

    /// Who scores beside the first one: another model where there is one.
    pub(super) fn panel(&self, judges: u8) -> Vec<AgentSpec> {
        (2..=judges.max(2)).map(|n| self.first(&[&format!("judge-{n}"), "judge", "default"])).collect()
    }

    /// Who creates, by role.
    pub(super) fn creator(&self, role: &str) -> AgentSpec {
        self.first(&[role, "creator", "default"])
    }
}

impl Lower<'_> {
    pub(super) fn agents(&mut self, limits: &Limits) -> Agents {
        let file = self.file;
        let named = file
            .agents
            .iter()
            .map(|(name, agent)| (name.value.0.clone(), self.agent(agent, limits)))
            .collect();
        Agents { named, missing: self.spec(Runtime::Missing, None, limits) }
    }

    /// The creator of a task.
    pub(super) fn creator(
        &mut self,
        choice: Option<&AgentChoice>,
        role: &str,
        agents: &Agents,
        limits: &Limits,
    ) -> AgentSpec {
        match choice {
            None => agents.creator(role),
            Some(AgentChoice::Inline(agent)) => self.agent(agent, limits),
            Some(AgentChoice::Named(name)) if name.broken => agents.missing.clone(),
            Some(AgentChoice::Named(name)) => match agents.named.get(&name.value.0) {
                Some(agent) => agent.clone(),
                None => {
                    self.unknown_agent(name);
                    agents.missing.clone()
                }
            },
        }
    }

    fn unknown_agent(&mut self, name: &At<Id>) {
        if self.file.agents.broken {
            return;
        }
        let known: Vec<&str> = self.file.agents.iter().map(|(name, _)| name.value.0.as_str()).collect();
        let diagnostic = Diagnostic::error("unknown-agent", format!("there is no agent `{}`", name.value.0));
        self.report(match closest(&name.value.0, known.iter().copied()) {
            Some(meant) => diagnostic.at(name.span.clone(), format!("did you mean `{meant}`?")),
            None if known.is_empty() => {
                diagnostic.at(name.span.clone(), "not declared").help("declare it under `agents`")
            }
            None => diagnostic
                .at(name.span.clone(), "not declared")
                .help(format!("`agents` has {}", listed(&known))),
        });
    }

    fn agent(&mut self, agent: &Agent, limits: &Limits) -> AgentSpec {
        let misbehave = || agent.misbehave.iter().map(|at| at.value.0.clone()).collect();
        let runtime = match self.runtime_of(agent) {
            _ if self.options.rehearse => Runtime::Rehearsal { misbehave: misbehave() },
            RuntimeWord::Rehearsal => Runtime::Rehearsal { misbehave: misbehave() },
            RuntimeWord::Command => Runtime::Command {
                argv: agent.argv.iter().map(|at| self.template.text(at)).collect(),
                prompt: agent.prompt.as_ref().map_or(PromptBy::Stdin, |at| at.value),
            },
        };
        self.check_env(agent);
        self.spec(runtime, Some(agent), limits)
    }

    /// The runtime, written or implied, checked against the other keys.
    fn runtime_of(&mut self, agent: &Agent) -> RuntimeWord {
        let argv = &agent.argv;
        let runtime = agent.runtime.as_ref().map_or(RuntimeWord::Command, |at| at.value);
        if runtime == RuntimeWord::Rehearsal {
            if let Some(first) = argv.items.first() {
                self.report(
                    Diagnostic::error(
                        "rehearsal-argv",
                        "a rehearsal has players of its own and runs no program",
                    )
                    .at(first.span.clone(), "not with `runtime: rehearsal`")
                    .help("take out `argv`, or write `runtime: command`"),
                );
            }
            return runtime;
        }
        match argv.items.as_slice() {
            [] if !agent.broken => self.report(
                Diagnostic::error("no-program", "this agent has no program to run")
                    .at(agent.at.clone(), "`argv` is missing")
                    .help("argv: [program, argument, ...], or `runtime: rehearsal`"),
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
        runtime
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
            Runtime::Missing if self.options.rehearse => Runtime::Rehearsal { misbehave: vec![] },
            other => other,
        };
        let rehearses = matches!(runtime, Runtime::Rehearsal { .. });
        let (mut env_set, mut env_pass) = (BTreeMap::new(), vec![]);
        if let (Some(agent), Runtime::Command { .. }) = (agent, &runtime) {
            for (name, value) in agent.env.iter() {
                env_set.insert(name.value.0.clone(), self.template.text(value));
            }
            env_pass = agent.pass_env.iter().map(|at| at.value.0.clone()).collect();
            env_pass.dedup();
        }
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
            pool: None,
            caps: Caps::default(),
            fallbacks: Vec::new(),
            role: None,
        }
    }

    /// Agents that no task uses are probably misspelt.
    pub(super) fn check_agents(&mut self, outline: &Outline<'_>) {
        let mut used: HashSet<&str> = PURPOSES.into_iter().collect();
        for task in &outline.tasks {
            let Some(task) = task.declared() else { continue };
            used.extend(task.role.as_ref().map(|at| at.value.0.as_str()));
            if let Some(AgentChoice::Named(name)) = &task.agent {
                used.insert(&name.value.0);
            }
        }
        if self.diagnostics.iter().any(|d| d.code == "unknown-agent") {
            return; // a misspelt use of it
        }
        let file = self.file;
        for (name, _) in file.agents.iter().filter(|(n, _)| !n.broken && !used.contains(n.value.0.as_str())) {
            let diagnostic =
                Diagnostic::warning("unused-agent", format!("no task uses the agent `{}`", name.value.0));
            self.report(match closest(&name.value.0, used.iter().copied()) {
                Some(meant) => diagnostic.at(name.span.clone(), format!("did you mean `{meant}`?")),
                None => diagnostic.at(name.span.clone(), "neither a role nor the `agent` of a task"),
            });
        }
    }
}
