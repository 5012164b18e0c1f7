//! How an agent's program is started: argument vector, environment, standard input, files. All
//! plain values: somebody else writes and starts them.

use super::rehearsal::misbehave;
use super::request::Request;
use super::session::brief::BRIEF;
use super::talk;
use super::templates;
use consort_core::ids::AttemptId;
use consort_core::plan::{AgentSpec, PromptBy, Runtime};
use consort_core::run::Start;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Hidden verb of the binary that plays an agent.
pub const REHEARSE_VERB: &str = "rehearse";
/// Hidden verb of the binary that talks to an agent.
pub const CONVERSE_VERB: &str = "converse";

/// Where an attempt takes place.
#[derive(Clone, Debug)]
pub struct Desk {
    /// `RunDirs::desk`: what the agent is handed and hands back. Absolute, as all paths here.
    pub dir: PathBuf,
    /// `RunDirs::control`: where an agent that is talked to is driven from. Its agent is not told of it.
    pub control: PathBuf,
    /// `RunDirs::home`: private home of the agent; creators keep theirs through all rounds.
    pub home: PathBuf,
    /// Working directory: the creator's workspace or the reviewer's export.
    pub cwd: PathBuf,
    /// The person's checkout: programs given by a relative path are looked up from here.
    pub root: PathBuf,
    /// This binary.
    pub self_exe: PathBuf,
    /// A person's table of prices, if there is one.
    pub prices: Option<PathBuf>,
    /// The runner's own environment.
    pub env: BTreeMap<String, String>,
    /// Which try at its step this is, from 1.
    pub try_number: u32,
}

impl Desk {
    /// The request as data.
    pub fn request(&self) -> PathBuf {
        self.dir.join("request.json")
    }

    /// The request as text.
    pub fn prompt(&self) -> PathBuf {
        self.dir.join("prompt.md")
    }

    /// Where the agent writes its answer.
    pub fn answer(&self) -> PathBuf {
        self.dir.join("answer.json")
    }

    /// Where the agent may say what it used up.
    pub fn usage(&self) -> PathBuf {
        self.dir.join("usage.json")
    }

    /// TMPDIR of the agent.
    pub fn temporary(&self) -> PathBuf {
        self.dir.join("tmp")
    }
}

/// What one process needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outfit {
    /// Program by absolute path, and its arguments.
    pub argv: Vec<String>,
    /// Working directory.
    pub cwd: PathBuf,
    /// The whole environment: nothing is inherited.
    pub env: BTreeMap<String, String>,
    /// One of `files` that is read as standard input; `None`: it is empty.
    pub stdin: Option<PathBuf>,
    /// Directories to make before the start.
    pub dirs: Vec<PathBuf>,
    /// Files to write before the start.
    pub files: Vec<(PathBuf, Vec<u8>)>,
    /// Wall time in milliseconds.
    pub wall_ms_max: u64,
    /// Cap of stdout and of stderr each, in bytes.
    pub output_bytes_max: u64,
    /// False: the runner may start it directly.
    pub supervise: bool,
}

/// Why an agent cannot be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutfitError {
    /// The plan has no agent for this step.
    #[error("no agent is configured for `{task}`; say `agent:` in the workflow file, or run with --rehearse")]
    Missing {
        /// Which task.
        task: String,
    },
    /// The program is not there.
    #[error("the program `{program}` of `{task}` is not found ({looked}); install it or correct `argv`")]
    NoProgram {
        /// As declared.
        program: String,
        /// Which task.
        task: String,
        /// Where it was looked for.
        looked: String,
    },
    /// The project's own template of the prompt gives none.
    #[error("the project's template of this prompt cannot be used: {why}; `consort check` looks at it")]
    Template {
        /// What the template engine says.
        why: String,
    },
}

