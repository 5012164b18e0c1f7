//! Other files that a workflow names: its parts, and lists that are known before it runs.

use super::planning::Source;
use crate::context::Context;
use crate::place::Place;
use consort_core::definition::{self, Need, PlanOptions};
use consort_core::plan::growth::LIST_BYTES_MAX;
use std::io::Read;
use std::path::{Path, PathBuf};

/// How often a workflow may ask again: parts in parts are at most 8 deep.
const ROUNDS: usize = 12;
/// Files of a workflow in all.
const FILES_MAX: usize = 200;

/// The options with everything that the workflow asks for, or why it is not there.
pub(super) fn complete(ctx: &Context, source: &Source, options: &PlanOptions) -> PlanOptions {
    let mut options = options.clone();
    let mut count = 0;
    for _ in 0..ROUNDS {
        let wanted = definition::wanted(&source.text, &options);
        if wanted.is_empty() {
            break;
        }
        for need in wanted {
            count += 1;
            let too_many = || Err(format!("a workflow has at most {FILES_MAX} files"));
            match need {
                Need::Part(path) => {
                    let text = if count > FILES_MAX { too_many() } else { part(ctx, source, &path) };
                    options.given.parts.insert(path, text);
                }
                Need::List(path) => {
                    let text = if count > FILES_MAX { too_many() } else { list(ctx, &path) };
                    options.given.lists.insert(path, text);
                }
            }
        }
    }
    options
}

/// A part, relative to the workflow file: within its folder or the repository, wherever links lead.
fn part(ctx: &Context, source: &Source, path: &str) -> Result<String, String> {
    let top = Place::find(&ctx.dir).map(|place| place.top().to_owned()).ok();
    let roots: Vec<PathBuf> =
        top.iter().chain([&source.folder]).filter_map(|root| root.canonicalize().ok()).collect();
    within(&roots, &source.folder.join(path), definition::MAX_BYTES)
}

/// A list as it is where a run begins: in the commit, or in a plain directory.
fn list(ctx: &Context, path: &str) -> Result<String, String> {
    let (place, repo) =
        Place::with_repo(&ctx.dir).map_err(|_| "there is no commit to read it from".to_owned())?;
    let Some(repo) = repo else {
        let root = place.top().canonicalize().map_err(|e| e.to_string())?;
        return within(&[root], &place.top().join(path), LIST_BYTES_MAX);
    };
    let bytes = repo.show(repo.head(), path).map_err(|e| e.to_string())?;
    let bytes = bytes.ok_or_else(|| match place.top().join(path).exists() {
        true => "it is not committed: commit it, for a run begins with what is".to_owned(),
        false => "there is no such file in the repository".to_owned(),
    })?;
    text(bytes, LIST_BYTES_MAX)
}

fn within(roots: &[PathBuf], path: &Path, most: usize) -> Result<String, String> {
    let real = path.canonicalize().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => e.to_string(),
    })?;
    if !roots.iter().any(|root| real.starts_with(root)) {
        return Err("it leads out of the repository".into());
    }
    let file = std::fs::File::open(&real).map_err(|e| e.to_string())?;
    if !file.metadata().is_ok_and(|meta| meta.is_file()) {
        return Err("it is not a file".into());
    }
    let mut bytes = Vec::new();
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    text(bytes, most)
}

fn text(bytes: Vec<u8>, most: usize) -> Result<String, String> {
    if bytes.len() > most {
        return Err(format!("it has more than {most} bytes"));
    }
    String::from_utf8(bytes).map_err(|e| format!("it is not UTF-8: byte {}", e.utf8_error().valid_up_to()))
}
