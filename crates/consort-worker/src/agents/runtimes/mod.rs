//! Runtimes: each speaks to one vendor's program or service, and turns what it says into the words
//! of the port. This and what lies below are the only places that know a vendor.

pub mod api;
pub mod claude;

use super::session::brief::Brief;
use super::session::log::Raw;
use super::session::port::{Begin, Connection};
use consort_core::plan::Session;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Opens the session of a brief. `id` is what a new one is called where the vendor lets us choose; `raw` takes the stream as it comes.
///
/// # Errors
/// In a sentence: this build has no such runtime, or its program does not start.
pub(crate) fn open(
    brief: &Brief,
    id: &str,
    begin: Begin<'_>,
    env: &BTreeMap<String, String>,
    raw: Raw,
) -> Result<Connection, String> {
    match brief.session.runtime.as_str() {
        claude::NAME => claude::open(brief, id, begin, env, raw),
        api::NAME => api::open(brief, id, env, raw),
        other => Err(format!("this build has no runtime `{other}`")),
    }
}

/// The program of a session: the one that it names, or its runtime's own; `None` for a runtime without one.
pub(crate) fn program(session: &Session) -> Option<String> {
    let own = match session.runtime.as_str() {
        claude::NAME => Some("claude"),
        _ => None,
    };
    session.program.clone().filter(|_| own.is_some()).or(own.map(str::to_owned))
}

/// Variables in which a runtime looks for its key, unless the plan names one.
pub(crate) fn keys(session: &Session) -> &'static [&'static str] {
    match session.runtime.as_str() {
        claude::NAME => &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"],
        api::NAME => &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"],
        _ => &[],
    }
}

/// Variables that say where and how a runtime's service is reached.
pub(crate) fn settings(session: &Session) -> &'static [&'static str] {
    match session.runtime.as_str() {
        claude::NAME => &["ANTHROPIC_BASE_URL", "ANTHROPIC_CUSTOM_HEADERS", "IS_SANDBOX"],
        _ => &[],
    }
}

/// Takes the copy of a person's log-in out of a home that stays.
///
/// # Errors
/// It is there and cannot be removed.
pub(crate) fn take_login(home: &Path) -> io::Result<()> {
    claude::take_login(home)
}

/// The file with the log-in of the person's own installation, if there is one.
pub(crate) fn login(session: &Session, env: &BTreeMap<String, String>) -> Option<PathBuf> {
    match session.runtime.as_str() {
        claude::NAME => {
            let home = env.get("CLAUDE_CONFIG_DIR").map(PathBuf::from);
            let home = home.or_else(|| Some(PathBuf::from(env.get("HOME")?).join(".claude")))?;
            Some(home.join(".credentials.json")).filter(|path| path.is_file())
        }
        _ => None,
    }
}
