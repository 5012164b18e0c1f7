//! Scenarios as lists of rules: which requests a rule is about, and what the model then answers.

use super::reply::Reply;
use super::request::{ModelRequest, Wire};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Rules, the first that fits wins.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Names of models that the server lists.
    pub models: Vec<String>,
    /// In order.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// For the log.
    pub name: String,
    /// Which requests.
    pub when: When,
    /// What is answered, turn by turn: the first to a new prompt, the next once the model has
    /// answered that, and so on; the last one for ever. A reply with a fault gives no answer and is
    /// passed once in each conversation, so that a client's next try gets the one behind it.
    ///
    /// In texts `${cwd}` is the agent's working directory, `${rest}` what stands behind the first text of
    /// `when.prompt` up to the end of its line, `${n}` the number of the request.
    pub replies: Vec<Reply>,
}

/// Conditions; all that are given must hold. Texts are looked for as they are.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// In this language.
    pub wire: Option<Wire>,
    /// In the model's name.
    pub model: Option<String>,
    /// In the newest message of a user: all of them.
    pub prompt: Vec<String>,
    /// In anything that was said: all of them.
    pub said: Vec<String>,
    /// In the system prompt.
    pub system: Option<String>,
    /// In the newest result of a tool.
    pub tool_result: Option<String>,
    /// The client offers this tool; `*`: any.
    pub offers: Option<String>,
    /// The client does not offer this tool; `*`: none at all.
    pub lacks: Option<String>,
    /// A header (name in small letters) has this value.
    pub header: Option<(String, String)>,
    /// Only the n-th time (from 1) that the rest holds in a conversation.
    pub nth: Option<u32>,
    /// Whatever else.
    #[serde(skip)]
    pub holds: Option<Predicate>,
}

/// A condition in code.
pub type Predicate = Arc<dyn Fn(&ModelRequest) -> bool + Send + Sync>;

impl fmt::Debug for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Rules {
    /// Of these rules.
    pub fn of(rules: impl IntoIterator<Item = Rule>) -> Self {
        Rules { models: Vec::new(), rules: rules.into_iter().collect() }
    }

    /// Reads a scenario.
    ///
    /// # Errors
    /// What is wrong with the text, with line and column.
    pub fn from_json(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|e| format!("not a scenario: {e}"))
    }
}

impl Rule {
    /// For prompts with this text.
    pub fn prompt(text: impl Into<String>) -> Self {
        let text = text.into();
        let when = When { prompt: vec![text.clone()], ..When::default() };
        Rule { name: text, when, replies: Vec::new() }
    }

    /// For everything.
    pub fn always() -> Self {
        Rule { name: "always".into(), ..Rule::default() }
    }

    /// For what fulfils a condition in code, too.
    #[must_use]
    pub fn holds(mut self, predicate: impl Fn(&ModelRequest) -> bool + Send + Sync + 'static) -> Self {
        self.when.holds = Some(Arc::new(predicate));
        self
    }

    /// With one more reply.
    #[must_use]
    pub fn reply(mut self, reply: Reply) -> Self {
        self.replies.push(reply);
        self
    }
}

/// What was used of the rules.
#[derive(Default)]
pub(super) struct Uses {
    /// How often the conditions of a rule held in a conversation.
    held: HashMap<(usize, String), u32>,
    /// How many replies with faults of a rule were passed at a prompt of a conversation.
    passed: HashMap<(usize, String), usize>,
}

/// The reply of the first rule that fits, and the rule's name.
pub(super) fn choose(rules: &Rules, uses: &mut Uses, request: &ModelRequest) -> Option<(String, Reply)> {
    for (at, rule) in rules.rules.iter().enumerate() {
        if rule.replies.is_empty() || !fits(&rule.when, request) {
            continue;
        }
        let held = uses.held.entry((at, request.conversation.clone())).or_default();
        *held += 1;
        if rule.when.nth.is_some_and(|nth| nth != *held) {
            continue;
        }
        let place = (at, format!("{}|{}", request.conversation, request.prompt()));
        let passed = uses.passed.entry(place).or_default();
        let chosen = &rule.replies[(request.turn() + *passed).min(rule.replies.len() - 1)];
        *passed += usize::from(chosen.fault.is_some());
        return Some((rule.name.clone(), filled(chosen, rule, request)));
    }
    None
}

fn fits(when: &When, request: &ModelRequest) -> bool {
    let within =
        |wanted: &Option<String>, text: &str| wanted.as_ref().is_none_or(|w| text.contains(w.as_str()));
    let all_within = |wanted: &[String], text: &str| wanted.iter().all(|w| text.contains(w.as_str()));
    let has = |tool: &String| if tool == "*" { !request.tools.is_empty() } else { request.offers(tool) };
    when.wire.is_none_or(|wire| wire == request.wire)
        && within(&when.model, &request.model)
        && all_within(&when.prompt, request.prompt())
        && (when.said.is_empty() || all_within(&when.said, &request.whole()))
        && within(&when.system, &request.system)
        && when.tool_result.as_ref().is_none_or(|w| request.tool_result().is_some_and(|m| m.text.contains(w)))
        && when.offers.as_ref().is_none_or(has)
        && !when.lacks.as_ref().is_some_and(has)
        && when.header.as_ref().is_none_or(|(name, value)| request.headers.get(name) == Some(value))
        && when.holds.as_ref().is_none_or(|holds| holds(request))
}

/// The reply with its placeholders filled in.
fn filled(reply: &Reply, rule: &Rule, request: &ModelRequest) -> Reply {
    let fill = |text: &str| {
        if !text.contains("${") {
            return text.to_owned();
        }
        let sign = rule.when.prompt.first().map(String::as_str).unwrap_or_default();
        let behind = request.prompt().split_once(sign).map_or("", |(_, behind)| behind);
        let rest = behind.lines().next().unwrap_or_default().trim().trim_matches('"');
        text.replace("${rest}", rest)
            .replace("${cwd}", &request.cwd().unwrap_or_else(|| ".".into()))
            .replace("${n}", &request.number.to_string())
    };
    let mut reply = reply.clone();
    reply.text = fill(&reply.text);
    for call in &mut reply.calls {
        in_texts(&mut call.args, &fill);
    }
    if let Some(value) = &mut reply.structured {
        in_texts(value, &fill);
    }
    reply
}

fn in_texts(value: &mut Value, fill: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = fill(text),
        Value::Array(items) => items.iter_mut().for_each(|item| in_texts(item, fill)),
        Value::Object(map) => map.values_mut().for_each(|item| in_texts(item, fill)),
        _ => {}
    }
}
