//! Agents that are talked to: what the file says of them, and what can be used on this machine.

use super::Lower;
use crate::definition::decode::At;
use crate::definition::decode::List;
use crate::definition::diagnostic::{Diagnostic, Span, closest};
use crate::definition::file_agents::RuleText;
use crate::definition::file_work::Agent;
use crate::definition::offers::{Offer, usable};
use crate::plan::{AgentSpec, Caps, Criticality, Effort, Policy, Runtime, Session};

/// Stands for the first runtime that can be used, until it is known which.
pub(super) const AUTO: &str = "auto";

/// What an agent is wanted for.
#[derive(Clone, Copy)]
pub(super) struct Choice {
    /// The task's level.
    pub(super) level: Criticality,
    /// It has to write files.
    pub(super) creates: bool,
}

/// The agent as this task takes it: `auto` is decided, the level brings its effort.
pub(super) fn fitted(agent: &AgentSpec, choice: Choice, offers: &[Offer], missing: &AgentSpec) -> AgentSpec {
    let mut agent = agent.clone();
    agent.fallbacks = agent.fallbacks.iter().map(|one| fitted(one, choice, offers, missing)).collect();
    let Runtime::Session(session) = &mut agent.runtime else { return agent };
    let offer = match session.runtime.as_str() {
        AUTO => usable(offers, choice.creates),
        name => offers.iter().find(|offer| offer.runtime == name),
    };
    match offer {
        Some(offer) => {
            session.runtime.clone_from(&offer.runtime);
            session.model = session.model.take().or_else(|| offer.model.clone());
        }
        None if session.runtime == AUTO => {
            // Whoever might take over does it from the start.
            let Some(next) = agent.fallbacks.first().cloned() else {
                return AgentSpec { runtime: missing.runtime.clone(), ..agent };
            };
            return AgentSpec { fallbacks: agent.fallbacks.split_off(1), ..next };
        }
        None => {}
    }
    session.effort = session.effort.or(match choice.level {
        Criticality::C1 => None,
        Criticality::C2 => Some(Effort::Medium),
        Criticality::C3 => Some(Effort::High),
        Criticality::C4 => Some(Effort::Max),
    });
    let account = session.key_env.as_deref().or(session.url.as_deref());
    let pool =
        account.map_or_else(|| session.runtime.clone(), |account| format!("{}:{account}", session.runtime));
    // An event that tells of it is bounded.
    agent.pool = agent.pool.take().or(Some(pool)).map(|pool| pool.chars().take(200).collect());
    agent
}

