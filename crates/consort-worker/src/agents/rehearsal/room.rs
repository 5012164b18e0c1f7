//! What a player finds in its working directory: nothing that a real agent would not find.

use crate::agents::request::{InputKind, Request};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Larger inputs are read up to here.
const INPUT_BYTES_MAX: u64 = 1024 * 1024;

/// A request with what lies around it.
pub struct Room {
    /// What is asked.
    pub request: Request,
    /// The working directory.
    pub cwd: PathBuf,
    /// Inputs in the request's order.
    pub sources: Vec<Source>,
}

/// An input.
pub struct Source {
    /// Relative to the working directory.
    pub path: String,
    /// Where it comes from.
    pub kind: InputKind,
    /// Its text; `None` if it is not there.
    pub text: Option<String>,
}

impl Room {
    /// Looks around.
    pub fn enter(request: Request, cwd: &Path) -> Self {
        let sources = request.inputs.iter().map(|input| Source {
            path: input.path.clone(),
            kind: input.kind,
            text: read(&cwd.join(&input.path)),
        });
        let sources = sources.collect();
        Room { request, cwd: cwd.to_owned(), sources }
    }

    /// Reads a file of the working directory.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        read(&self.cwd.join(path))
    }

    /// The candidate's prose, as far as it is there.
    pub(super) fn candidate(&self) -> Option<String> {
        let path = &self.request.candidate.first()?.path;
        let text = self.read(path)?;
        Some(match path.ends_with(".diff") {
            true => crate::checks::prose::of_diff(&text),
            false => crate::checks::prose::of_file(path, &text),
        })
    }
}

fn read(path: &Path) -> Option<String> {
    let file = std::fs::File::open(path).ok()?;
    let mut bytes = Vec::new();
    file.take(INPUT_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// A phrase that is safe anywhere in Markdown: one line, no markup, at most `most` characters.
pub(super) fn clean(text: &str, most: usize) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_control() || "|`[]<>*_#\\~&!".contains(c) { ' ' } else { c }).collect();
    let line = crate::words::one_line(&plain);
    line.chars().take(most).collect::<String>().trim_end().to_owned()
}
