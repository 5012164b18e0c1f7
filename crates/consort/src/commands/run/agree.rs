//! Before a run that takes many agent calls, or whose price nobody knows: a person agrees. A resume
//! does not ask again: it was agreed to when the run began.

use crate::commands::planning;
use crate::context::Context;
use crate::failure::Failure;
use crate::out::quoted;
use crate::terminal;
use consort_core::plan::Plan;

/// What was agreed to beforehand.
pub(crate) struct Agreement {
    /// `--yes`: everything.
    pub yes: bool,
    /// So many agent calls, if their price is known.
    pub calls: u32,
    /// A person at this terminal may be asked.
    pub may_ask: bool,
}

/// True if the run may start.
///
/// # Errors
/// Somebody has to agree, and nobody is here.
pub(crate) fn agreed(ctx: &Context, plan: &Plan, beforehand: &Agreement) -> Result<bool, Failure> {
    let whys = reasons(plan, beforehand.calls);
    if beforehand.yes || whys.is_empty() {
        return Ok(true);
    }
    if !beforehand.may_ask {
        let what = format!("this run takes {}, and nobody is here to agree to it", planning::calls(plan));
        let failure = whys.into_iter().fold(Failure::new_waiting(what), Failure::why);
        let failure = failure.why(format!("cost: {}", planning::cost(plan))).why("nothing was started");
        return Err(failure.help(format!("agree with the command: `{} --yes`", command_line())).help(
            "or set what needs no question: `ask_above_calls` in .consort/config.toml, `price` of an agent",
        ));
    }
    let mut text = format!("This run takes {}.\n  cost  {}\n", planning::calls(plan), planning::cost(plan));
    whys.iter().for_each(|why| text += &format!("  why   {why}\n"));
    let answer = terminal::ask_line(&format!("{text}Start it? [y/N] "));
    let yes = answer.is_some_and(|a| matches!(a.to_ascii_lowercase().as_str(), "y" | "yes"));
    if !yes {
        ctx.out.notice("nothing was started");
    }
    Ok(yes)
}

/// Why a person is asked; empty: nobody need be.
fn reasons(plan: &Plan, limit: u32) -> Vec<String> {
    if plan.rehearsal {
        return Vec::new();
    }
    let forecast = plan.forecast();
    let mut whys = Vec::new();
    if forecast.calls > limit {
        whys.push(format!("that is more than the limit of {limit} (ask_above_calls)"));
    }
    if forecast.unpriced > 0 {
        let all = if forecast.unpriced == forecast.calls { "its" } else { "some of its" };
        whys.push(format!("nobody knows the price of {all} calls (`price` of an agent says it)"));
    }
    whys
}

/// What was typed, for a shell.
fn command_line() -> String {
    let words = std::env::args_os().skip(1).map(|word| quoted(&word.to_string_lossy()));
    std::iter::once("consort".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_core::definition::check;

    fn plan(agent: &str, tasks: usize, rehearse: bool) -> Plan {
        let tasks: String = (0..tasks).map(|n| format!("  t{n}: {{text: x, path: {n}.md}}\n")).collect();
        let text = format!(
            "workflow: {{id: x, title: X}}\nquality: {{gate: none}}\nagents: {{default: {agent}}}\ntasks:\n{tasks}"
        );
        let base = consort_core::definition::BaseFiles::none();
        check("x.yaml", &text, &planning::options(Default::default(), rehearse, base, Default::default()))
            .unwrap()
            .plan
    }

    #[test]
    fn many_calls_and_unknown_prices_are_asked_about() {
        let program = "{argv: [sh]}";
        for (agent, tasks, limit, asked) in [
            (program, 50, 50, 0),
            (program, 51, 50, 1),
            (program, 1, 0, 1),
            ("{argv: [sh], price: 0.10}", 50, 50, 0),
            ("{argv: [sh], price: unknown}", 1, 50, 1),
            ("{argv: [sh], pass_env: [LANG]}", 1, 50, 0),
            ("{argv: [sh], pass_env: [SOME_API_KEY]}", 1, 50, 1),
            ("{argv: [sh], pass_env: [HOME]}", 51, 50, 2),
            ("{argv: [sh], pass_env: [HOME], price: 0}", 50, 50, 0),
            ("{runtime: rehearsal}", 51, 50, 0),
        ] {
            let whys = reasons(&plan(agent, tasks, false), limit);
            assert_eq!(whys.len(), asked, "{agent} {tasks}: {whys:?}");
            assert!(
                reasons(&plan(agent, tasks, true), limit).is_empty(),
                "a rehearsal costs nothing: {agent}"
            );
        }
    }

    #[test]
    fn the_cost_is_told_as_far_as_it_is_known() {
        for (agent, limits, expected) in [
            ("{argv: [sh]}", "", "none expected: no agent has a price, and none is handed a key"),
            ("{argv: [sh], price: 0.105}", "", "about $0.21; no limit is set (limits: budget)"),
            (
                "{argv: [sh], price: unknown}",
                "",
                "unknown before agents report it; no limit is set (limits: budget)",
            ),
            (
                "{argv: [sh], pass_env: [X_TOKEN]}",
                "limits: {budget: {usd: 5}}\n",
                "unknown before agents report it; the run asks at $5.00",
            ),
        ] {
            let text = format!(
                "{limits}quality: {{gate: none}}\nagents: {{default: {agent}}}\ntasks:\n  a: {{text: x, path: a.md}}\n  b: {{text: x, path: b.md}}\n"
            );
            let base = consort_core::definition::BaseFiles::none();
            let plan = check(
                "x.yaml",
                &text,
                &planning::options(Default::default(), false, base, Default::default()),
            )
            .unwrap()
            .plan;
            assert_eq!(planning::cost(&plan), expected, "{agent}");
        }
    }
}
