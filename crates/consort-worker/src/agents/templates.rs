//! A project's own form of a prompt: `.consort/prompts/<purpose>.md`, a template that places the parts
//! of the built-in one. What the engine depends on must be in it; that is checked with made-up requests
//! before a run begins.

use super::prompt;
use super::request::{
    AnswerBrief, DimensionBrief, HandoffBrief, InputKind, OpenFinding, Outputs, Purpose, REQUEST_VERSION,
    Request, RequestFile, RequestInput, RequestProblem, RoleBrief, StrategyBrief, TaskBrief,
};
use consort_core::definition::{Diagnostic, Foreign, Span};
use consort_core::ids::Step;
use consort_core::plan::{Constraint, Form};
use minijinja::{Environment, UndefinedBehavior, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Purposes that may have a template, as the names of their files.
pub const PURPOSES: [&str; 4] = ["create", "self-review", "review", "judge"];

/// Every name that a template may use: the whole built-in prompt, or its parts.
pub const PARTS: [&str; 14] = [
    "body",
    "rules",
    "role",
    "task",
    "inputs",
    "outputs",
    "form",
    "strategy",
    "dimensions",
    "answer",
    "candidate",
    "guidance",
    "open",
    "call",
];

/// The name of a step's template.
pub fn name(step: &Step) -> &'static str {
    match step {
        Step::Create => "create",
        Step::SelfReview => "self-review",
        Step::Review(_) => "review",
        Step::Judge | Step::Panel(_) => "judge",
    }
}

/// The prompt of a request: in the project's own form where it has one.
///
/// # Errors
/// What the template engine says against the template.
pub fn compose(request: &Request) -> Result<String, String> {
    match &request.template {
        None => Ok(prompt::render(request)),
        Some(template) => filled(template, request).map_err(|e| e.to_string()),
    }
}

fn filled(template: &str, request: &Request) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // Templates are of the project, but a loop in one must not hold a run.
    environment.set_fuel(Some(100_000));
    // Parts are texts: what looks like a template in one of them is never read as such.
    let mut parts: BTreeMap<&str, Value> = PARTS.iter().map(|name| (*name, Value::from(""))).collect();
    parts.insert("body", prompt::render(request).into());
    let mut refused = String::new();
    for (name, text) in prompt::sections(request) {
        match name {
            "refused" => refused = text,
            _ => drop(parts.insert(name, text.into())),
        }
    }
    let mut whole = environment.render_str(template, &parts)?;
    if !whole.ends_with('\n') {
        whole.push('\n');
    }
    // A second try that does not know why the first one was refused would be refused again.
    if !refused.is_empty() && !whole.contains(&refused) {
        whole = format!("{}\n\n{refused}", whole.trim_end());
    }
    Ok(whole)
}

/// Looks at the templates of a project. The good ones by purpose, and everything that is wrong or
/// left out.
pub fn check(
    folder: &str,
    texts: BTreeMap<String, Result<String, String>>,
) -> (BTreeMap<String, String>, Vec<Diagnostic>) {
    let (mut good, mut found) = (BTreeMap::new(), Vec::new());
    for (name, text) in texts {
        let path = format!("{folder}/{name}.md");
        let file = Arc::new(Foreign { name: path.clone(), text: text.clone().unwrap_or_default() });
        let mine = match (&text, PURPOSES.contains(&name.as_str())) {
            (Err(why), _) => {
                vec![Diagnostic::error("prompt-unreadable", format!("{path} cannot be read: {why}"))]
            }
            (Ok(_), false) => vec![
                Diagnostic::warning("prompt-unknown", format!("no prompt is called `{name}`"))
                    .at(0..0, "nobody will use this file")
                    .help(format!(
                        "templates are called {}",
                        PURPOSES.map(|p| format!("`{p}.md`")).join(", ")
                    )),
            ],
            (Ok(text), true) => of_purpose(&name, text),
        };
        found.extend(mine.into_iter().map(|d| d.in_file(file.clone())));
        if let (Ok(text), true) = (text, PURPOSES.contains(&name.as_str())) {
            good.insert(name, text);
        }
    }
    (good, found)
}

