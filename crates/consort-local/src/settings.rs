//! What a person can set: flag > environment > `.consort/config.toml` >
//! `~/.config/consort/config.toml` > default.
//!
//! The files are flat: each line is `name = value`, a comment or empty, and every such file is
//! TOML. Anything else that TOML has is refused, so a whole reader of it is not needed for
//! so few values.

use crate::places::{self, Places, PlacesError};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// No settings file is larger, in bytes.
const FILE_BYTES_MAX: usize = 64 << 10;

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl std::str::FromStr for Color {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Color::Auto),
            "always" => Ok(Color::Always),
            "never" => Ok(Color::Never),
            other => Err(format!("`{other}` is not one of auto, always, never")),
        }
    }
}

/// What one source sets; `None` where it is silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// `state_dir`, `CONSORT_STATE_DIR`: where workspaces lie.
    pub state_dir: Option<PathBuf>,
    /// `color`, `CONSORT_COLOR`.
    pub color: Option<Color>,
    /// `ascii`, `CONSORT_ASCII`: no characters beyond ASCII in pictures.
    pub ascii: Option<bool>,
    /// `live_files`, `CONSORT_LIVE_FILES`: the three files are kept current in the checkout.
    pub live_files: Option<bool>,
    /// `max_agents`, `CONSORT_MAX_AGENTS`: never more agents at work at once than so many, in all runs of this
    /// repository together, whatever a plan allows. At least 1.
    pub max_agents: Option<u32>,
    /// `ask_above_calls`, `CONSORT_ASK_ABOVE_CALLS`: a run that will likely take more agent calls
    /// than this is agreed to by a person before it starts.
    pub ask_above_calls: Option<u32>,
}

/// More agent calls than this are asked about, unless somebody says otherwise.
const ASK_ABOVE_CALLS: u32 = 50;

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Absolute. Workspaces lie in `<state dir>/consort/…`.
    pub state_dir: PathBuf,
    /// See [`Given`].
    pub color: Color,
    /// See [`Given`].
    pub ascii: bool,
    /// See [`Given`].
    pub live_files: bool,
    /// See [`Given`]; `None`: what the plans say.
    pub max_agents: Option<u32>,
    /// See [`Given`].
    pub ask_above_calls: u32,
}

/// What is wrong with a setting.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// In a file.
    #[error("{path}:{line}: {why}")]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What, and what would be right.
        why: String,
    },
    /// In the environment.
    #[error("the variable {name}: {why}")]
    Variable {
        /// Which.
        name: String,
        /// What, and what would be right.
        why: String,
    },
    /// A file that is there cannot be read.
    #[error("cannot read the settings in {path}: {source}. Mend or remove that file")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no place for workspaces.
    #[error(transparent)]
    Places(#[from] PlacesError),
}

const NAMES: [&str; 6] = ["state_dir", "color", "ascii", "live_files", "max_agents", "ask_above_calls"];

