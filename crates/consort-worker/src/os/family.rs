//! A family of processes that the kernel holds together: whatever one of them starts belongs to it too,
//! whatever it does to its session, its parent or its environment.

use super::{Cgroup, identity};
use consort_core::run::ProcessIdentity;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What the names of all families begin with.
const PREFIX: &str = "consort-";

/// A control group of our own below the one that was delegated to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    dir: PathBuf,
}

impl Family {
    /// The family that this supervisor would make; `None` where it may make none. Nothing is made yet.
    pub fn of(supervisor: &ProcessIdentity) -> Option<Self> {
        let Cgroup::Delegated(own) = Cgroup::probe() else { return None };
        Some(Self { dir: own.join(name(supervisor)) })
    }

    /// The family of a supervisor that has died, by the path that it left behind.
    pub fn at(path: &str, supervisor: &ProcessIdentity) -> Option<Self> {
        let dir = PathBuf::from(path.trim_end());
        let ours = dir.file_name().is_some_and(|last| last == name(supervisor).as_str());
        (ours && dir.starts_with("/sys/fs/cgroup")).then_some(Self { dir })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Makes it.
    ///
    /// # Errors
    /// The kernel does not let us, or knows no way to end a whole group (before 5.14).
    pub fn make(&self) -> io::Result<()> {
        std::fs::create_dir(&self.dir)?;
        match self.dir.join("cgroup.kill").exists() {
            true => Ok(()),
            false => {
                self.remove();
                Err(io::ErrorKind::Unsupported.into())
            }
        }
    }

    /// Takes a process in; what it starts from now on is in it, too. One that is gone needs no family.
    pub fn take(&self, pid: i32) {
        let _ = std::fs::write(self.dir.join("cgroup.procs"), pid.to_string());
    }

    /// Living members.
    pub fn members(&self) -> Vec<ProcessIdentity> {
        let listed = std::fs::read_to_string(self.dir.join("cgroup.procs")).unwrap_or_default();
        listed.lines().filter_map(|line| identity(line.parse().ok()?)).collect()
    }

    /// Ends all members at once, those that are being born too.
    pub fn kill(&self) {
        let _ = std::fs::write(self.dir.join("cgroup.kill"), "1");
    }

    /// Takes the empty group away, and those that its members made within it.
    pub fn remove(&self) {
        // The kernel lets go of the last one a moment after its end.
        for _ in 0..20 {
            remove(&self.dir);
            if !self.dir.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn remove(dir: &Path) {
    let inner = std::fs::read_dir(dir).into_iter().flatten().flatten();
    inner
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .for_each(|entry| remove(&entry.path()));
    let _ = std::fs::remove_dir(dir);
}

fn name(supervisor: &ProcessIdentity) -> String {
    format!("{PREFIX}{}-{}", supervisor.pid, supervisor.start_ticks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_supervisors_own_group_is_believed() {
        let who = ProcessIdentity { pid: 7, start_ticks: 9, boot_id: "b".into() };
        for (path, believed) in [
            ("/sys/fs/cgroup/user/consort-7-9\n", true),
            ("/sys/fs/cgroup/user/consort-7-8", false),
            ("/sys/fs/cgroup/user", false),
            ("/tmp/consort-7-9", false),
            ("", false),
        ] {
            assert_eq!(Family::at(path, &who).is_some(), believed, "{path}");
        }
    }
}
