//! What a role tells its agent: the file's own words, then in plain sentences what its richer fields say.

use std::fmt::Write;

/// What the richer fields say, as they were read.
#[derive(Default)]
pub(super) struct Said {
    /// What it is: `identity.role`.
    pub(super) identity: Option<String>,
    /// What it knows about.
    pub(super) expertise: Vec<String>,
    /// How it thinks.
    pub(super) mode: Option<String>,
    /// Who its readers are, how it writes: `persona`.
    pub(super) persona: Vec<(String, String)>,
    /// What to look for in the inputs.
    pub(super) inputs: Vec<String>,
    /// What must not get into the work.
    pub(super) filters: Vec<String>,
    /// What to do when it cannot go on.
    pub(super) fallback: Option<String>,
    /// What to look at before it ends.
    pub(super) checks: Vec<String>,
    /// What it stands for.
    pub(super) principles: Vec<String>,
}

/// What a way of thinking means, in an instruction.
pub(super) fn mode(word: &str) -> Option<&'static str> {
    Some(match word {
        "divergent" => {
            "open the question up: gather more possibilities than you will keep before you narrow them"
        }
        "convergent" => "narrow down: weigh what is there against named criteria until one answer stands",
        "integrative" => {
            "join: find what the parts have in common, where they contradict, and what follows from both"
        }
        "systematic" => "go through it in a fixed order, leave no item out, and say how far you got",
        "forensic" => "work back from what can be seen to what caused it, and keep evidence and guess apart",
        "mixed" => "open the question up first, then narrow it by named criteria",
        _ => return None,
    })
}

/// What to do when it cannot go on.
fn fallback(word: &str) -> String {
    match word {
        "warn_and_retry" => "say in the work what went wrong and try once more in another way".into(),
        "escalate_to_user" => {
            "leave it open and say plainly in the work what a person has to decide; nobody answers meanwhile"
                .into()
        }
        "persist_and_halt" => "write down what you have, mark where it ends and why, and stop".into(),
        other => other.replace('_', " "),
    }
}

/// The body, and behind it what the fields say.
pub(super) fn instructions(body: &str, said: &Said) -> String {
    let mut text = body.trim().to_owned();
    let mut part = |title: &str, lines: Vec<String>| {
        if lines.is_empty() {
            return;
        }
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        let _ = write!(text, "### {title}\n\n{}", lines.join("\n"));
    };
    let bullets = |list: &[String]| list.iter().map(|item| format!("- {item}")).collect::<Vec<_>>();
    let mut who = Vec::new();
    who.extend(said.identity.iter().map(|role| format!("- You are: {role}")));
    if !said.expertise.is_empty() {
        who.push(format!("- You know about: {}", said.expertise.join("; ")));
    }
    if let Some(word) = &said.mode {
        let meaning = mode(word).map_or_else(String::new, |meaning| format!(": {meaning}"));
        who.push(format!("- Way of thinking: {word}{meaning}"));
    }
    who.extend(said.persona.iter().map(|(key, value)| format!("- {}: {value}", key.replace('_', " "))));
    part("Who you are", who);
    part("What you hold to", bullets(&said.principles));
    part("Before you begin, look whether", bullets(&said.inputs));
    part("What must not get into the work", bullets(&said.filters));
    part("If you cannot go on", said.fallback.iter().map(|word| format!("- {}", fallback(word))).collect());
    part("Before you end, check", bullets(&said.checks));
    text
}
