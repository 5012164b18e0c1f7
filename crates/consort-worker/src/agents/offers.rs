//! Which runtimes this build has, what they can do, and whether they can be used on this machine.

use super::runtimes::{api, claude};
use crate::processes;
use consort_core::definition::Offer;
use consort_core::plan::Tool;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One runtime as it was found here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// For the definition.
    pub offer: Offer,
    /// Its program, if it has one and it is there.
    pub program: Option<PathBuf>,
    /// The program's version, if it says one.
    pub version: Option<String>,
    /// What is worth knowing although it can be used.
    pub note: Option<String>,
    /// The command that mends what is missing.
    pub help: Option<String>,
}

/// True if agents of this runtime say themselves what they cost; for the others the table of prices does.
pub fn tells_cost(runtime: &str) -> bool {
    runtime == claude::NAME
}

/// Versions of Claude Code that were tried, from and up to but not including.
const CLAUDE: (u64, u64) = (2, 3);
/// The variable of a wire's key, and the model that is taken where nobody names one.
const MODELS: [(&str, &str); 3] = [
    ("ANTHROPIC_API_KEY", "claude-sonnet-4-5"),
    ("OPENAI_API_KEY", "gpt-5.1"),
    ("GEMINI_API_KEY", "gemini-2.5-pro"),
];

/// All runtimes that are talked to, the preferred one first. Starts programs only to ask their version.
pub fn discover(env: &BTreeMap<String, String>, root: &Path) -> Vec<Found> {
    vec![claude_code(env, root), models(env)]
}

/// The same without looking: nothing of it can be used.
pub fn known() -> Vec<Offer> {
    let nowhere = BTreeMap::new();
    let all = discover(&nowhere, Path::new("/nowhere"));
    all.into_iter().map(|found| Offer { found: Err("not looked for".into()), ..found.offer }).collect()
}

fn claude_code(env: &BTreeMap<String, String>, root: &Path) -> Found {
    let offer = |found: Result<String, String>| Offer {
        runtime: claude::NAME.into(),
        about: "Claude Code, by its stream-json and control protocol".into(),
        tools: vec![Tool::Read, Tool::Write, Tool::Search, Tool::Shell, Tool::Fetch, Tool::WebSearch],
        servers: true,
        skills: true,
        role_models: true,
        found,
        model: None,
    };
    let path = env.get("PATH").map(String::as_str).unwrap_or_default();
    let Ok(program) = which::which_in("claude", Some(path), root) else {
        return Found {
            offer: offer(Err("the program `claude` is not in PATH".into())),
            program: None,
            version: None,
            note: None,
            help: Some("npm install -g @anthropic-ai/claude-code".into()),
        };
    };
    let version = processes::version_of(&program, env);
    let number = version.as_deref().and_then(|v| v.split('.').next()?.trim().parse::<u64>().ok());
    let (mut note, mut help) = (None, None);
    let login = claude_login(env);
    let found = match (&version, number, &login) {
        (None, _, _) => {
            help = Some(format!("{} --version", program.display()));
            Err(format!("`{}` does not say its version", program.display()))
        }
        (Some(version), Some(major), _) if major < CLAUDE.0 => {
            help = Some("npm install -g @anthropic-ai/claude-code@latest".into());
            Err(format!("{version} is too old: {}.0 or newer is needed", CLAUDE.0))
        }
        (_, _, None) => {
            help = Some("export ANTHROPIC_API_KEY=…, or log in: run `claude` once and type /login".into());
            Err("it is not logged in".into())
        }
        (Some(version), _, Some(login)) => Ok(format!("{version}, {login}")),
    };
    if number.is_none_or(|major| major >= CLAUDE.1) && found.is_ok() {
        note = Some(format!("this version was not tried: it works as far as it behaves like {}.x", CLAUDE.0));
    }
    Found { offer: offer(found), program: Some(program), version, note, help }
}

/// How it is logged in, without saying the secret.
fn claude_login(env: &BTreeMap<String, String>) -> Option<String> {
    let names = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];
    if let Some(name) = names.into_iter().find(|name| env.get(*name).is_some_and(|v| !v.is_empty())) {
        return Some(format!("key in {name}"));
    }
    let session = consort_core::plan::Session { runtime: claude::NAME.into(), ..Default::default() };
    super::runtimes::login(&session, env).map(|path| format!("logged in by {}", path.display()))
}

fn models(env: &BTreeMap<String, String>) -> Found {
    let key = MODELS.iter().find(|(name, _)| env.get(*name).is_some_and(|v| !v.is_empty()));
    let found = match key {
        Some((name, model)) => Ok(format!("key in {name}, {model}")),
        None => Err("no key of a model's service is set".into()),
    };
    let names: Vec<&str> = MODELS.iter().map(|(name, _)| *name).collect();
    Found {
        offer: Offer {
            runtime: api::NAME.into(),
            about: format!(
                "models called directly, without tools ({})",
                api::wires().collect::<Vec<_>>().join(", ")
            ),
            tools: Vec::new(),
            servers: false,
            skills: false,
            role_models: false,
            found,
            model: key.map(|(_, model)| (*model).to_owned()),
        },
        program: None,
        version: None,
        note: None,
        help: key.is_none().then(|| {
            format!("export one of {}; a service of your own needs only `url` and `model`", names.join(", "))
        }),
    }
}
