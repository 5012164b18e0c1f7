//! Where the agents' programs of the tests are. They come from `agents/package.json` and its lock file;
//! `.ci/run` installs them, `just agents` by hand. A test whose agent is not there says so by name:
//! skipped is not passed.

use std::io::Write;
use std::path::{Path, PathBuf};

/// A directory `node_modules` with agents in it.
pub const AGENTS: &str = "CONSORT_AGENTS";

/// A file that collects what was skipped.
pub const SKIPPED: &str = "CONSORT_SKIPPED";

/// An agent is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// What is skipped.
    pub name: &'static str,
    /// Why, and what would help.
    pub why: String,
}

impl Skipped {
    /// Says so on standard error, and in the file that [`SKIPPED`] names: a test runner that shows
    /// nothing of tests that pass must not hide it.
    pub fn say(&self) {
        let thread = std::thread::current();
        let line = format!("SKIPPED {}: {}: {}\n", self.name, thread.name().unwrap_or("?"), self.why);
        let _ = std::io::stderr().write_all(line.as_bytes());
        if let Some(path) = std::env::var_os(SKIPPED) {
            let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
            let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
        }
    }
}

/// Claude Code's program, by absolute path.
///
/// # Errors
/// It is not installed; that is said on standard error, too.
pub fn claude() -> Result<PathBuf, Skipped> {
    found("claude", "claude", &places()).inspect_err(Skipped::say)
}

/// Where agents are looked for: what the environment names, else the target directory.
fn places() -> Vec<PathBuf> {
    if let Some(named) = std::env::var_os(AGENTS).filter(|value| !value.is_empty()) {
        return vec![named.into()];
    }
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(|root| root.join("target"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    [target, own].into_iter().flatten().map(|dir| dir.join("agents/node_modules")).collect()
}

fn found(name: &'static str, program: &str, places: &[PathBuf]) -> Result<PathBuf, Skipped> {
    let at = places.iter().find_map(|place| place.join(".bin").join(program).canonicalize().ok());
    at.ok_or_else(|| {
        let places = places.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ");
        let why =
            format!("not installed in {places}; `just agents` installs it, or {AGENTS} names another place");
        Skipped { name, why }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_named_with_what_helps() {
        let dir = tempfile::tempdir().unwrap();
        let places = [dir.path().join("a"), dir.path().join("b")];
        let skipped = found("claude", "claude", &places).unwrap_err();
        assert_eq!(skipped.name, "claude");
        assert!(skipped.why.contains("just agents") && skipped.why.contains(AGENTS), "{}", skipped.why);
        let bin = places[1].join(".bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::write(dir.path().join("program"), "x").unwrap();
        std::os::unix::fs::symlink("../../program", bin.join("claude")).unwrap();
        let real = dir.path().canonicalize().unwrap().join("program");
        assert_eq!(found("claude", "claude", &places), Ok(real));
    }
}