impl Given {
    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "state_dir" => {
                let path = PathBuf::from(value);
                if !path.is_absolute() {
                    return Err(format!("`{value}` is not an absolute path"));
                }
                self.state_dir = Some(path);
            }
            "color" => self.color = Some(value.parse()?),
            "ascii" => self.ascii = Some(truth(value)?),
            "live_files" => self.live_files = Some(truth(value)?),
            "max_agents" => {
                let number = value.parse().ok().filter(|n| *n >= 1);
                self.max_agents =
                    Some(number.ok_or_else(|| format!("`{value}` is not a whole number from 1"))?);
            }
            "ask_above_calls" => {
                let number = value.parse().map_err(|_| format!("`{value}` is not a whole number from 0"))?;
                self.ask_above_calls = Some(number);
            }
            other => return Err(format!("there is no setting `{other}`; there are {}", NAMES.join(", "))),
        }
        Ok(())
    }

    /// What these say, and where they are silent what `others` say.
    fn or(self, others: Given) -> Given {
        Given {
            state_dir: self.state_dir.or(others.state_dir),
            color: self.color.or(others.color),
            ascii: self.ascii.or(others.ascii),
            live_files: self.live_files.or(others.live_files),
            max_agents: self.max_agents.or(others.max_agents),
            ask_above_calls: self.ask_above_calls.or(others.ask_above_calls),
        }
    }

    fn from_env(env: &dyn Fn(&str) -> Option<OsString>) -> Result<Given, SettingsError> {
        let mut given = Given::default();
        for setting in NAMES {
            let name = format!("CONSORT_{}", setting.to_uppercase());
            let Some(value) = env(&name).filter(|value| !value.is_empty()) else { continue };
            if setting == "state_dir" {
                continue; // need not be UTF-8; looked up with its fall-backs
            }
            let outcome = match value.to_str() {
                Some(text) => given.set(setting, text),
                None => Err("it is not UTF-8".into()),
            };
            outcome.map_err(|why| SettingsError::Variable { name, why })?;
        }
        Ok(given)
    }

    fn from_file(path: &Path) -> Result<Given, SettingsError> {
        let failed = |source| SettingsError::Io { path: path.to_path_buf(), source };
        let bytes = match std::fs::read(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Given::default()),
            other => other.map_err(failed)?,
        };
        if bytes.len() > FILE_BYTES_MAX {
            return Err(failed(io::Error::other(format!("it is larger than {FILE_BYTES_MAX} bytes"))));
        }
        let text = String::from_utf8(bytes).map_err(|_| failed(io::Error::other("it is not UTF-8")))?;
        let mut given = Given::default();
        let mut names = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            let wrong = |why| SettingsError::Line { path: path.to_path_buf(), line, why };
            let Some((name, value)) = assignment(content).map_err(wrong)? else { continue };
            if names.contains(&name) {
                return Err(wrong(format!("`{name}` is set a second time")));
            }
            given.set(name, value).map_err(wrong)?;
            names.push(name);
        }
        Ok(given)
    }
}

/// `name = value` with a value in quotes, or a bare word or number; `None` for a line without.
fn assignment(line: &str) -> Result<Option<(&str, &str)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let expected = || "expected `name = value`; tables, lists and the like are not used here".to_owned();
    let (name, value) = line.split_once('=').ok_or_else(expected)?;
    let (name, value) = (name.trim(), value.trim());
    let (value, rest) = match value.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').ok_or("the closing quote is missing")?,
        None => value.split_at(value.find(['#', ' ', '\t']).unwrap_or(value.len())),
    };
    let rest = rest.trim();
    if value.is_empty() || value.contains('\\') || !(rest.is_empty() || rest.starts_with('#')) {
        return Err(expected());
    }
    Ok(Some((name, value)))
}

fn truth(value: &str) -> Result<bool, String> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        other => Err(format!("`{other}` is neither true nor false")),
    }
}

