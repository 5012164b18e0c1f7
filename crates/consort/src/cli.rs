//! The command line itself.

use crate::commands::{self, *};
use crate::complete;
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::out::{Paint, When};
use crate::person;
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs a team of coding agents through a declared workflow and lets nothing pass that has not
/// earned it.
#[derive(Parser)]
#[command(name = "consort", version, about, after_help = exit::HELP, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Args)]
struct Global {
    /// Work as if consort had been started in this directory.
    #[arg(id = "C", short = 'C', value_name = "DIR", global = true)]
    dir: Option<PathBuf>,
    /// When to use colour.
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", global = true, env = "CONSORT_COLOR")]
    color: When,
    /// Speak as this person: for names in `by:`. The record keeps your user name beside it.
    #[arg(id = "as", long = "as", value_name = "NAME", global = true)]
    person: Option<String>,
}

#[derive(Subcommand)]
enum Verb {
    Demo(demo::Demo),
    Init(init::Init),
    Check(check::Check),
    Explain(explain::Explain),
    Lint(lint::Lint),
    Score(score::Score),
    Review(review::Review),
    Schema(schema::Schema),
    Graph(graph::Graph),
    Strategies(strategies::Strategies),
    Agents(agents::Agents),
    Roles(roles::Roles),
    Run(run::Run),
    Attach(attach::Attach),
    Ps(ps::Ps),
    List(list::List),
    Status(status::Status),
    Show(show::Show),
    Report(report::Report),
    Why(why::Why),
    Cost(cost::Cost),
    Timeline(timeline::Timeline),
    Compare(compare::Compare),
    Events(events::Events),
    Logs(logs::Logs),
    Transcript(transcript::Transcript),
    Prompt(prompt::Prompt),
    Inbox(inbox::Inbox),
    Approve(approve::Approve),
    Answer(answer::Answer),
    Reject(reject::Reject),
    Override(override_::Override),
    Steer(steer::Steer),
    Pause(pause::Pause),
    Resume(resume::Resume),
    Cancel(cancel::Cancel),
    Retry(retry::Retry),
    Checkpoint(checkpoint::Checkpoint),
    Rollback(rollback::Rollback),
    Amend(amend::Amend),
    Fork(fork::Fork),
    Push(push::Push),
    Fetch(fetch::Fetch),
    Integrate(integrate::Integrate),
    Verify(verify::Verify),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Reads the command line, does what it says, ends with a documented code.
pub(crate) fn main() -> ExitCode {
    if complete::answered(Cli::command) {
        return ExitCode::SUCCESS;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; clap knows where each goes.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::INVALID } else { exit::DONE });
        }
    };
    let paint = Paint::new(cli.global.color, std::io::stderr().is_terminal());
    let said = cli.global.person.as_deref().map_or(Ok(()), person::speak_as);
    let context = || Context::new(cli.global.dir.as_deref(), cli.global.color);
    let done = said.and_then(|()| context()).and_then(|ctx| verb(&ctx, cli.verb));
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.end(paint),
    }
}

fn verb(ctx: &Context, verb: Verb) -> Result<u8, Failure> {
    match verb {
        Verb::Demo(args) => commands::demo::run(ctx, &args),
        Verb::Init(args) => commands::init::run(ctx, &args),
        Verb::Check(args) => commands::check::run(ctx, &args),
        Verb::Explain(args) => commands::explain::run(ctx, &args),
        Verb::Lint(args) => commands::lint::run(ctx, &args),
        Verb::Score(args) => commands::score::run(ctx, &args),
        Verb::Review(args) => commands::review::run(ctx, &args),
        Verb::Schema(args) => commands::schema::run(ctx, &args),
        Verb::Graph(args) => commands::graph::run(ctx, &args),
        Verb::Strategies(args) => commands::strategies::run(ctx, &args),
        Verb::Agents(args) => commands::agents::run(ctx, &args),
        Verb::Roles(args) => commands::roles::run(ctx, &args),
        Verb::Run(args) => commands::run::run(ctx, &args),
        Verb::Attach(args) => commands::attach::run(ctx, &args),
        Verb::Ps(args) => commands::ps::run(ctx, &args),
        Verb::List(args) => commands::list::run(ctx, &args),
        Verb::Status(args) => commands::status::run(ctx, &args),
        Verb::Show(args) => commands::show::run(ctx, &args),
        Verb::Report(args) => commands::report::run(ctx, &args),
        Verb::Why(args) => commands::why::run(ctx, &args),
        Verb::Cost(args) => commands::cost::run(ctx, &args),
        Verb::Timeline(args) => commands::timeline::run(ctx, &args),
        Verb::Compare(args) => commands::compare::run(ctx, &args),
        Verb::Events(args) => commands::events::run(ctx, &args),
        Verb::Logs(args) => commands::logs::run(ctx, &args),
        Verb::Transcript(args) => commands::transcript::run(ctx, &args),
        Verb::Inbox(args) => commands::inbox::run(ctx, &args),
        Verb::Answer(args) => commands::answer::run(ctx, &args),
        Verb::Steer(args) => commands::steer::run(ctx, &args),
        Verb::Prompt(args) => commands::prompt::run(ctx, &args),
        Verb::Approve(args) => commands::approve::run(ctx, &args),
        Verb::Reject(args) => commands::reject::run(ctx, &args),
        Verb::Override(args) => commands::override_::run(ctx, &args),
        Verb::Pause(args) => commands::pause::run(ctx, &args),
        Verb::Resume(args) => commands::resume::run(ctx, &args),
        Verb::Cancel(args) => commands::cancel::run(ctx, &args),
        Verb::Retry(args) => commands::retry::run(ctx, &args),
        Verb::Checkpoint(args) => commands::checkpoint::run(ctx, &args),
        Verb::Amend(args) => commands::amend::run(ctx, &args),
        Verb::Rollback(args) => commands::rollback::run(ctx, &args),
        Verb::Fork(args) => commands::fork::run(ctx, &args),
        Verb::Push(args) => commands::push::run(ctx, &args),
        Verb::Fetch(args) => commands::fetch::run(ctx, &args),
        Verb::Integrate(args) => commands::integrate::run(ctx, &args),
        Verb::Verify(args) => commands::verify::run(ctx, &args),
        Verb::Doctor(args) => commands::doctor::run(ctx, &args),
        Verb::Completions(args) => commands::completions::run(ctx, &args),
        Verb::Man(args) => commands::man::run(ctx, &args, Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_parser_is_sound_and_every_verb_has_an_example() {
        let mut command = super::Cli::command();
        command.clone().debug_assert();
        for verb in command.get_subcommands_mut() {
            let name = verb.get_name().to_owned();
            let after = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains("consort "), "`{name}` has no example");
        }
    }
}