impl Lower<'_> {
    /// The session of an agent, by the runtime's word.
    pub(super) fn session(&mut self, agent: &Agent, runtime: &str) -> Runtime {
        self.check_runtime(agent, runtime);
        let text = |lower: &mut Self, at: &Option<At<crate::definition::values::Plain>>| {
            at.as_ref().map(|at| lower.template.text(at))
        };
        Runtime::Session(Box::new(Session {
            runtime: runtime.to_owned(),
            program: text(self, &agent.program),
            arguments: agent.arguments.iter().map(|at| self.template.text(at)).collect(),
            model: text(self, &agent.model),
            effort: agent.effort.as_ref().map(|at| at.value),
            wire: text(self, &agent.wire),
            url: text(self, &agent.url),
            key_env: agent.key.as_ref().map(|at| at.value.0.clone()),
            role: None,
            policy: self.policy(agent),
            forget: agent.forget.as_ref().is_some_and(|at| at.value),
        }))
    }

    fn check_runtime(&mut self, agent: &Agent, runtime: &str) {
        let offers = &self.options.offers;
        let Some(at) = agent.runtime.as_ref().filter(|at| !at.broken && runtime != AUTO) else { return };
        if offers.iter().any(|offer| offer.runtime == runtime) {
            return;
        }
        let names: Vec<&str> = ["auto", "command", "rehearsal"]
            .into_iter()
            .chain(offers.iter().map(|offer| offer.runtime.as_str()))
            .collect();
        let diagnostic = Diagnostic::error(
            "unknown-runtime",
            format!("this build has no runtime `{runtime}`"),
        )
        .help(
            "any program can do a task: `{runtime: command, argv: [my-agent, \"{prompt}\"], prompt: file}`",
        );
        let label = match closest(runtime, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("one of {}", names.join(", ")),
        };
        self.report(diagnostic.at(at.span.clone(), label));
    }

    fn policy(&mut self, agent: &Agent) -> Policy {
        let Some(policy) = &agent.policy else { return Policy::default() };
        let rules = |list: &List<At<RuleText>>| list.iter().map(|at| at.value.0.clone()).collect();
        Policy {
            deny: rules(&policy.deny),
            ask: rules(&policy.ask),
            allow: rules(&policy.allow),
            otherwise: policy.otherwise.as_ref().map(|at| at.value),
            ask_timeout_ms: policy.ask_timeout.as_ref().map(|at| at.value.0),
        }
    }

    pub(super) fn caps(&mut self, agent: &Agent) -> Caps {
        self.at_least_one(agent.max_turns.as_ref(), "max_turns");
        let millis = |at: &Option<At<crate::definition::numbers::Millis>>| at.as_ref().map(|at| at.value.0);
        Caps {
            turns_max: agent.max_turns.as_ref().map(|at| at.value),
            tokens_max: agent.max_tokens.as_ref().map(|at| at.value.0),
            micro_usd_max: agent.max_cost.as_ref().map(|at| at.value.0),
            idle_ms: millis(&agent.idle),
            no_progress_ms: millis(&agent.no_progress),
        }
    }

    /// Keys that mean nothing to a program that is only started.
    pub(super) fn check_no_session_keys(&mut self, agent: &Agent) {
        let spans: [(&str, Option<Span>); 14] = [
            ("model", agent.model.as_ref().map(|at| at.span.clone())),
            ("effort", agent.effort.as_ref().map(|at| at.span.clone())),
            ("wire", agent.wire.as_ref().map(|at| at.span.clone())),
            ("url", agent.url.as_ref().map(|at| at.span.clone())),
            ("key", agent.key.as_ref().map(|at| at.span.clone())),
            ("program", agent.program.as_ref().map(|at| at.span.clone())),
            ("arguments", agent.arguments.items.first().map(|at| at.span.clone())),
            ("pool", agent.pool.as_ref().map(|at| at.span.clone())),
            ("max_turns", agent.max_turns.as_ref().map(|at| at.span.clone())),
            ("max_tokens", agent.max_tokens.as_ref().map(|at| at.span.clone())),
            ("max_cost", agent.max_cost.as_ref().map(|at| at.span.clone())),
            ("idle", agent.idle.as_ref().map(|at| at.span.clone())),
            ("no_progress", agent.no_progress.as_ref().map(|at| at.span.clone())),
            ("policy", agent.policy.as_ref().map(|policy| policy.at.clone())),
        ];
        for (key, span) in spans {
            let Some(span) = span else { continue };
            self.report(
                Diagnostic::error("command-key", format!("`{key}` is for agents that are talked to"))
                    .at(span, "a program of `argv` is only started")
                    .help("give it in `argv` or `env`, or name a `runtime` that is talked to"),
            );
        }
    }

    /// A creator writes files: whoever only answers cannot be one.
    pub(super) fn check_creator(&mut self, creator: &AgentSpec, task: (&str, &Span)) {
        let Runtime::Session(session) = &creator.runtime else { return };
        let toolless =
            self.options.offers.iter().find(|offer| offer.runtime == session.runtime && !offer.creates());
        if let Some(offer) = toolless {
            let what = format!(
                "`{}` cannot do the task `{}`: it has no tools to write files with",
                offer.runtime, task.0
            );
            self.report(
                Diagnostic::error("creator-without-tools", what)
                    .at(task.1.clone(), "somebody has to write here")
                    .help("it can review and judge: `agents: {critic: ..., judge: ...}`"),
            );
        }
    }
}
