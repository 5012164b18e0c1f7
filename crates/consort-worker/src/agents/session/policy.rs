//! May an agent do this? Pure: the policy of its plan, what it wants, where it works.

use super::port::{Action, Request};
use super::shell::{self, Line, Word};
use consort_core::plan::{Decision, Grip, Policy, Role, Rule, Tool};
use globset::Glob;
use std::path::{Component, Path, PathBuf};

/// Programs that are agents themselves: one that works starts no other ones (P-003).
const AGENTS: [&str; 17] = [
    "claude",
    "claude-code",
    "codex",
    "gemini",
    "gemini-cli",
    "opencode",
    "opencode-ai",
    "aider",
    "goose",
    "amp",
    "crush",
    "cursor-agent",
    "qwen",
    "droid",
    "kimi",
    "auggie",
    "consort",
];
/// Programs that fetch a package and run it, and the verbs of those that do other things, too.
const FETCHERS: [(&str, &[&str]); 9] = [
    ("npx", &[]),
    ("pnpx", &[]),
    ("bunx", &[]),
    ("uvx", &[]),
    ("npm", &["exec", "x"]),
    ("pnpm", &["dlx", "exec"]),
    ("yarn", &["dlx", "exec"]),
    ("bun", &["x"]),
    ("pipx", &["run"]),
];
/// Places that everybody reads.
const SYSTEM: [&str; 8] = ["/usr", "/lib", "/lib64", "/bin", "/etc", "/opt", "/nix", "/proc/self"];
/// Where a line may write without leaving a trace.
const SINKS: [&str; 6] = ["/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/fd", "/dev/shm"];

/// What is known of a session when it asks.
pub(crate) struct Bounds<'a> {
    /// The rules of its plan.
    pub(crate) policy: &'a Policy,
    /// What it is there for.
    pub(crate) role: Option<&'a Role>,
    /// Its working directory.
    pub(crate) cwd: &'a Path,
    /// What it may write beside that.
    pub(crate) writable: &'a [PathBuf],
    /// It may write nothing.
    pub(crate) read_only: bool,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Allow,
    /// No: the agent is told why.
    Deny(String),
    /// A person decides. With the rule that would allow it from then on, where there is one.
    Ask(Option<Rule>),
}

/// Decides one request. What leaves the workspace or starts another agent is refused whatever the
/// rules say; then `deny`, `ask` and `allow` in this order; then what is said for the rest.
pub(crate) fn judge(bounds: &Bounds<'_>, request: &Request) -> Verdict {
    if let Action::Question(_) = request.what {
        return Verdict::Ask(None);
    }
    let line = match &request.what {
        Action::Command(text) => shell::read(text),
        _ => None,
    };
    if let Some(why) = out_of_bounds(bounds, request, line.as_ref()) {
        return Verdict::Deny(why);
    }
    let fits = |rule: &&Rule| fits(bounds, rule, request, line.as_ref());
    let policy = bounds.policy;
    if let Some(rule) = policy.deny.iter().find(fits) {
        return Verdict::Deny(format!("the policy of this task denies {}", words(rule)));
    }
    if policy.ask.iter().any(|rule| fits(&rule)) {
        return Verdict::Ask(rule_of(request, line.as_ref()));
    }
    if policy.allow.iter().any(|rule| fits(&rule)) || is_tool_of(bounds.role, request) {
        return Verdict::Allow;
    }
    match policy.otherwise {
        Some(Decision::Allow) => Verdict::Allow,
        Some(Decision::Ask) => Verdict::Ask(rule_of(request, line.as_ref())),
        Some(Decision::Deny) => Verdict::Deny("the policy of this task does not allow it".into()),
        None => usual(bounds, request),
    }
}

/// Where nothing is said: whatever stays in the workspace.
fn usual(bounds: &Bounds<'_>, request: &Request) -> Verdict {
    match &request.what {
        Action::Read(paths) => match paths.iter().find(|path| !may_read(bounds, path)) {
            Some(path) => Verdict::Deny(format!("`{path}` is outside the workspace")),
            None => Verdict::Allow,
        },
        Action::Command(_) if bounds.read_only => {
            Verdict::Deny("reviewers run no commands unless the policy of the task allows them".into())
        }
        Action::Write(_) | Action::Command(_) => Verdict::Allow,
        Action::Host(host) => Verdict::Deny(format!(
            "`{host}`: nothing outside this machine unless its role has the tool or the policy allows it"
        )),
        Action::Other(_) if matches!(&request.tool, Tool::Other(name) if name.starts_with("mcp__")) => {
            Verdict::Deny(format!("`{}` belongs to no server of its role", request.name))
        }
        Action::Other(_) => Verdict::Allow,
        Action::Question(_) => Verdict::Ask(None),
        Action::Delegate(_) => Verdict::Deny(NO_AGENTS.into()),
    }
}