fn of_purpose(name: &str, template: &str) -> Vec<Diagnostic> {
    let request = sample(name);
    let whole = match filled(template, &request) {
        Ok(whole) => whole,
        Err(error) => {
            let place = error.range().unwrap_or_else(|| line(template, error.line().unwrap_or(1)));
            let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
            return vec![
                Diagnostic::error("prompt-template", format!("this is no template: {why}"))
                    .at(place, "here")
                    .help(format!("it may place {}", PARTS.map(|p| format!("`{{{{ {p} }}}}`")).join(", "))),
            ];
        }
    };
    let mut found = Vec::new();
    for (part, text) in prompt::sections(&request) {
        if text.is_empty() || part == "refused" || whole.contains(text.trim()) {
            continue;
        }
        let needed = match part {
            "answer" => "without the form of the answer every answer is refused",
            "call" => "without the nonce every answer is refused",
            "task" => "without the task nobody knows what to do",
            "inputs" => "without it a barrier cannot see that a handoff arrives",
            "outputs" => "without it nobody knows which files count",
            _ => "",
        };
        let message = format!("this template leaves out `{{{{ {part} }}}}`");
        let label = if needed.is_empty() { "agents will not be told of it" } else { needed };
        let found_one = match needed.is_empty() {
            true => Diagnostic::warning("prompt-leaves-out", message),
            false => Diagnostic::error("prompt-lacks", message),
        };
        found.push(
            found_one
                .at(0..0, label)
                .help(format!("place `{{{{ {part} }}}}`, or all of it: `{{{{ body }}}}`")),
        );
    }
    found
}

fn line(text: &str, number: usize) -> Span {
    let start: usize = text.split_inclusive('\n').take(number.saturating_sub(1)).map(str::len).sum();
    let end = text[start.min(text.len())..].find('\n').map_or(text.len(), |at| start + at);
    start.min(text.len())..end
}

/// A request that has something to say in every part.
fn sample(name: &str) -> Request {
    let text = |what: &str| format!("sample {what}");
    let strategy = StrategyBrief {
        id: "S-000".into(),
        name: text("strategy"),
        purpose: text("purpose"),
        prefix: "XX".into(),
        protocol: vec![text("step")],
        severity: Vec::new(),
    };
    let (purpose, own) = match name {
        "create" => (Purpose::Create, true),
        "self-review" => (Purpose::SelfReview { strategy }, true),
        "review" => (Purpose::Review { strategy }, false),
        _ => (Purpose::Judge { strategy }, false),
    };
    let path = text("path");
    Request {
        version: REQUEST_VERSION,
        answer: (purpose != Purpose::Create).then(|| AnswerBrief {
            path: "/sample/answer.json".into(),
            by_reply: false,
            nonce: "sample-nonce".into(),
            dimensions: vec![DimensionBrief {
                id: "sample".into(),
                name: text("dimension"),
                about: None,
                rubric: vec![text("anchor")],
            }],
        }),
        purpose,
        task: TaskBrief {
            workflow: text("workflow"),
            question: None,
            id: None,
            role: text("role"),
            text: text("task"),
            produces: "document".into(),
        },
        inputs: vec![RequestInput { path: path.clone(), kind: InputKind::Handoff, sha256: None }],
        declared: Vec::new(),
        candidate: vec![RequestFile { path: path.clone(), sha256: None }],
        outputs: Outputs { paths: if own { vec![path] } else { Vec::new() }, writes: Vec::new() },
        levels: Vec::new(),
        form: Form::default(),
        criteria: Vec::new(),
        handoff: Some(HandoffBrief {
            barrier: text("barrier"),
            from: text("source"),
            to: text("target"),
            key_content: vec![text("content")],
        }),
        open_findings: vec![OpenFinding {
            id: "XX-001".into(),
            strategy: "S-000".into(),
            severity: "major".into(),
            location: text("location"),
            claim: text("claim"),
            quote: String::new(),
            remedy: text("remedy"),
            response: None,
        }],
        problems: vec![RequestProblem { check: text("check"), text: text("problem") }],
        guidance: if own { vec![text("guidance")] } else { Vec::new() },
        refused: None,
        constraints: vec![Constraint {
            id: None,
            name: text("rule"),
            enforcement: text("enforcement"),
            hard: true,
        }],
        scratch: "/sample/tmp".into(),
        role: Some(RoleBrief {
            name: text("role"),
            instructions: text("instructions"),
            forbidden: Vec::new(),
        }),
        item: None,
        list: None,
        template: None,
    }
}
