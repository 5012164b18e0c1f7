//! Control groups: whether a whole family of processes could be held and ended by the kernel.

use std::path::{Path, PathBuf};

/// What this process may do with control groups of version 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cgroup {
    /// There are none.
    Missing,
    /// Its own one belongs to somebody else.
    NotDelegated(PathBuf),
    /// It may make others below its own one.
    Delegated(PathBuf),
}

impl Cgroup {
    /// Looks at the group of this process.
    pub fn probe() -> Self {
        let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::of(&own, Path::new("/sys/fs/cgroup"))
    }

    fn of(own: &str, root: &Path) -> Self {
        let Some(path) = own.lines().find_map(|line| line.strip_prefix("0::/")) else { return Self::Missing };
        // Beside version 1 it has a place of its own.
        let places = [root.to_owned(), root.join("unified")];
        let Some(root) = places.iter().find(|place| place.join("cgroup.controllers").is_file()) else {
            return Self::Missing;
        };
        // Within a namespace the path may lead above what is mounted here.
        let there = root.join(path);
        let dir = if there.is_dir() && !path.contains("..") { there } else { root.clone() };
        let may = |path: &Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
        match may(&dir) && may(&dir.join("cgroup.procs")) {
            true => Self::Delegated(dir),
            false => Self::NotDelegated(dir),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_ours_if_its_files_can_be_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        assert_eq!(Cgroup::of("1:cpu:/\n", root), Cgroup::Missing, "only version 1");
        assert_eq!(Cgroup::of("0::/user\n", root), Cgroup::Missing, "not mounted");
        std::fs::create_dir(root.join("unified")).expect("made");
        for file in ["cgroup.controllers", "cgroup.procs"] {
            std::fs::write(root.join("unified").join(file), "").expect("written");
        }
        assert_eq!(Cgroup::of("0::/\n", root), Cgroup::Delegated(root.join("unified")), "beside version 1");
        std::fs::write(root.join("cgroup.controllers"), "").expect("written");
        std::fs::create_dir(root.join("user")).expect("made");
        assert_eq!(
            Cgroup::of("0::/user\n", root),
            Cgroup::NotDelegated(root.join("user")),
            "without its file"
        );
        std::fs::write(root.join("user/cgroup.procs"), "").expect("written");
        assert_eq!(Cgroup::of("1:cpu:/x\n0::/user\n", root), Cgroup::Delegated(root.join("user")));
        std::fs::write(root.join("cgroup.procs"), "").expect("written");
        assert_eq!(Cgroup::of("0::/../elsewhere\n", root), Cgroup::Delegated(root.to_owned()));
    }
}