impl Settings {
    /// Puts the sources together. `flags` is what the command line says, `env` looks up a variable.
    /// Creates nothing.
    pub fn load(
        flags: Given,
        env: &dyn Fn(&str) -> Option<OsString>,
        places: &Places,
    ) -> Result<Settings, SettingsError> {
        let path = |name| env(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
        let home = path("XDG_CONFIG_HOME").or_else(|| path("HOME").map(|home| home.join(".config")));
        let person = match home {
            Some(dir) => Given::from_file(&dir.join("consort/config.toml"))?,
            None => Given::default(),
        };
        let project = Given::from_file(&places.consort.join("config.toml"))?;
        let files = project.or(person);
        let mut variables = Given::from_env(env)?;
        if env("CONSORT_STATE_DIR").is_some_and(|value| !value.is_empty()) {
            variables.state_dir = Some(places::state_dir(env)?);
        }
        let given = flags.or(variables).or(files);
        let state_dir = match given.state_dir {
            Some(dir) if dir.is_absolute() => dir,
            Some(dir) => return Err(PlacesError::RelativeStateDir(dir).into()),
            None => places::state_dir(env)?,
        };
        Ok(Settings {
            state_dir,
            color: given.color.unwrap_or_default(),
            ascii: given.ascii.unwrap_or(false),
            live_files: given.live_files.unwrap_or(false),
            max_agents: given.max_agents,
            ask_above_calls: given.ask_above_calls.unwrap_or(ASK_ABOVE_CALLS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct World {
        dir: tempfile::TempDir,
        places: Places,
    }

    impl World {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let top = dir.path().join("repo");
            fs::create_dir_all(&top).unwrap();
            fs::create_dir_all(dir.path().join(".config/consort")).unwrap();
            let places = Places::of(&top).unwrap();
            places.create().unwrap();
            World { dir, places }
        }
        fn project(&self, text: &str) {
            fs::write(self.places.consort.join("config.toml"), text).unwrap();
        }
        fn person(&self, text: &str) {
            fs::write(self.dir.path().join(".config/consort/config.toml"), text).unwrap();
        }
        fn load(&self, flags: Given, env: &[(&str, &str)]) -> Result<Settings, SettingsError> {
            let home = self.dir.path().as_os_str().to_owned();
            let env = |name: &str| match name {
                "HOME" => Some(home.clone()),
                _ => env.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).into()),
            };
            Settings::load(flags, &env, &self.places)
        }
    }

    #[test]
    fn the_nearer_source_wins_value_by_value() {
        let world = World::new();
        let default = world.load(Given::default(), &[]).unwrap();
        assert_eq!(default.state_dir, world.dir.path().join(".local/state"));
        assert_eq!((default.color, default.ascii, default.max_agents), (Color::Auto, false, None));
        assert_eq!(default.ask_above_calls, 50);

        world.person(
            "color = \"never\" # mine\nask_above_calls = 9\nascii = true\nmax_agents = 2\nstate_dir = \"/p\"\n",
        );
        world.project("# ours\n\nmax_agents = 3\nlive_files = true\nstate_dir = \"/a dir\"\n");
        let from_files = world.load(Given::default(), &[]).unwrap();
        assert_eq!((from_files.color, from_files.ascii, from_files.live_files), (Color::Never, true, true));
        assert_eq!((from_files.max_agents, from_files.ask_above_calls), (Some(3), 9));
        assert_eq!(from_files.state_dir, Path::new("/a dir"));

        let env = [("CONSORT_MAX_AGENTS", "4"), ("CONSORT_ASCII", "0"), ("CONSORT_STATE_DIR", "/e")];
        let from_env = world.load(Given::default(), &env).unwrap();
        let never = [("CONSORT_ASK_ABOVE_CALLS", "0")];
        assert_eq!(world.load(Given::default(), &never).unwrap().ask_above_calls, 0);
        let flag = Given { ask_above_calls: Some(7), ..Given::default() };
        assert_eq!(world.load(flag, &never).unwrap().ask_above_calls, 7);
        assert_eq!((from_env.max_agents, from_env.ascii), (Some(4), false));
        assert_eq!(from_env.state_dir, Path::new("/e"));
        // The general place for state says less than our own files.
        let xdg = world.load(Given::default(), &[("XDG_STATE_HOME", "/x")]).unwrap();
        assert_eq!(xdg.state_dir, Path::new("/a dir"));

        let flags = Given { max_agents: Some(5), color: Some(Color::Always), ..Given::default() };
        let from_flags = world.load(flags, &env).unwrap();
        assert_eq!((from_flags.max_agents, from_flags.color), (Some(5), Color::Always));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let world = World::new();
        for (text, part) in [
            ("\ncolour = \"auto\"\n", "config.toml:2: there is no setting `colour`; there are state_dir"),
            ("color = \"red\"", "`red` is not one of auto, always, never"),
            ("ascii = yes", "`yes` is neither true nor false"),
            ("[section]", "expected `name = value`"),
            ("color = [\"auto\"]", "`[\"auto\"]` is not one of"),
            ("color = \"auto", "closing quote"),
            ("color = \"auto\" \"x\"", "expected `name = value`"),
            ("color =", "expected `name = value`"),
            ("state_dir = \"here\"", "not an absolute path"),
            ("max_agents = 0", "whole number from 1"),
            ("ask_above_calls = few", "`few` is not a whole number from 0"),
            ("ascii = true\nascii = true", ":2: `ascii` is set a second time"),
        ] {
            world.project(text);
            let error = world.load(Given::default(), &[]).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        world.project("");
        let error = world.load(Given::default(), &[("CONSORT_ASCII", "maybe")]).unwrap_err().to_string();
        assert!(error.contains("CONSORT_ASCII: `maybe`"), "{error}");
        assert!(world.load(Given::default(), &[("CONSORT_STATE_DIR", "rel")]).is_err());
        fs::write(world.places.consort.join("config.toml"), b"\xff").unwrap();
        assert!(world.load(Given::default(), &[]).unwrap_err().to_string().contains("not UTF-8"));
    }
}
