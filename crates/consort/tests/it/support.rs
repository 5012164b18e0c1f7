//! A directory of its own for each test, the binary in it, and transcripts without what differs
//! from one time to the next.

#![allow(clippy::disallowed_types)] // a test starts the binary as a person does

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Two tasks; the second one is approved by a person.
pub(crate) const SMALL: &str = "\
workflow:
  id: small-20260220-001
  title: Small
criticality: C1
pipelines:
  p:
    phases:
      - name: One
        tasks:
          first: {role: writer, text: Write it., type: notes}
      - name: Two
        approval: {who: user, reason: P-020}
        tasks:
          second: {role: writer, text: Write more., type: notes, inputs: [{artifact: first}]}
";

/// A task that takes a while, and one after it.
pub(crate) const SLOW: &str = "\
workflow: {id: slow, title: Slow}
criticality: C1
agents:
  default: {argv: [sh, -c, 'cat > /dev/null; mkdir -p out; test -e out/a.md && exec cp out/a.md out/b.md; sleep 2; echo \"# done\" > out/a.md']}
tasks:
  a: {text: Take your time., path: out/a.md, gate: none}
  b: {text: Be quick., path: out/b.md, gate: none, needs: a}
";

pub(crate) struct World {
    dir: tempfile::TempDir,
}

/// What a command said.
pub(crate) struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// The PATH of the tests without directories in which an agent lies: whoever runs them may have some.
pub(crate) fn path_without_agents() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    let own = path.split(':').filter(|dir| !Path::new(dir).join("claude").exists());
    own.collect::<Vec<_>>().join(":")
}

impl World {
    /// A directory that is no repository.
    pub(crate) fn plain() -> Self {
        let world = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(world.path("repo")).unwrap();
        world
    }

    /// A repository with one commit that holds this workflow.
    pub(crate) fn new(workflow: &str) -> Self {
        let world = Self::plain();
        world.write("workflow.yaml", workflow);
        world.git(&["init", "-q", "-b", "main"]);
        world.git(&["add", "-A"]);
        world.git(&["commit", "-q", "-m", "First"]);
        world
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.repo().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=T", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]);
        let out = git.args(args).current_dir(self.repo()).output().unwrap();
        assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    /// The binary, not started yet.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_consort"));
        command
            .args(args)
            .current_dir(self.repo())
            .env("USER", "ada")
            .env("HOME", self.path("home"))
            .env("CONSORT_STATE_DIR", self.path("state"))
            .env_remove("CONSORT_COLOR")
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("GIT_DIR")
            .env("PATH", path_without_agents())
            // Whoever runs the tests may have agents; the tests have their own.
            .env_remove("ANTHROPIC_API_KEY")
            .env_remove("ANTHROPIC_AUTH_TOKEN")
            .env_remove("ANTHROPIC_BASE_URL")
            .env_remove("CLAUDE_CODE_OAUTH_TOKEN")
            .env_remove("OPENAI_API_KEY")
            .env_remove("GEMINI_API_KEY")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn consort(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).output().unwrap())
    }

    /// Runs it in the background.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs it in the background; nobody listens.
    pub(crate) fn spawn_quiet(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// A run that waits for its one approval.
    pub(crate) fn waiting() -> Self {
        let world = Self::new(SMALL);
        let said = world.consort(&["run", "workflow.yaml", "--rehearse"]);
        assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
        world
    }

    /// Until an agent of the run is running.
    pub(crate) fn until_running(&self, run: &str) {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            let said = self.consort(&["status", run, "--json"]);
            if said.code == 0 && said.json()["tasks"][0]["live"][0]["state"] == "running" {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no agent of {run} runs: {}", self.consort(&["logs", run]).stdout);
    }

    /// Until `run` has such a line in its story.
    pub(crate) fn until(&self, run: &str, what: &str) {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            if self.consort(&["logs", run]).stdout.contains(what) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{run} never said `{what}`: {}", self.consort(&["logs", run]).stdout);
    }

    /// Without times, commits, process ids and directories.
    pub(crate) fn redact(&self, text: &str) -> String {
        let dir = fs::canonicalize(self.dir.path()).unwrap();
        let text = text.replace(&*dir.to_string_lossy(), "[DIR]");
        let text = text.replace(&*self.dir.path().to_string_lossy(), "[DIR]");
        let mut out = String::new();
        for line in text.lines() {
            let words = line.split_inclusive([' ', ',', ')', '(', ':', ';', '.']).map(redact_word);
            out += words.collect::<String>().trim_end();
            out.push('\n');
        }
        out
    }
}

fn redact_word(word: &str) -> String {
    let core = word.trim_end_matches([' ', ',', ')', '(', ':', ';', '.']);
    let end = &word[core.len()..];
    let hex = core.len() >= 12 && core.bytes().all(|b| b.is_ascii_hexdigit());
    let digits = core.bytes().any(|b| b.is_ascii_digit());
    let duration = core.strip_suffix("ms").or_else(|| core.strip_suffix('s'));
    let duration = duration.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    match () {
        () if hex && digits => format!("[HASH]{end}"),
        () if duration => format!("[TIME]{end}"),
        () => word.to_owned(),
    }
}

impl Said {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Everything, for a transcript.
    pub(crate) fn all(&self, world: &World) -> String {
        let (out, err) = (world.redact(&self.stdout), world.redact(&self.stderr));
        format!("code {}\n{out}{err}", self.code)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", self.stdout, self.stderr))
    }
}

/// All files below a directory with their bytes, for "nothing was changed".
pub(crate) fn picture(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            match entry.file_type().unwrap().is_dir() {
                true => open.push(entry.path()),
                false => files.push((entry.path(), fs::read(entry.path()).unwrap())),
            }
        }
    }
    files.sort();
    files
}
