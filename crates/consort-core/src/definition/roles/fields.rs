//! Keys of front matter and governance. Known ones are used; others are kept as notes, for people
//! share these files with other programs.

use super::compose::{self, Said};
use super::{Places, RoleFile, TOOLS_MAX, front, tools};
use crate::definition::decode::listed;
use crate::definition::diagnostic::{Diagnostic, Foreign, Severity, Span, closest};
use crate::definition::tree::{Node, Value};
use crate::plan::{Effort, Role, Rule, Tool};
use std::sync::Arc;

/// What other programs make of a file and this one does not.
const WITHOUT_EFFECT: [(&str, &str); 8] = [
    ("permissionMode", "the policy of the agent in the workflow decides what it may do"),
    ("hooks", "hooks of role files are not run"),
    ("memory", "an agent remembers what its workspace and its session hold"),
    ("color", "for people only"),
    ("maxTurns", "say `max_turns` at the agent in the workflow"),
    ("background", "the engine decides what runs beside what"),
    ("isolation", "each task has a workspace of its own anyway"),
    ("initialPrompt", "the task is the first thing that it is told"),
];
/// Keys that are used; also for suggestions.
const KNOWN: [&str; 16] = [
    "name",
    "description",
    "tools",
    "disallowedTools",
    "model",
    "effort",
    "mcpServers",
    "skills",
    "tool_tier",
    "identity",
    "persona",
    "guardrails",
    "output",
    "constitution",
    "forbidden_actions",
    "validation",
];

