//! `consort agents`

use super::planning;
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::Args;
use consort_worker::agents::features::{self, Feature, Has};
use consort_worker::agents::offers::Found;
use serde_json::json;

/// Lists the runtimes of this build: what each can do, and whether it can be used here.
#[derive(Args)]
#[command(after_help = "Examples:\n  consort agents\n  consort agents --json")]
pub(crate) struct Agents {
    /// Prints {schema, runtimes: [{runtime, about, found, usable, program, version, model, note, help, seen_with, features: [{name, has, seen, why}]}]}.
    #[arg(long)]
    json: bool,
}

/// Runtimes that need no finding.
const PLAIN: [(&str, &str); 2] = [
    ("command", "any program that does one task and ends: `argv`"),
    ("rehearsal", "a player without model, key or network"),
];

pub(crate) fn run(ctx: &Context, args: &Agents) -> Result<u8, Failure> {
    let found = planning::found();
    if args.json {
        let talked: Vec<_> = found.iter().map(as_json).collect();
        let plain = PLAIN.iter().map(|(runtime, about)| {
            json!({ "runtime": runtime, "about": about, "usable": true, "seen_with": features::seen_with(runtime),
                "features": features::of(runtime, None) })
        });
        let all: Vec<_> = talked.into_iter().chain(plain).collect();
        ctx.out.shaped("agents", &json!({ "runtimes": all }))?;
    } else {
        ctx.out.print(&text(ctx, found))?;
    }
    Ok(exit::DONE)
}

fn as_json(found: &Found) -> serde_json::Value {
    let offer = &found.offer;
    let (usable, what) = match &offer.found {
        Ok(what) => (true, what),
        Err(why) => (false, why),
    };
    json!({
        "runtime": offer.runtime,
        "about": offer.about,
        "usable": usable,
        "found": what,
        "program": found.program,
        "version": found.version,
        "model": offer.model,
        "note": found.note,
        "help": found.help,
        "seen_with": features::seen_with(&offer.runtime),
        "features": features::of(&offer.runtime, Some(offer)),
    })
}

fn text(ctx: &Context, found: &[Found]) -> String {
    let paint = ctx.out.stdout;
    let mut text = String::new();
    let mut columns: Vec<(&str, Vec<Feature>)> = Vec::new();
    for one in found {
        let offer = &one.offer;
        let state = match &offer.found {
            Ok(what) => paint.good(&format!("can be used: {what}")),
            Err(why) => paint.warning(&format!("cannot be used: {why}")),
        };
        text += &format!("{:10}  {}\n{:10}  {state}\n", offer.runtime, offer.about, "");
        for line in [&one.note, &one.help].into_iter().flatten() {
            text += &format!("{:10}  {}\n", "", paint.dim(line));
        }
        columns.push((&offer.runtime, features::of(&offer.runtime, Some(offer))));
    }
    for (runtime, about) in PLAIN {
        text += &format!("{runtime:10}  {about}\n");
        columns.push((runtime, features::of(runtime, None)));
    }
    text += &matrix(&columns);
    text + "engine: not the runtime itself but consort sees to it. What a command can do is its own affair.\n\
        Why not, and how it was seen: docs/conformance.md, or --json.\n"
}

/// First what the runtimes offer, then what they were seen to do.
fn matrix(columns: &[(&str, Vec<Feature>)]) -> String {
    let lines = columns.first().map_or(&[][..], |(_, features)| features);
    let width = lines.iter().map(|feature| feature.name.chars().count()).max().unwrap_or(0);
    let mut text = row("OFFERED", width, columns.iter().map(|(runtime, _)| (*runtime).to_owned()));
    let mut offered = true;
    for (at, feature) in lines.iter().enumerate() {
        if std::mem::replace(&mut offered, !feature.seen) && feature.seen {
            let with = |runtime: &str| features::seen_with(runtime).unwrap_or_else(|| "built in".into());
            text += &row("SEEN", width, columns.iter().map(|(runtime, _)| with(runtime)));
        }
        let has = columns.iter().map(|(_, features)| match features[at].has {
            Has::Yes => "yes".to_owned(),
            Has::No => "-".to_owned(),
            Has::Engine => "engine".to_owned(),
            Has::Fails => "FAILS".to_owned(),
        });
        text += &row(&feature.name, width, has);
    }
    text
}

/// A head stands apart from what is above it.
fn row(name: &str, width: usize, cells: impl Iterator<Item = String>) -> String {
    let apart = if name.chars().all(char::is_uppercase) { "\n" } else { "" };
    let line = cells.fold(format!("{name:width$}"), |line, cell| format!("{line}  {cell:9}"));
    format!("{apart}{}\n", line.trim_end())
}
