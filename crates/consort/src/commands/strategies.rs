//! `consort strategies [ID]`

use super::planning::{self, Source};
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::Args;
use consort_core::definition::catalogue;
use consort_core::plan::Strategy;
use std::path::PathBuf;

/// Lists the ways of reviewing, or shows one of them.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort strategies\n  consort strategies S-012\n  consort strategies --workflow workflow.yaml"
)]
pub(crate) struct Strategies {
    /// One of them, such as S-002.
    id: Option<String>,
    /// As this workflow has them: those that its gates use, its own included.
    #[arg(long, value_name = "FILE")]
    workflow: Option<PathBuf>,
    /// Prints {schema, strategies: [{id, name, prefix, group, purpose, protocol, severity, after, reads, deductions, risk_numbers}]}.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(ctx: &Context, args: &Strategies) -> Result<u8, Failure> {
    let all = match &args.workflow {
        Some(file) => {
            let source = Source::read(ctx, file)?;
            source.plan(ctx, &planning::options_here(ctx, &[]), false)?.strategies
        }
        None => catalogue::builtin().to_vec(),
    };
    let chosen: Vec<&Strategy> = match &args.id {
        None => all.iter().collect(),
        Some(id) => {
            let known = || all.iter().map(|s| s.id.as_str()).collect::<Vec<_>>().join(", ");
            let one = all.iter().find(|s| s.id.as_str().eq_ignore_ascii_case(id));
            let missing = || {
                Failure::invalid(format!("there is no strategy `{id}`"))
                    .help(format!("there are {}", known()))
            };
            vec![one.ok_or_else(missing)?]
        }
    };
    if args.json {
        ctx.out.shaped("strategies", &serde_json::json!({ "strategies": chosen }))?;
    } else if args.id.is_some() {
        ctx.out.print(&shown(chosen[0]))?;
    } else {
        ctx.out.print(&listed(&chosen))?;
    }
    Ok(exit::DONE)
}

fn listed(all: &[&Strategy]) -> String {
    let wide =
        |of: fn(&Strategy) -> &str| all.iter().map(|s| of(s).chars().count()).max().unwrap_or(0).max(4);
    let (ids, names) = (wide(|s| s.id.as_str()), wide(|s| &s.name));
    let mut text = format!("{:ids$}  GROUP  {:names$}  PURPOSE\n", "ID", "NAME");
    let mut sorted = all.to_vec();
    sorted.sort_by_key(|s| (s.group, s.id.clone()));
    for s in sorted {
        text += &format!(
            "{:ids$}  {:5}  {:names$}  {}\n",
            s.id.as_str(),
            format!("{:?}", s.group),
            s.name,
            s.purpose
        );
    }
    text + "Groups follow one another from A to F; within one strategies run side by side.\n"
}

fn shown(s: &Strategy) -> String {
    let mut text =
        format!("{} {} (group {:?}, findings {}-001)\n{}\n\n", s.id, s.name, s.group, s.prefix, s.purpose);
    for (at, step) in s.protocol.iter().enumerate() {
        text += &format!("  {}. {step}\n", at + 1);
    }
    for (word, meaning) in ["critical", "major", "minor"].iter().zip(&s.severity) {
        text += &format!("  {word:8}  {meaning}\n");
    }
    if !s.after.is_empty() {
        let after: Vec<&str> = s.after.iter().map(|id| id.as_str()).collect();
        text += &format!("  after     {}\n", after.join(", "));
    }
    let reads: Vec<String> =
        s.reads.iter().map(|r| format!("{r:?}").to_lowercase().replace("openf", "open f")).collect();
    text += &format!("  reads     {}\n", reads.join(", "));
    if let Some(d) = s.deductions {
        text += &format!(
            "  scoring   1.00 less {}, {}, {} for each critical, major, minor finding\n",
            d.critical, d.major, d.minor
        );
    }
    if let Some(r) = s.risk_numbers {
        text += &format!(
            "  scoring   risk numbers from {} are critical, from {} major; products are recomputed\n",
            r.critical, r.major
        );
    }
    text
}
