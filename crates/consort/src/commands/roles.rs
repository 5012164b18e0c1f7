//! `consort roles [NAME]`

use super::planning;
use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use crate::place::Place;
use clap::Args;
use consort_core::definition::roles::{RoleFile, RoleText, read_role};
use consort_core::definition::{Diagnostic, Severity, render};
use consort_core::plan::{Grip, Rule, Tool};
use consort_core::view::clean;
use consort_worker::agents::roles::{self, BUILT_IN_SOURCE, PLACES};
use consort_worker::words::cut;
use serde_json::json;
use std::fmt::Write;

/// Lists the roles that tasks can have here, or shows one of them.
///
/// A role is a Markdown file of instructions with front matter. Files of the repository come first, then those of
/// this build.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort roles\n  consort roles researcher\n  consort roles ps-researcher --json"
)]
pub(crate) struct Roles {
    /// One of them, as a task would name it.
    name: Option<String>,
    /// Prints {schema, roles: [{name, source, description, tools, servers, skills, forbidden, deny, model, effort, tier,
    /// levels, notes, mistakes}]}; for one of them also its instructions.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(ctx: &Context, args: &Roles) -> Result<u8, Failure> {
    let place = Place::find(&ctx.dir);
    let library = roles::library(place.as_ref().map_or(&ctx.dir, |place| place.top()));
    let Some(name) = &args.name else {
        let all: Vec<&RoleText> = library.effective().into_values().collect();
        if args.json {
            let all: Vec<_> = all.iter().map(|text| as_json(text, false)).collect();
            ctx.out.shaped("roles", &json!({ "roles": all }))?;
        } else {
            ctx.out.print(&listed(&all))?;
        }
        return Ok(exit::DONE);
    };
    let text = library.find(name).ok_or_else(|| {
        let known: Vec<&str> = library.effective().into_keys().collect();
        Failure::invalid(format!("there is no role `{name}`"))
            .why(format!("there are {}", known.join(", ")))
            .help(format!(
                "write {}/{name}.md, or leave the role without a file: it is then only a word",
                PLACES[0]
            ))
    })?;
    if args.json {
        ctx.out.shaped("roles", &json!({ "roles": [as_json(text, true)] }))?;
        return Ok(exit::DONE);
    }
    let (role, found) = read_role(text);
    if !found.is_empty() {
        crate::out::err(&render(&found, &text.source, "", ctx.out.stderr.is_on()));
    }
    let Some(role) = role else { return Err(Failure::said(exit::INVALID)) };
    ctx.out.print(&shown(&role))?;
    Ok(exit::DONE)
}

fn listed(all: &[&RoleText]) -> String {
    let wide =
        |of: fn(&RoleText) -> &str| all.iter().map(|r| of(r).chars().count()).max().unwrap_or(0).max(6);
    let (names, sources) = (wide(|r| &r.name), wide(|r| &r.source));
    let mut text = format!("{:names$}  {:sources$}  WHAT IT DOES\n", "ROLE", "SOURCE");
    for role in all {
        let (read, found) = read_role(role);
        let errors = found.iter().filter(|d| d.severity == Severity::Error).count();
        let about = match read {
            Some(role) => summary(&role.role.description),
            None => {
                format!("{errors} mistake{}: consort roles {}", if errors == 1 { "" } else { "s" }, role.name)
            }
        };
        text += format!("{:names$}  {:sources$}  {about}", clean(&role.name), clean(&role.source)).trim_end();
        text += "\n";
    }
    text + &format!("The first of a name counts: {}, {}, then those of this build.\n", PLACES[0], PLACES[1])
}

/// The first sentence or so: descriptions of some files are pages.
fn summary(text: &str) -> String {
    let line = clean(text.lines().next().unwrap_or_default());
    let line = line.split("\\n").next().unwrap_or_default().trim();
    cut(line, 97)
}

fn shown(file: &RoleFile) -> String {
    let role = &file.role;
    let mut text =
        format!("{} ({})\n{}\n\n", clean(&role.name), clean(&role.source), clean(&role.description));
    let mut say = |what: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {what:10} {value}");
        }
    };
    let words = |all: &[String]| all.iter().map(|w| clean(w)).collect::<Vec<_>>().join(", ");
    say("tools", role.tools.iter().map(tool).collect::<Vec<_>>().join(", "));
    say("tier", file.tier.map_or_else(String::new, |tier| format!("T{tier}")));
    say("denied", file.deny.iter().map(rule).collect::<Vec<_>>().join(", "));
    say("servers", words(&role.servers.keys().cloned().collect::<Vec<_>>()));
    say("skills", words(&role.skills));
    say("model", file.model.as_deref().map(clean).unwrap_or_default());
    say("effort", file.effort.map(|e| format!("{e:?}").to_lowercase()).unwrap_or_default());
    say("levels", words(&file.levels));
    for note in &file.notes {
        say("note", clean(note));
    }
    text += "\n";
    role.instructions.lines().for_each(|line| text += &(clean(line) + "\n"));
    if !role.forbidden.is_empty() {
        text += "\nNever:\n\n";
        role.forbidden.iter().for_each(|what| text += &format!("- {}\n", clean(what)));
    }
    text
}

fn as_json(text: &RoleText, whole: bool) -> serde_json::Value {
    let (role, found) = read_role(text);
    let mistakes: Vec<_> = found.iter().map(|d| mistake(d, &text.source)).collect();
    let Some(file) = role else {
        return json!({ "name": text.name, "source": text.source, "mistakes": mistakes });
    };
    let mut value = json!({
        "name": file.role.name,
        "source": file.role.source,
        "built_in": file.role.source == BUILT_IN_SOURCE,
        "description": file.role.description,
        "tools": file.role.tools.iter().map(tool).collect::<Vec<_>>(),
        "servers": file.role.servers.keys().collect::<Vec<_>>(),
        "skills": file.role.skills,
        "forbidden": file.role.forbidden,
        "deny": file.deny.iter().map(rule).collect::<Vec<_>>(),
        "model": file.model,
        "effort": file.effort,
        "tier": file.tier,
        "levels": file.levels,
        "notes": file.notes,
        "mistakes": mistakes,
    });
    if whole {
        value["instructions"] = file.role.instructions.into();
    }
    value
}

fn mistake(found: &Diagnostic, source: &str) -> serde_json::Value {
    let (line, column) = found.position("");
    json!({
        "file": found.file_name(source),
        "line": line,
        "column": column,
        "severity": planning::severity(found),
        "code": found.code,
        "message": found.message,
    })
}

fn tool(tool: &Tool) -> String {
    match tool {
        Tool::Other(name) => clean(name),
        Tool::WebSearch => "web_search".into(),
        known => format!("{known:?}").to_lowercase(),
    }
}

fn rule(rule: &Rule) -> String {
    let name = rule.tool.as_ref().map_or_else(|| "everything".into(), tool);
    match &rule.grip {
        Some(Grip::Command(what) | Grip::Path(what) | Grip::Host(what)) => format!("{name}({})", clean(what)),
        None => name,
    }
}
