//! What every verb starts from: where it was typed, and how to speak.

use crate::failure::Failure;
use crate::out::{Out, When};
use crate::place::Place;
use std::path::{Path, PathBuf};

/// What a verb is handed.
pub(crate) struct Context {
    /// The directory that was given with `-C`, else the current one; absolute.
    pub dir: PathBuf,
    /// The two streams.
    pub out: Out,
}

impl Context {
    /// # Errors
    /// The directory is not there.
    pub(crate) fn new(dir: Option<&Path>, color: When) -> Result<Self, Failure> {
        let out = Out::new(color);
        let given = dir.unwrap_or(Path::new("."));
        let dir = std::fs::canonicalize(given).map_err(|e| {
            Failure::invalid(format!("the directory {} cannot be used", given.display()))
                .why(e)
                .help("check the path after `-C`")
        })?;
        if !dir.is_dir() {
            let help = "give a directory after `-C`";
            return Err(Failure::invalid(format!("{} is not a directory", dir.display())).help(help));
        }
        Ok(Self { dir, out })
    }

    /// Where the runs of this directory are kept. Starts no process.
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        Place::find(&self.dir)
    }

    /// A path as it was typed, seen from the directory of `-C`.
    pub(crate) fn path(&self, typed: &Path) -> PathBuf {
        self.dir.join(typed)
    }
}
