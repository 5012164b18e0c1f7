//! From a plan's session to what its driver is told: see [`super::session`].

use super::answer_schema;
use super::outfit::{Desk, OutfitError, find, shown};
use super::request::Request;
use super::runtimes;
use super::session::brief::{BRIEF_VERSION, Brief};
use super::session::{ASK_TIMEOUT_MS, uuid};
use consort_core::plan::{AgentSpec, Session};
use consort_core::run::Start;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// So many asks of one attempt may wait their full time before its wall time is up.
const ASKS_WAITED_FOR: u64 = 6;

/// What a program needs to reach the network at all, wherever it is.
const NETWORK: [&str; 10] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "ALL_PROXY",
];

/// The brief of one attempt.
pub(super) fn brief(
    request: &Request,
    spec: &AgentSpec,
    session: &Session,
    start: &Start,
    desk: &Desk,
    task: &str,
) -> Result<Brief, OutfitError> {
    let program = match runtimes::program(session) {
        Some(name) => Some(PathBuf::from(find(&name, desk, task)?)),
        None => None,
    };
    let creator = start.attempt.step.is_creator();
    let keys = keys(session);
    let has_key = keys.iter().any(|name| desk.env.get(name).is_some_and(|v| !v.is_empty()));
    Ok(Brief {
        version: BRIEF_VERSION,
        session: session.clone(),
        program,
        id: uuid(&format!("{}/{}", start.nonce, start.attempt)),
        resume: start.resume.clone().filter(|_| creator),
        fork: start.fork,
        prompt: desk.prompt(),
        attached: attached(request, desk),
        cwd: desk.cwd.clone(),
        writable: vec![desk.temporary()],
        read_only: !creator,
        home: desk.home.clone(),
        answer: answer_schema::of(request).map(|schema| (desk.answer(), schema)),
        usage: desk.usage(),
        caps: spec.caps,
        output_bytes_max: spec.output_bytes_max,
        login: (!has_key).then(|| runtimes::login(session, &desk.env)).flatten(),
        secrets: secrets(spec, &keys),
        prices: desk.prices.clone(),
    })
}

/// Whoever has no tools sees what there is to read in the prompt.
fn attached(request: &Request, desk: &Desk) -> Vec<(String, PathBuf)> {
    let inputs = request.inputs.iter().map(|input| &input.path);
    let files = request.candidate.iter().map(|file| &file.path).chain(inputs);
    files.map(|path| (path.clone(), desk.cwd.join(path))).collect()
}

/// Variables that hold the keys of a session: the one that it names, or all that its runtime knows.
fn keys(session: &Session) -> Vec<String> {
    match &session.key_env {
        Some(name) => vec![name.clone()],
        None => runtimes::keys(session).iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// True for names of variables that hold secrets as a rule.
pub fn is_secret_name(name: &str) -> bool {
    let ends = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIALS"];
    ends.iter().any(|end| name.to_ascii_uppercase().ends_with(end))
}

fn secrets(spec: &AgentSpec, keys: &[String]) -> Vec<String> {
    let passed = spec.env_pass.iter().filter(|name| is_secret_name(name));
    keys.iter().chain(passed).cloned().collect()
}

/// The environment of a driver and its agent: a private home, the keys it names, the way to the network.
pub(super) fn environment(
    spec: &AgentSpec,
    session: &Session,
    desk: &Desk,
    env: &mut BTreeMap<String, String>,
) {
    if !spec.env_pass.iter().any(|name| name == "HOME") {
        env.insert("HOME".into(), shown(&desk.home));
    }
    let network = NETWORK.iter().map(|name| (*name).to_owned());
    let names = keys(session)
        .into_iter()
        .chain(network)
        .chain(runtimes::settings(session).iter().map(|n| (*n).into()));
    for name in names {
        if let Some(value) = desk.env.get(&name) {
            env.entry(name).or_insert_with(|| value.clone());
        }
    }
    // What is written for agents by themselves is of no use to one that is talked to.
    for name in ["CONSORT_PROMPT", "CONSORT_REQUEST", "CONSORT_ANSWER"] {
        env.remove(name);
    }
}

/// How long the people whom one attempt asks may take, together.
pub(super) fn waiting_ms_max(session: &Session) -> u64 {
    session.policy.ask_timeout_ms.unwrap_or(ASK_TIMEOUT_MS).saturating_mul(ASKS_WAITED_FOR)
}
