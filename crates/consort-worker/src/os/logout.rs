//! Whether what a person started goes on when that person logs out.
//!
//! Without systemd's log-in manager nothing ends it. With it, `KillUserProcesses=` decides for processes of a
//! log-in's own scope, and lingering for those under the user's own service manager. Only files are read.

use std::path::{Path, PathBuf};

/// What happens to a process like this one when its user logs out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logout {
    /// It goes on.
    GoesOn,
    /// It is ended: by what, and how it is not.
    Ends {
        /// What the system says.
        why: String,
        /// What helps.
        help: &'static str,
    },
    /// The system does not say.
    Unknown(String),
}

impl Logout {
    /// In one line.
    pub fn text(&self) -> String {
        match self {
            Logout::GoesOn => "it goes on".into(),
            Logout::Ends { why, help } => format!("it is ended then ({why}); {help}"),
            Logout::Unknown(why) => format!("nobody can say whether it goes on ({why})"),
        }
    }
}

const OWN_SCOPE: &str = "`loginctl enable-linger`, and start it with `systemd-run --user --scope consort …`";
const LINGER: &str = "`loginctl enable-linger` keeps it";

/// Of this process.
pub fn look() -> Logout {
    let uid = rustix::process::getuid().as_raw();
    let cgroup = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    of(Path::new("/"), &cgroup, uid, &user_name(Path::new("/"), uid))
}

/// Of a process in this control group, of this user, on a system whose files lie under `root`.
fn of(root: &Path, cgroup: &str, uid: u32, user: &str) -> Logout {
    if !root.join("run/systemd/system").is_dir() {
        return Logout::GoesOn;
    }
    let path = cgroup.lines().filter_map(|line| line.rsplit(':').next()).max_by_key(|path| path.len());
    let path = path.unwrap_or_default();
    let lingers = root.join("var/lib/systemd/linger").join(user).exists();
    if path.contains(&format!("/user@{uid}.service")) {
        return match lingers {
            true => Logout::GoesOn,
            false => Logout::Ends {
                why: "it belongs to your own service manager, which ends with your last log-in".into(),
                help: LINGER,
            },
        };
    }
    if !path.contains("/session-") {
        // Of no log-in: a service, a container, a job of a scheduler.
        return Logout::GoesOn;
    }
    let said = settings(root);
    let listed = |key: &str| {
        said.iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, names)| names.split_ascii_whitespace().any(|name| name == user))
    };
    if listed("KillExcludeUsers").unwrap_or(user == "root") {
        return Logout::GoesOn;
    }
    let only =
        said.iter().rev().find(|(name, _)| name == "KillOnlyUsers").filter(|(_, names)| !names.is_empty());
    if only.is_some() && listed("KillOnlyUsers") == Some(false) {
        return Logout::GoesOn;
    }
    match said.iter().rev().find(|(name, _)| name == "KillUserProcesses").map(|(_, value)| truth(value)) {
        Some(Some(false)) => Logout::GoesOn,
        Some(Some(true)) => {
            Logout::Ends { why: "logind.conf has KillUserProcesses=yes".into(), help: OWN_SCOPE }
        }
        // Its makers say yes, most distributions no, and built in is built in.
        _ => Logout::Unknown("logind.conf does not set KillUserProcesses".into()),
    }
}

/// What the log-in manager's files set, the last word last. A line that is commented out in the main file tells
/// what is built in.
fn settings(root: &Path) -> Vec<(String, String)> {
    let dirs = ["usr/lib/systemd", "run/systemd", "etc/systemd"];
    let main = dirs.iter().rev().map(|dir| root.join(dir).join("logind.conf")).find(|path| path.is_file());
    let mut dropped: Vec<PathBuf> = Vec::new();
    for dir in dirs {
        let Ok(entries) = std::fs::read_dir(root.join(dir).join("logind.conf.d")) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            // A nearer file of the same name replaces the other one.
            dropped.retain(|other| other.file_name() != path.file_name());
            dropped.push(path);
        }
    }
    dropped.retain(|path| path.extension().is_some_and(|end| end == "conf"));
    dropped.sort_by_key(|path| path.file_name().map(ToOwned::to_owned));
    let texts: Vec<String> =
        main.into_iter().chain(dropped).filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    let pair = |line: &str| {
        let (name, value) = line.trim().split_once('=')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    let built_in =
        texts.iter().flat_map(|text| text.lines()).filter_map(|line| pair(line.trim().strip_prefix('#')?));
    let set = texts.iter().flat_map(|text| text.lines()).filter(|line| !line.trim().starts_with('#'));
    built_in.chain(set.filter_map(pair)).collect()
}

fn truth(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" | "on" => Some(true),
        "no" | "false" | "0" | "off" => Some(false),
        _ => None,
    }
}

/// The name of a user by number, as the system's own table has it.
fn user_name(root: &Path, uid: u32) -> String {
    let table = std::fs::read_to_string(root.join("etc/passwd")).unwrap_or_default();
    let named = table.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.to_string()).then(|| name.to_owned())
    });
    named.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| uid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const SESSION: &str = "0::/user.slice/user-1000.slice/session-3.scope\n";
    const MANAGED: &str = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope\n";

    fn system(conf: &str, dropped: &[(&str, &str)], lingers: bool) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        fs::create_dir_all(root.path().join("run/systemd/system")).unwrap();
        write("etc/systemd/logind.conf", conf);
        dropped.iter().for_each(|(path, text)| write(path, text));
        if lingers {
            write("var/lib/systemd/linger/ada", "");
        }
        root
    }

    #[test]
    fn log_out_ends_what_the_system_says_it_ends() {
        let bare = tempfile::tempdir().unwrap();
        assert_eq!(of(bare.path(), SESSION, 1000, "ada"), Logout::GoesOn, "no systemd");
        let ends = |logout: &Logout| matches!(logout, Logout::Ends { .. });
        for (conf, dropped, lingers, cgroup, expected) in [
            ("[Login]\n#KillUserProcesses=no\n", vec![], false, SESSION, Some(false)),
            ("[Login]\n#KillUserProcesses=yes\n", vec![], false, SESSION, Some(true)),
            ("[Login]\n", vec![], false, SESSION, None),
            (
                "KillUserProcesses=no\n",
                vec![("etc/systemd/logind.conf.d/10-x.conf", "KillUserProcesses=yes\n")],
                true,
                SESSION,
                Some(true),
            ),
            (
                "KillUserProcesses=yes\n",
                vec![("usr/lib/systemd/logind.conf.d/90-x.conf", "KillUserProcesses=no\n")],
                false,
                SESSION,
                Some(false),
            ),
            ("KillUserProcesses=yes\nKillExcludeUsers=root ada\n", vec![], false, SESSION, Some(false)),
            ("KillUserProcesses=yes\nKillOnlyUsers=bob\n", vec![], false, SESSION, Some(false)),
            ("KillUserProcesses=yes\n", vec![], false, MANAGED, Some(true)),
            ("KillUserProcesses=yes\n", vec![], true, MANAGED, Some(false)),
            ("KillUserProcesses=yes\n", vec![], false, "0::/system.slice/cron.service\n", Some(false)),
        ] {
            let root = system(conf, &dropped, lingers);
            let logout = of(root.path(), cgroup, 1000, "ada");
            let told = match &logout {
                Logout::Unknown(_) => None,
                known => Some(ends(known)),
            };
            assert_eq!(told, expected, "{conf} {dropped:?} {lingers} {cgroup}: {}", logout.text());
        }
    }
}
