//! Keys of front matter and governance. Known ones are used; others are kept as notes, for people
//! share these files with other programs.

mod said;
mod tiers;
mod values;

use super::compose::{self, Said};
use super::{Places, RoleFile, TOOLS_MAX, front, tools};
use crate::definition::diagnostic::{Diagnostic, Foreign, Severity, Span, closest};
use crate::definition::tree::{Node, Value};
use crate::plan::{Effort, Role, Rule, Tool};
use std::sync::Arc;
use values::{json, text_of};

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
}

fn effort_of_tier(text: &str) -> Option<Effort> {
    Some(match text {
        "reasoning_high" => Effort::High,
        "reasoning_standard" => Effort::Medium,
        "fast" => Effort::Low,
        _ => return None,
    })
}