/// Puts together what one attempt's process needs. The same arguments give the same bytes.
///
/// # Errors
/// The program cannot be found, or none is configured.
pub fn outfit(
    request: &Request,
    spec: &AgentSpec,
    start: &Start,
    desk: &Desk,
) -> Result<Outfit, OutfitError> {
    let attempt = &start.attempt;
    let task = attempt.task.to_string();
    let prompt = templates::compose(request).map_err(|why| OutfitError::Template { why })?;
    let mut env = environment(spec, attempt, desk);
    let mut files =
        vec![(desk.request(), request.to_json().into_bytes()), (desk.prompt(), prompt.into_bytes())];
    let mut dirs = vec![desk.dir.clone(), desk.temporary()];
    let mut wall_ms_max = spec.timeout_ms;
    let (argv, by) = match &spec.runtime {
        Runtime::Session(session) => {
            let brief = talk::brief(request, spec, session, start, desk, &task)?;
            talk::environment(spec, session, desk, &mut env);
            dirs.extend([desk.control.clone(), desk.home.clone()]);
            files.push((desk.control.join(BRIEF), brief.to_json()));
            wall_ms_max = wall_ms_max.saturating_add(talk::waiting_ms_max(session));
            let argv = [shown(&desk.self_exe), CONVERSE_VERB.into(), shown(&desk.control)];
            (argv.into(), PromptBy::File)
        }
        Runtime::Missing => return Err(OutfitError::Missing { task }),
        Runtime::Command { argv, prompt } => (command(argv, desk, &task)?, *prompt),
        Runtime::Rehearsal { misbehave: script } => {
            let mut argv = vec![shown(&desk.self_exe), REHEARSE_VERB.into(), "--request".into()];
            argv.push(shown(&desk.request()));
            for misdeed in misbehave::select(script, &attempt.step, desk.try_number) {
                argv.extend(["--misbehave".to_owned(), misdeed]);
            }
            (argv, PromptBy::File)
        }
    };
    Ok(Outfit {
        argv,
        cwd: desk.cwd.clone(),
        env,
        stdin: (by == PromptBy::Stdin).then(|| desk.prompt()),
        dirs,
        files,
        wall_ms_max,
        output_bytes_max: spec.output_bytes_max,
        // A session is found again after a crash, and only a supervisor outlives the runner.
        supervise: spec.supervise || matches!(spec.runtime, Runtime::Session(_)),
    })
}

/// The declared vector with its program found and placeholders filled in, item by item: there
/// is no shell that could read a path as anything else.
fn command(argv: &[String], desk: &Desk, task: &str) -> Result<Vec<String>, OutfitError> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(OutfitError::Missing { task: task.to_owned() });
    };
    let mut all = vec![find(program, desk, task)?];
    all.extend(arguments.iter().map(|item| fill(item, desk)));
    Ok(all)
}

pub(super) fn find(program: &str, desk: &Desk, task: &str) -> Result<String, OutfitError> {
    let missing = |looked: String| OutfitError::NoProgram {
        program: program.to_owned(),
        task: task.to_owned(),
        looked,
    };
    let path = desk.env.get("PATH").map(String::as_str).unwrap_or_default();
    // Never relative to the working directory: an agent writes there.
    let found = which::which_in(program, Some(path), &desk.root).map_err(|_| {
        missing(match program.contains('/') {
            true => format!("from {}", desk.root.display()),
            false => "in PATH".to_owned(),
        })
    })?;
    found.into_os_string().into_string().map_err(|_| missing("its path is not UTF-8".into()))
}

/// One pass, so that a path that happens to hold a placeholder stays as it is.
fn fill(item: &str, desk: &Desk) -> String {
    let known = [
        ("{prompt}", desk.prompt()),
        ("{answer}", desk.answer()),
        ("{request}", desk.request()),
        ("{workspace}", desk.cwd.clone()),
    ];
    let (mut done, mut rest) = (String::new(), item);
    while let Some(at) = rest.find('{') {
        done.push_str(&rest[..at]);
        rest = &rest[at..];
        match known.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, path)) => {
                done.push_str(&shown(path));
                rest = &rest[name.len()..];
            }
            None => {
                done.push('{');
                rest = &rest[1..];
            }
        }
    }
    done + rest
}

/// The declared environment and nothing else: later lines win.
fn environment(spec: &AgentSpec, attempt: &AttemptId, desk: &Desk) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let mut set = |name: &str, value: String| env.insert(name.to_owned(), value);
    for name in ["PATH", "HOME"].into_iter().chain(spec.env_pass.iter().map(String::as_str)) {
        if let Some(value) = desk.env.get(name) {
            set(name, value.clone());
        }
    }
    for (name, value) in [("LANG", "C.UTF-8"), ("TERM", "dumb"), ("TZ", "UTC")] {
        if !spec.env_pass.iter().any(|n| n == name) || !desk.env.contains_key(name) {
            set(name, value.to_owned());
        }
    }
    set("TMPDIR", shown(&desk.temporary()));
    for (name, value) in &spec.env_set {
        set(name, value.clone());
    }
    set("CONSORT_PROMPT", shown(&desk.prompt()));
    set("CONSORT_REQUEST", shown(&desk.request()));
    set("CONSORT_ANSWER", shown(&desk.answer()));
    let name = match attempt.step.is_creator() {
        true => attempt.slug(),
        // A slug tells the task and the round.
        false => crate::dirs::neutral(attempt),
    };
    set("CONSORT_ATTEMPT", name);
    env
}

pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
