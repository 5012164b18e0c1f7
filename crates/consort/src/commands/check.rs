//! `consort check FILE`

use super::planning::{self, Source};
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::Args;
use consort_core::definition;
use std::path::PathBuf;

/// Checks a workflow file and shows every mistake at once; runs nothing.
#[derive(Args)]
#[command(after_help = "Example:\n  consort check workflow.yaml")]
pub(crate) struct Check {
    /// The workflow file.
    file: PathBuf,
    /// A value for a variable of the workflow.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = planning::variable)]
    variables: Vec<(String, String)>,
    /// Prints {"ok", "diagnostics": [{file, line, column, severity, code, message, help}]}.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(ctx: &Context, args: &Check) -> Result<u8, Failure> {
    let source = Source::read(ctx, &args.file)?;
    let options = planning::options_here(ctx, &args.variables);
    if args.json {
        return json(ctx, &source, &options);
    }
    let plan = source.plan(ctx, &options, true)?;
    let mut text = format!("{} is a valid workflow: {}\n", source.name, planning::size(&plan));
    text += &format!("  a run takes {}\n", planning::calls(&plan));
    if let Some(unknown) = planning::unknown_cost(&plan) {
        text += &format!("  its budget is {unknown}\n");
    }
    if let Some(roles) = planning::roles_of_files(&plan) {
        text += &format!("  roles from files: {roles}\n");
    }
    text += &super::explain::lists(&plan);
    let missing = planning::without_agent(&plan);
    if !missing.is_empty() {
        text += &format!(
            "  no agent is set up for {}: it can be rehearsed, not run\n  try it: consort run {} --rehearse\n",
            if missing.len() == plan.tasks.len() {
                "any task".to_owned()
            } else {
                format!("{} of its tasks", missing.len())
            },
            source.name
        );
    }
    ctx.out.print(&text)?;
    Ok(exit::DONE)
}

fn json(ctx: &Context, source: &Source, options: &definition::PlanOptions) -> Result<u8, Failure> {
    let (ok, found) = match source.check(ctx, options) {
        Ok(checked) => (true, checked.warnings),
        Err(found) => (false, found),
    };
    ctx.out.shaped("check", &serde_json::json!({ "ok": ok, "diagnostics": source.as_json(&found) }))?;
    Ok(if ok { exit::DONE } else { exit::INVALID })
}