/// Reads the files of one role.
pub(super) struct Reader<'a> {
    name: &'a str,
    main: Arc<Foreign>,
    /// The file that is read now.
    file: Arc<Foreign>,
    /// Mistakes and remarks.
    pub(super) found: Vec<Diagnostic>,
    said: Said,
    role: Role,
    listed_tools: bool,
    levels: Vec<String>,
    model: Option<String>,
    effort: Option<Effort>,
    tier: Option<(u8, Span, Arc<Foreign>)>,
    deny: Vec<Rule>,
    allow: Vec<Rule>,
    notes: Vec<String>,
    tools_at: Option<Span>,
    servers_at: Option<Span>,
    skills_at: Option<Span>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(name: &'a str, main: &Arc<Foreign>) -> Self {
        let role = Role { name: name.to_owned(), source: main.name.clone(), ..Role::default() };
        Self {
            name,
            main: main.clone(),
            file: main.clone(),
            found: Vec::new(),
            said: Said::default(),
            role,
            listed_tools: false,
            levels: Vec::new(),
            model: None,
            effort: None,
            tier: None,
            deny: Vec::new(),
            allow: Vec::new(),
            notes: Vec::new(),
            tools_at: None,
            servers_at: None,
            skills_at: None,
        }
    }

    /// The front matter of the role's own file.
    pub(super) fn front(&mut self, part: &Span) {
        self.whole(part);
    }

    /// A file of governance beside it.
    pub(super) fn governance(&mut self, file: &Arc<Foreign>) {
        self.file = file.clone();
        self.whole(&(0..file.text.len()));
        self.file = self.main.clone();
    }

    fn whole(&mut self, part: &Span) {
        let file = self.file.clone();
        if file.text[part.clone()].trim().is_empty() {
            return;
        }
        match front::parse(&file.text, part) {
            Err(found) => self.report(found),
            Ok((node, lenient)) => {
                if lenient {
                    self.notes
                        .push("some values of its front matter are no YAML: they are taken as text".into());
                }
                match &node.value {
                    Value::Map(entries) => entries.iter().for_each(|(key, value)| self.entry(key, value)),
                    Value::Null => {}
                    _ => self.wrong("a mapping of keys", &node),
                }
            }
        }
    }

    fn entry(&mut self, key: &Node, value: &Node) {
        let Some(name) = text_of(key) else { return self.wrong("a key", key) };
        match name {
            "name" => {
                if let Some(said) = self.text(value).filter(|said| *said != self.name) {
                    self.notes.push(format!("it calls itself `{said}` and is known by its file's name"));
                }
            }
            "description" => self.role.description = self.text(value).unwrap_or_default(),
            "tools" => self.tools(key, value),
            "disallowedTools" | "disallowed_tools" => self.forbidden_tools(value),
            "model" => self.model(value),
            "effort" => self.effort(value),
            "mcpServers" | "mcp_servers" => self.servers(key, value),
            "skills" => {
                self.skills_at = Some(key.span.clone());
                let skills = self.list(value).into_iter().map(|(text, _)| text);
                self.role.skills.extend(skills);
            }
            "tool_tier" => self.tier(value),
            "identity" => self.identity(value),
            "persona" => self.persona(value),
            "guardrails" => self.guardrails(value),
            "output" => self.output(value),
            "constitution" => self.each(value, |reader, key, value| match key {
                "forbidden_actions" => reader.forbidden(value),
                "principles_applied" => {
                    let all = reader.list(value).into_iter().map(|(text, _)| text);
                    reader.said.principles.extend(all);
                }
                _ => {}
            }),
            "forbidden_actions" => self.forbidden(value),
            "capabilities" => self.each(value, |reader, key, value| match key {
                "allowed_tools" => reader.tools(value, value),
                "forbidden_actions" => reader.forbidden(value),
                _ => {}
            }),
            "validation" => self.each(value, |reader, key, value| {
                if key == "post_completion_checks" {
                    let all = reader.list(value).into_iter().map(|(text, _)| text.replace('_', " "));
                    reader.said.checks.extend(all);
                }
            }),
            other => self.unknown(other),
        }
    }

    fn unknown(&mut self, key: &str) {
        let why = WITHOUT_EFFECT.iter().find(|(known, _)| *known == key).map(|(_, why)| *why);
        self.notes.push(match (why, closest(key, KNOWN)) {
            (Some(why), _) => format!("`{key}` has no effect here: {why}"),
            (None, Some(meant)) => format!("`{key}` is not known here: did you mean `{meant}`?"),
            (None, None) => format!("`{key}` is not known here and has no effect"),
        });
    }

    /// Names, or a mapping with `native`, `mcp` and `forbidden`.
    fn tools(&mut self, key: &Node, value: &Node) {
        self.tools_at.get_or_insert(key.span.clone());
        if let Value::Map(_) = &value.value {
            return self.each(value, |reader, key, value| match key {
                "native" => reader.granted(value),
                "mcp" => reader.servers(value, value),
                "forbidden" => reader.forbidden_tools(value),
                other => reader.notes.push(format!("`tools.{other}` is not known here and has no effect")),
            });
        }
        self.granted(value);
    }

    fn granted(&mut self, value: &Node) {
        for (text, at) in self.list(value) {
            if text == "*" {
                self.notes.push("`*` asks for every tool: it gets those of its runtime".into());
                continue;
            }
            self.listed_tools = true;
            let Some(rule) = self.rule(&text, &at) else { continue };
            let Some(tool) = rule.tool.clone() else { continue };
            if tool == Tool::Delegate {
                self.notes.push(format!("`{text}` is never granted: agents of a workflow start no others"));
                continue;
            }
            if let Tool::Other(name) = &tool
                && let Some(server) = tools::server(name)
            {
                self.servers_at.get_or_insert(at.clone());
                self.role.servers.entry(server.to_owned()).or_insert(None);
            }
            if rule.grip.is_some() {
                self.notes.push(format!(
                    "`{text}` grants the tool whole: narrow it by `policy` at the agent in the workflow"
                ));
                self.allow.push(rule);
            }
            if !self.role.tools.contains(&tool) {
                self.role.tools.push(tool);
            }
        }
    }

    fn forbidden_tools(&mut self, value: &Node) {
        for (text, at) in self.list(value) {
            if let Some(rule) = self.rule(&text, &at) {
                self.deny.push(rule);
            }
        }
    }

    fn rule(&mut self, text: &str, at: &Span) -> Option<Rule> {
        match tools::read_rule(text) {
            Ok(rule) => Some(rule),
            Err(why) => {
                self.report(
                    Diagnostic::error("tool-name", why)
                        .at(at.clone(), "expected a tool")
                        .help("such as `Read`, `Bash(git diff:*)` or `mcp__server__tool`"),
                );
                None
            }
        }
    }

    /// What must never happen. What is written as a tool is refused, the rest is told.
    fn forbidden(&mut self, value: &Node) {
        for (text, _) in self.list(value) {
            let named = text.split_whitespace().count() == 1 || text.contains('(') && text.ends_with(')');
            let rule = tools::read_rule(&text).ok();
            let known = |rule: &Rule| !matches!(rule.tool, Some(Tool::Other(_)) | None);
            if let Some(rule) = rule.filter(|rule| named && known(rule)) {
                self.deny.push(rule);
            }
            self.role.forbidden.push(text);
        }
    }

    /// A name, or a mapping with `tier` and `name`.
    fn model(&mut self, value: &Node) {
        if let Value::Map(_) = &value.value {
            return self.each(value, |reader, key, value| match key {
                "tier" => match reader.text(value).as_deref().map(effort_of_tier) {
                    Some(Some(effort)) => reader.effort = Some(effort),
                    Some(None) => reader.word(value, &["reasoning_high", "reasoning_standard", "fast"]),
                    None => {}
                },
                "name" => reader.model = reader.text(value),
                _ => {}
            });
        }
        let Some(text) = self.text(value) else { return };
        match effort_of_tier(&text) {
            Some(effort) => self.effort = Some(effort),
            None if text == "inherit" => {}
            None if text.contains(char::is_whitespace) => self.report(
                Diagnostic::error("model-name", format!("`{text}` is not the name of a model"))
                    .at(value.span.clone(), "a name has no spaces"),
            ),
            None => self.model = Some(text),
        }
    }

    fn effort(&mut self, value: &Node) {
        let Some(text) = self.text(value) else { return };
        match text.as_str() {
            "low" => self.effort = Some(Effort::Low),
            "medium" => self.effort = Some(Effort::Medium),
            "high" => self.effort = Some(Effort::High),
            "max" | "xhigh" => self.effort = Some(Effort::Max),
            _ => self.word(value, &["low", "medium", "high", "max"]),
        }
    }

    /// Names, mappings of a name to its configuration, or one mapping of them all.
    fn servers(&mut self, key: &Node, value: &Node) {
        self.servers_at.get_or_insert(key.span.clone());
        match &value.value {
            Value::Map(entries) => entries.iter().for_each(|(key, value)| self.server(key, value)),
            Value::List(items) => {
                for item in items {
                    match &item.value {
                        Value::Map(entries) => entries.iter().for_each(|(k, v)| self.server(k, v)),
                        _ => self.named_servers(item),
                    }
                }
            }
            _ => self.named_servers(value),
        }
    }

    fn named_servers(&mut self, value: &Node) {
        for (name, _) in self.list(value) {
            self.role.servers.entry(name).or_insert(None);
        }
    }

    fn server(&mut self, key: &Node, value: &Node) {
        let Some(name) = text_of(key) else { return self.wrong("a server's name", key) };
        let configuration = match &value.value {
            // `docs: docs` and `docs:` only name it.
            Value::Null | Value::Scalar(_) => None,
            Value::Map(_) => Some(json(value).to_string()),
            Value::List(_) => return self.wrong("the configuration of a server", value),
        };
        self.role.servers.insert(name.to_owned(), configuration);
    }

    fn tier(&mut self, value: &Node) {
        const TIERS: [&str; 5] = ["T1", "T2", "T3", "T4", "T5"];
        let Some(text) = self.text(value) else { return };
        match TIERS.iter().position(|tier| text.eq_ignore_ascii_case(tier)) {
            Some(at) => self.tier = Some((at as u8 + 1, value.span.clone(), self.file.clone())),
            None => self.word(value, &TIERS),
        }
    }

    fn identity(&mut self, value: &Node) {
        self.each(value, |reader, key, value| match key {
            "role" => reader.said.identity = reader.text(value),
            "expertise" => {
                let all = reader.list(value).into_iter().map(|(text, _)| text);
                reader.said.expertise.extend(all);
            }
            "cognitive_mode" => {
                const MODES: [&str; 6] =
                    ["divergent", "convergent", "integrative", "systematic", "forensic", "mixed"];
                match reader.text(value) {
                    Some(text) if compose::mode(&text).is_some() => reader.said.mode = Some(text),
                    Some(_) => reader.word(value, &MODES),
                    None => {}
                }
            }
            _ => {}
        });
    }

    fn persona(&mut self, value: &Node) {
        self.each(value, |reader, key, value| {
            if let Some(text) = reader.text(value) {
                reader.said.persona.push((key.to_owned(), text));
            }
        });
    }

    fn guardrails(&mut self, value: &Node) {
        self.each(value, |reader, key, value| match key {
            "input_validation" => reader.inputs(value),
            "output_filtering" => {
                let all = reader.list(value).into_iter().map(|(text, _)| text.replace('_', " "));
                reader.said.filters.extend(all);
            }
            "fallback_behavior" => match reader.text(value) {
                Some(text) if text.chars().all(|c| c.is_ascii_lowercase() || c == '_') => {
                    reader.said.fallback = Some(text);
                }
                Some(text) => reader.report(
                    Diagnostic::error("fallback-behavior", format!("`{text}` is not a behaviour"))
                        .at(value.span.clone(), "small letters and `_`")
                        .help("such as `warn_and_retry`, `escalate_to_user` or `persist_and_halt`"),
                ),
                None => {}
            },
            _ => {}
        });
    }

    /// `field: {format, on_invalid: {action, message}}`, or sentences.
    fn inputs(&mut self, value: &Node) {
        if let Value::List(_) | Value::Scalar(_) = &value.value {
            let all = self.list(value).into_iter().map(|(text, _)| text);
            return self.said.inputs.extend(all);
        }
        self.each(value, |reader, field, value| {
            let (mut form, mut rejects, mut message) = (None, false, None);
            if let Value::Map(_) = &value.value {
                reader.each(value, |reader, key, value| match key {
                    "format" => form = reader.text(value),
                    "on_invalid" => reader.each(value, |reader, key, value| match key {
                        "action" => rejects = reader.text(value).as_deref() == Some("reject"),
                        "message" => message = reader.text(value),
                        _ => {}
                    }),
                    _ => {}
                });
            } else {
                form = reader.text(value);
            }
            let mut line = format!("`{field}` is there");
            if let Some(form) = form {
                line += &format!(", of the form `{form}`");
            }
            line += if rejects {
                "; if not, say so in the work and go no further"
            } else {
                "; if not, say so in the work"
            };
            if let Some(message) = message {
                line += &format!(" ({message})");
            }
            reader.said.inputs.push(line);
        });
    }

    fn output(&mut self, value: &Node) {
        self.each(value, |reader, key, value| {
            if key != "levels" {
                return;
            }
            let names: Vec<(String, Span)> = match &value.value {
                Value::Map(entries) => entries
                    .iter()
                    .filter_map(|(k, _)| Some((text_of(k)?.to_owned(), k.span.clone())))
                    .collect(),
                _ => reader.list(value),
            };
            for (text, at) in names {
                match text.as_str() {
                    "L0" | "L1" | "L2" => reader.levels.push(text),
                    _ => reader.report(
                        Diagnostic::error("role-level", format!("`{text}` is not an output level"))
                            .at(at, "one of `L0`, `L1` and `L2`"),
                    ),
                }
            }
        });
    }

    /// What all of it comes to.
    pub(super) fn finish(mut self, body: &str) -> (Option<RoleFile>, Vec<Diagnostic>) {
        self.apply_tier();
        let tools = self.role.tools.len();
        let tools_at = self.tools_at.clone().unwrap_or(0..0);
        if tools > TOOLS_MAX {
            self.report(
                Diagnostic::warning("many-tools", format!("the role `{}` has {tools} tools", self.name))
                    .at(tools_at.clone(), format!("more than {TOOLS_MAX} are hard to choose from"))
                    .help("take out what it does not need for every task"),
            );
        }
        self.role.instructions = compose::instructions(body, &self.said);
        if self.role.instructions.is_empty() {
            self.report(
                Diagnostic::error("role-empty", format!("the role `{}` says nothing", self.name))
                    .at(0..0, "no instructions in this file")
                    .help("write behind the front matter what the agent is to do and how"),
            );
        }
        if self.found.iter().any(|d| d.severity == Severity::Error) {
            return (None, self.found);
        }
        let role = RoleFile {
            places: Places {
                file: self.main,
                servers: self.servers_at.unwrap_or_else(|| tools_at.clone()),
                skills: self.skills_at.unwrap_or(0..0),
                tools: tools_at,
            },
            role: self.role,
            levels: self.levels,
            model: self.model,
            effort: self.effort,
            tier: self.tier.map(|(tier, ..)| tier),
            deny: self.deny,
            allow: self.allow,
            notes: self.notes,
        };
        (Some(role), self.found)
    }

    /// A tier gives tools where none are listed, and takes what lies beyond it.
    fn apply_tier(&mut self) {
        const ALL: [Tool; 4] = [Tool::Write, Tool::Shell, Tool::Fetch, Tool::WebSearch];
        let mut may: Option<Vec<Tool>> = None;
        if let Some((tier, at, file)) = self.tier.clone() {
            let Some(offered) = tools::of_tier(tier) else {
                self.found.push(
                    Diagnostic::error(
                        "tier-delegates",
                        format!("the role `{}` is of tier T5: it starts other agents", self.name),
                    )
                    .at(at, "not for an agent of a workflow")
                    .help("give it the tier of what it does itself, T1 to T4; the engine starts the others")
                    .in_file(file),
                );
                return;
            };
            let beyond: Vec<&Tool> =
                ALL.iter().filter(|tool| self.role.tools.contains(tool) && !offered.contains(tool)).collect();
            if !beyond.is_empty() {
                let names: Vec<&str> = beyond.iter().map(|tool| tools::word(tool)).collect();
                let message =
                    format!("the role `{}` lists {} beyond its tier T{tier}", self.name, listed(&names));
                self.found.push(
                    Diagnostic::warning("beyond-tier", message)
                        .at(at.clone(), "the tier counts")
                        .in_file(file.clone()),
                );
            }
            if tier < 3 && !self.role.servers.is_empty() {
                let message =
                    format!("the role `{}` names servers of tools, and its tier T{tier} has none", self.name);
                self.found.push(
                    Diagnostic::warning("beyond-tier", message).at(at, "the tier counts").in_file(file),
                );
                self.role.servers.clear();
                self.role
                    .tools
                    .retain(|tool| !matches!(tool, Tool::Other(name) if tools::server(name).is_some()));
            }
            if !self.listed_tools {
                self.role.tools.extend(offered.iter().cloned());
            }
            self.role.tools.retain(|tool| !ALL.contains(tool) || offered.contains(tool));
            may = Some(offered.to_vec());
        }
        // What is listed is what it gets.
        if self.listed_tools || may.is_some() {
            for tool in ALL {
                let refused =
                    self.deny.iter().any(|rule| rule.grip.is_none() && rule.tool.as_ref() == Some(&tool));
                if !self.role.tools.contains(&tool) && !refused {
                    self.deny.push(Rule { tool: Some(tool), grip: None });
                }
            }
        }
        let denied = |tool: &Tool| {
            self.deny.iter().any(|rule| rule.grip.is_none() && rule.tool.as_ref() == Some(tool))
        };
        self.role.tools.retain(|tool| !denied(tool));
    }

    /// Each key of a mapping.
    fn each(&mut self, value: &Node, mut visit: impl FnMut(&mut Self, &str, &Node)) {
        match &value.value {
            Value::Map(entries) => {
                for (key, value) in entries {
                    match text_of(key) {
                        Some(name) => visit(self, name, value),
                        None => self.wrong("a key", key),
                    }
                }
            }
            Value::Null => {}
            _ => self.wrong("a mapping", value),
        }
    }

    fn text(&mut self, value: &Node) -> Option<String> {
        match &value.value {
            Value::Scalar(scalar) => Some(scalar.text.trim().to_owned()),
            Value::Null => None,
            _ => {
                self.wrong("a text", value);
                None
            }
        }
    }

    /// A list, or one line with commas.
    fn list(&mut self, value: &Node) -> Vec<(String, Span)> {
        match &value.value {
            Value::Null => Vec::new(),
            Value::Scalar(scalar) => {
                let at = |begin: usize, part: &str| {
                    let start = (value.span.start + begin).min(value.span.end);
                    start..(start + part.len()).min(value.span.end)
                };
                tools::parts(&scalar.text)
                    .into_iter()
                    .map(|(b, part)| (part.to_owned(), at(b, part)))
                    .collect()
            }
            Value::List(items) => items
                .iter()
                .filter_map(|item| match &item.value {
                    // A sentence with a colon is a mapping for YAML.
                    Value::Map(_) => Some((sentence(item, &self.file.text), item.span.clone())),
                    _ => Some((self.text(item)?, item.span.clone())),
                })
                .filter(|(text, _)| !text.is_empty())
                .collect(),
            Value::Map(_) => {
                self.wrong("a list, or names with commas", value);
                Vec::new()
            }
        }
    }

    fn wrong(&mut self, what: &str, node: &Node) {
        self.report(
            Diagnostic::error("wrong-type", format!("expected {what}, found {}", node.value.kind()))
                .at(node.span.clone(), format!("expected {what}")),
        );
    }

    fn word(&mut self, value: &Node, known: &[&str]) {
        let text = text_of(value).unwrap_or_default();
        let said = match closest(text, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("one of {}", listed(known)),
        };
        self.report(
            Diagnostic::error("unknown-word", format!("`{text}` is not known here"))
                .at(value.span.clone(), said),
        );
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic.in_file(self.file.clone()));
    }
}

fn effort_of_tier(text: &str) -> Option<Effort> {
    Some(match text {
        "reasoning_high" => Effort::High,
        "reasoning_standard" => Effort::Medium,
        "fast" => Effort::Low,
        _ => return None,
    })
}

fn text_of(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(scalar) => Some(scalar.text.as_str()),
        _ => None,
    }
}

fn sentence(node: &Node, text: &str) -> String {
    match &node.value {
        Value::Map(entries) => {
            let side = |node: &Node| text.get(node.span.clone()).unwrap_or_default().trim().to_owned();
            entries.iter().map(|(k, v)| format!("{}: {}", side(k), side(v))).collect::<Vec<_>>().join(", ")
        }
        _ => text_of(node).unwrap_or_default().to_owned(),
    }
}

/// As JSON: numbers and truth values keep their kind.
fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Scalar(scalar) if scalar.kind == "a text" => scalar.text.clone().into(),
        Value::Scalar(scalar) => {
            serde_json::from_str(&scalar.text).unwrap_or_else(|_| scalar.text.clone().into())
        }
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => {
            entries.iter().map(|(k, v)| (text_of(k).unwrap_or_default().to_owned(), json(v))).collect()
        }
    }
}
