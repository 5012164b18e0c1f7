//! `consort man [DIR]`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::Args;
use std::path::{Path, PathBuf};

/// Writes the man pages: one for consort, one for each verb.
#[derive(Args)]
#[command(after_help = "Examples:\n  consort man ~/.local/share/man/man1\n  consort man | man -l -")]
pub(crate) struct Man {
    /// The directory for the pages; without one the page of consort itself is printed.
    dir: Option<PathBuf>,
}

pub(crate) fn run(ctx: &Context, args: &Man, command: clap::Command) -> Result<u8, Failure> {
    let pages = pages(command)?;
    match &args.dir {
        None => {
            let first = pages.first().map(|(_, text)| text.as_str()).unwrap_or_default();
            ctx.out.print(first)?;
        }
        Some(dir) => {
            let dir = ctx.path(dir);
            write(&dir, &pages).map_err(|e| {
                Failure::failed(format!("the man pages cannot be written to {}", dir.display()))
                    .why(e)
                    .help("give a directory that you may write to: `consort man ~/.local/share/man/man1`")
            })?;
            ctx.out.print(&format!("{} man pages are in {}\n", pages.len(), dir.display()))?;
        }
    }
    Ok(exit::DONE)
}

/// By file name, that of consort itself first.
fn pages(command: clap::Command) -> std::io::Result<Vec<(String, String)>> {
    let mut whole = command.disable_help_subcommand(true);
    // Verbs learn their whole names here: `consort-checkpoint-list`.
    whole.build();
    let mut all = Vec::new();
    page(&whole, &mut all)?;
    Ok(all)
}

fn page(command: &clap::Command, all: &mut Vec<(String, String)>) -> std::io::Result<()> {
    let made = clap_mangen::Man::new(command.clone()).manual("consort");
    let mut text = Vec::new();
    made.render(&mut text)?;
    all.push((made.get_filename(), String::from_utf8_lossy(&text).into_owned()));
    command.get_subcommands().filter(|below| !below.is_hide_set()).try_for_each(|below| page(below, all))
}

fn write(dir: &Path, pages: &[(String, String)]) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    pages.iter().try_for_each(|(name, text)| std::fs::write(dir.join(name), text))
}
