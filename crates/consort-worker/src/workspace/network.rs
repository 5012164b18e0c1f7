//! Git over the network: which remote is meant, what is there, and compare-and-swap of names there.
//!
//! Every call is made from a [`Quarantine`]: its git directory has no refs and no hooks, and of the repository's
//! configuration only how to get to other machines.

use super::git_words::GitError;
use super::quarantine::Quarantine;
use super::repo::Repo;
use super::{PlaneError, names};
use crate::drill;
use consort_core::ids::Revision;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Where something is pushed to or fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// As people call it: its name, else its address without a password.
    pub name: String,
    url: String,
    push_url: String,
}

/// Why no remote can be used.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// There is none.
    #[error("this repository has no remote. Add one: `git remote add origin URL`, or name an address")]
    None,
    /// Which one?
    #[error("this repository has several remotes and none is called origin. Name one: {}", .0.join(", "))]
    Several(Vec<String>),
    /// No such name, and no address.
    #[error("there is no remote `{given}`{}", known_remotes(.known))]
    Unknown {
        /// What was given.
        given: String,
        /// Names that there are.
        known: Vec<String>,
    },
    /// Git itself.
    #[error(transparent)]
    Git(#[from] GitError),
}

fn known_remotes(known: &[String]) -> String {
    match known {
        [] => ". Add one: `git remote add origin URL`, or name an address".into(),
        known => format!(". There are {}", known.join(", ")),
    }
}

/// One name there, from a value to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Full ref name.
    pub name: String,
    /// Its value afterwards.
    pub to: Revision,
    /// Its value now; `None`: it must not be there.
    pub from: Option<Revision>,
}

/// Keys of a repository's configuration that say how to get to other machines.
const TRANSPORT: &str = "^(core\\.(sshcommand|askpass)|ssh\\.|credential\\.|https?\\.|url\\.)";

impl Repo {
    /// Keys and values of the repository's own configuration.
    fn own_settings(&self, pattern: &str) -> Result<Vec<(String, String)>, GitError> {
        let call = self.call("config").args(["--local", "--includes", "--null", "--get-regexp", pattern]);
        let done = call.or_code(&[1]).run()?;
        let pair = |piece: &[u8]| {
            let text = String::from_utf8_lossy(piece).into_owned();
            match text.split_once('\n') {
                Some((key, value)) => (key.to_owned(), value.to_owned()),
                None => (text, "true".to_owned()),
            }
        };
        Ok(done.pieces().map(pair).collect())
    }

    /// The remote of this name or address; without one `origin`, else the only one.
    pub fn remote(&self, given: Option<&str>) -> Result<Remote, RemoteError> {
        let settings = self.own_settings("^remote\\..*\\.(url|pushurl)$")?;
        let value = |name: &str, key: &str| {
            let full = format!("remote.{name}.{key}");
            settings.iter().find(|(known, _)| *known == full).map(|(_, value)| self.address(value))
        };
        let name_of = |(key, _): &(String, String)| {
            key.strip_prefix("remote.")?.strip_suffix(".url").map(str::to_owned)
        };
        let known: BTreeSet<String> = settings.iter().filter_map(name_of).collect();
        let known: Vec<String> = known.into_iter().collect();
        let name = match (given, &known[..]) {
            (Some(given), _) if known.iter().any(|name| name == given) => given.to_owned(),
            (Some(given), _) if is_address(given) => {
                let url = self.address(given);
                return Ok(Remote { name: shown(given), push_url: url.clone(), url });
            }
            (Some(given), _) => return Err(RemoteError::Unknown { given: given.to_owned(), known }),
            (None, []) => return Err(RemoteError::None),
            (None, [only]) => only.clone(),
            (None, _) if known.iter().any(|name| name == "origin") => "origin".to_owned(),
            (None, _) => return Err(RemoteError::Several(known)),
        };
        let url = value(&name, "url").ok_or(RemoteError::None)?;
        let push_url = value(&name, "pushurl").unwrap_or_else(|| url.clone());
        Ok(Remote { name, url, push_url })
    }

    /// A path is meant from the top of the worktree, and calls are made from elsewhere.
    fn address(&self, url: &str) -> String {
        let relative = !url.contains(':') && !url.starts_with(['/', '~']);
        if relative { self.top().join(url).to_string_lossy().into_owned() } else { url.to_owned() }
    }
}

fn is_address(text: &str) -> bool {
    !text.starts_with('-') && !text.chars().any(char::is_control) && text.contains([':', '/'])
}

