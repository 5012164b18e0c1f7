//! `consort init`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::Args;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What is written.
const WORKFLOW: &str = include_str!("init/workflow.yaml");

/// Writes a small commented workflow file to begin with; never overwrites one.
#[derive(Args)]
#[command(after_help = "Example:\n  consort init && consort run workflow.yaml --rehearse --approve all")]
pub(crate) struct Init {
    /// Where.
    #[arg(default_value = "workflow.yaml")]
    file: PathBuf,
}

pub(crate) fn run(ctx: &Context, args: &Init) -> Result<u8, Failure> {
    let path = ctx.path(&args.file);
    let shown = args.file.display();
    write_new(&path).map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => Failure::invalid(format!("{shown} exists already and was not changed"))
            .help(format!("check it: `consort check {shown}`"))
            .help("or write another one: `consort init OTHER.yaml`"),
        _ => Failure::failed(format!("{shown} cannot be written")).why(e),
    })?;
    ctx.out.print(&format!(
        "Wrote {shown}: one pipeline of two phases.\n  check it:    consort check {shown}\n  \
         look at it:  consort graph {shown}\n  try it:      consort run {shown} --rehearse --approve all\n"
    ))?;
    Ok(exit::DONE)
}

fn write_new(path: &Path) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(WORKFLOW.as_bytes())
}