const NO_AGENTS: &str =
    "agents of a workflow start no other agents: do it yourself, or say in the work what is missing";

/// What no rule can allow.
fn out_of_bounds(bounds: &Bounds<'_>, request: &Request, line: Option<&Line>) -> Option<String> {
    match &request.what {
        Action::Delegate(_) => Some(NO_AGENTS.into()),
        Action::Write(_) if bounds.read_only => {
            Some("reviewers change nothing: the answer is your last message".into())
        }
        Action::Write(paths) => {
            let outside = paths.iter().find(|path| !may_write(bounds, path))?;
            Some(format!(
                "`{outside}` is outside the workspace `{}`: nothing is written there",
                bounds.cwd.display()
            ))
        }
        Action::Command(text) => match line {
            Some(line) => line_out_of_bounds(bounds, line),
            None => Some(format!(
                "this shell line cannot be read, so that nobody can say what it writes: {}",
                text.chars().take(120).collect::<String>()
            )),
        },
        _ if request.tool == Tool::Delegate => Some(NO_AGENTS.into()),
        _ => None,
    }
}

fn line_out_of_bounds(bounds: &Bounds<'_>, line: &Line) -> Option<String> {
    if let Some(agent) = line.commands.iter().find_map(|words| agent_in(words)) {
        return Some(format!("`{agent}`: {NO_AGENTS}"));
    }
    let outside = |word: &&Word| match word {
        Word::Known(path) => !may_write(bounds, path),
        // A variable may lead anywhere, but for the directory of temporary files that is its own.
        Word::Open(text) => {
            !["$TMPDIR/", "${TMPDIR}/", "\"$TMPDIR/", "\"${TMPDIR}/"].iter().any(|p| text.starts_with(p))
        }
    };
    if let Some(path) = line.writes.iter().find(outside) {
        return Some(format!(
            "this line writes to `{}`, which is outside the workspace or cannot be told before: use a path below `{}`",
            path.text(),
            bounds.cwd.display()
        ));
    }
    let leaves = line.goes_to.iter().any(|to| match to {
        Word::Known(path) => !is_within(bounds, path),
        Word::Open(_) => true,
    });
    (leaves && !line.writes.is_empty()).then(|| {
        "this line leaves the workspace and writes somewhere: use paths from the workspace instead of `cd`".into()
    })
}

/// The agent that a command starts, by itself or as a package.
fn agent_in(words: &[Word]) -> Option<&str> {
    let name = |word: &'_ Word| -> Option<&'static str> {
        let package = shell::base(word.text()).split('@').next().unwrap_or_default();
        AGENTS.into_iter().find(|agent| *agent == package)
    };
    let (first, rest) = words.split_first()?;
    let fetcher = FETCHERS.iter().find(|(fetcher, _)| *fetcher == shell::base(first.text()));
    let fetched =
        fetcher.filter(|(_, verbs)| verbs.is_empty() || rest.iter().any(|word| verbs.contains(&word.text())));
    // Which of its words is the package depends on its flags: one that is named is enough.
    name(first).or_else(|| fetched.and_then(|_| rest.iter().find_map(name)))
}

fn is_tool_of(role: Option<&Role>, request: &Request) -> bool {
    let Some(role) = role else { return false };
    match &request.tool {
        Tool::Fetch | Tool::WebSearch => role.tools.contains(&request.tool),
        Tool::Other(name) => {
            let server = name.strip_prefix("mcp__").and_then(|rest| rest.split("__").next());
            role.tools.contains(&request.tool) || server.is_some_and(|s| role.servers.contains_key(s))
        }
        _ => false,
    }
}