/// Without what stands before an `@` in an address: it may be a password.
fn shown(url: &str) -> String {
    match (url.split_once("://"), url.rfind('@')) {
        (Some((scheme, _)), Some(at)) => format!("{scheme}://{}", &url[at + 1..]),
        _ => url.to_owned(),
    }
}

impl Quarantine {
    /// Takes over how the person gets to other machines.
    pub fn connect(&self, repo: &Repo) -> Result<(), PlaneError> {
        let file = self.dir().join("config");
        let io = |source| PlaneError::io("write", &file, source);
        let mut text = fs::read_to_string(&file).map_err(io)?;
        for (key, value) in repo.own_settings(TRANSPORT)? {
            text += &setting(&key, &value);
        }
        fs::write(&file, text).map_err(io)
    }

    /// Names there that begin so, with their values.
    pub fn there(&self, remote: &Remote, starts: &[String]) -> Result<BTreeMap<String, Revision>, GitError> {
        let call = self.repo().call("ls-remote").args(["-q", "--refs", "--"]).arg(&remote.url);
        let call = call.args(starts.iter().map(|start| format!("{start}*"))).network();
        let done = call.run()?;
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        let pairs = text.lines().filter_map(|line| line.split_once('\t'));
        let wanted = pairs.filter(|(id, name)| {
            starts.iter().any(|start| name.starts_with(start.as_str()))
                && names::object_id(&Revision((*id).to_owned()), self.repo().format()).is_some()
        });
        Ok(wanted.map(|(id, name)| (name.to_owned(), Revision(id.to_owned()))).collect())
    }

    /// Gets these names from there, into the same names here.
    pub fn get(&self, remote: &Remote, names: &[String]) -> Result<(), GitError> {
        let specs: String = names.iter().map(|name| format!("+{name}:{name}\n")).collect();
        drill::site("git.fetch.before");
        let call = self.repo().call("fetch").args(["-q", "--no-tags", "--no-write-fetch-head", "--atomic"]);
        let call = call.args(["--no-auto-maintenance", "--no-recurse-submodules", "--stdin", "--"]);
        call.arg(&remote.url).stdin(specs.into_bytes()).network().run()?;
        drill::site("git.fetch.after");
        Ok(())
    }

    /// Moves names there, all or none, each from the value that is expected: nothing is overwritten.
    pub fn put(&self, remote: &Remote, updates: &[Update]) -> Result<(), GitError> {
        let call = self.repo().call("push").args(["-q", "--atomic", "--no-verify", "--porcelain"]);
        let lease = |update: &Update| {
            let from = update.from.as_ref().map_or("", Revision::as_str);
            format!("--force-with-lease={}:{from}", update.name)
        };
        let call = call.args(updates.iter().map(lease)).arg("--").arg(&remote.push_url);
        let call = call.args(updates.iter().map(|update| format!("{}:{}", update.to, update.name)));
        drill::site("git.push.before");
        call.network().run()?;
        drill::site("git.push.after");
        Ok(())
    }
}

/// A line of a configuration file, with its section.
fn setting(key: &str, value: &str) -> String {
    let (Some(first), Some(last)) = (key.find('.'), key.rfind('.')) else { return String::new() };
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let section = match first == last {
        true => format!("[{}]", &key[..first]),
        false => format!("[{} \"{}\"]", &key[..first], quoted(&key[first + 1..last])),
    };
    format!("{section}\n\t{} = \"{}\"\n", &key[last + 1..], quoted(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_written_as_git_reads_them() {
        assert_eq!(
            setting("core.sshcommand", "ssh -i \"a b\""),
            "[core]\n\tsshcommand = \"ssh -i \\\"a b\\\"\"\n"
        );
        assert_eq!(
            setting("http.https://x.y/.extraheader", "A: b"),
            "[http \"https://x.y/\"]\n\textraheader = \"A: b\"\n"
        );
    }

    #[test]
    fn no_password_is_shown_and_no_option_is_an_address() {
        assert_eq!(shown("https://ann:geheim@x.org/r.git"), "https://x.org/r.git");
        assert_eq!(shown("git@x.org:r.git"), "git@x.org:r.git");
        for (text, is) in [("--upload-pack=x/y", false), ("origin", false), ("../r.git", true), ("x:r", true)]
        {
            assert_eq!(is_address(text), is, "{text}");
        }
    }
}