fn fits(bounds: &Bounds<'_>, rule: &Rule, request: &Request, line: Option<&Line>) -> bool {
    let tool = match &rule.tool {
        None => true,
        Some(Tool::Other(name)) => glob(name, &request.name),
        Some(tool) => *tool == request.tool,
    };
    tool && rule.grip.as_ref().is_none_or(|grip| holds(bounds, grip, request, line))
}

fn holds(bounds: &Bounds<'_>, grip: &Grip, request: &Request, line: Option<&Line>) -> bool {
    match (grip, &request.what) {
        (Grip::Command(prefix), Action::Command(_)) => {
            let wanted: Vec<&str> = prefix.split_whitespace().collect();
            let begins = |words: &Vec<Word>| {
                words.len() >= wanted.len()
                    && words.iter().zip(&wanted).all(|(word, wanted)| word.text() == *wanted)
            };
            line.is_some_and(|line| !line.commands.is_empty() && line.commands.iter().all(begins))
        }
        (Grip::Path(pattern), Action::Read(paths) | Action::Write(paths)) => {
            !paths.is_empty() && paths.iter().all(|path| in_glob(bounds.cwd, pattern, path))
        }
        (Grip::Host(host), Action::Host(there)) => {
            there == host || there.strip_suffix(host.as_str()).is_some_and(|rest| rest.ends_with('.'))
        }
        _ => false,
    }
}

fn in_glob(cwd: &Path, pattern: &str, path: &str) -> bool {
    let full = clean(&cwd.join(path));
    let pattern =
        if pattern.starts_with('/') { pattern.to_owned() } else { format!("{}/{pattern}", cwd.display()) };
    glob(&pattern, &full.to_string_lossy())
}

fn glob(pattern: &str, text: &str) -> bool {
    Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(text))
}

/// The rule that would allow this from now on, as narrow as it makes sense.
fn rule_of(request: &Request, line: Option<&Line>) -> Option<Rule> {
    let grip = match &request.what {
        Action::Command(_) => {
            let [words] = line?.commands.as_slice() else { return None };
            // The program and its verb, such as `git status`; a flag is no verb.
            let verb = words
                .get(1)
                .filter(|w| matches!(w, Word::Known(t) if !t.starts_with('-') && !t.contains('/')));
            let program = words.first()?.text();
            Grip::Command(verb.map_or(program.to_owned(), |verb| format!("{program} {}", verb.text())))
        }
        Action::Read(paths) | Action::Write(paths) => Grip::Path(paths.first()?.clone()),
        Action::Host(host) => Grip::Host(host.clone()),
        Action::Other(_) => return Some(Rule { tool: Some(request.tool.clone()), grip: None }),
        Action::Question(_) | Action::Delegate(_) => return None,
    };
    Some(Rule { tool: Some(request.tool.clone()), grip: Some(grip) })
}

fn words(rule: &Rule) -> String {
    let tool = match &rule.tool {
        Some(Tool::Other(name)) => format!("`{name}`"),
        Some(tool) => format!("{tool:?}").to_lowercase(),
        None => "it".to_owned(),
    };
    match &rule.grip {
        Some(Grip::Command(what) | Grip::Path(what) | Grip::Host(what)) => format!("{tool} `{what}`"),
        None => tool,
    }
}

fn may_read(bounds: &Bounds<'_>, path: &str) -> bool {
    let full = real(&bounds.cwd.join(path));
    may_write(bounds, path) || is_within(bounds, path) || SYSTEM.iter().any(|place| full.starts_with(place))
}

fn is_within(bounds: &Bounds<'_>, path: &str) -> bool {
    real(&bounds.cwd.join(path)).starts_with(real(bounds.cwd))
}

fn may_write(bounds: &Bounds<'_>, path: &str) -> bool {
    let full = real(&bounds.cwd.join(path));
    is_within(bounds, path)
        || bounds.writable.iter().any(|place| full.starts_with(real(place)))
        || SINKS.iter().any(|sink| full.starts_with(sink))
}

/// Without `.` and `..`, by text alone.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            part => clean.push(part),
        }
    }
    clean
}

/// Where a path really leads: links are followed as far as it exists.
fn real(path: &Path) -> PathBuf {
    let path = clean(path);
    for there in path.ancestors() {
        if let Ok(known) = there.canonicalize() {
            return match path.strip_prefix(there) {
                Ok(rest) => known.join(rest),
                Err(_) => known,
            };
        }
    }
    path
}
