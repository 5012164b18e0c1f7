//! `consort completions SHELL`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::{Args, ValueEnum};
use clap_complete::env::Shells;

/// Prints what makes a shell complete verbs, flags, runs, tasks, questions and checkpoints.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  consort completions bash > ~/.local/share/bash-completion/completions/consort\n  \
                  consort completions zsh > \"${fpath[1]}/_consort\"\n  \
                  consort completions fish > ~/.config/fish/completions/consort.fish"
)]
pub(crate) struct Completions {
    /// For which shell.
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Elvish,
    #[value(name = "powershell")]
    Pwsh,
}

impl Shell {
    /// Its name, and where its words go.
    fn of(self) -> (&'static str, &'static str) {
        match self {
            Shell::Bash => (
                "bash",
                "~/.local/share/bash-completion/completions/consort, or in ~/.bashrc: source <(consort completions bash)",
            ),
            Shell::Zsh => (
                "zsh",
                "a file _consort in a directory of $fpath, or in ~/.zshrc after compinit: source <(consort completions zsh)",
            ),
            Shell::Fish => ("fish", "~/.config/fish/completions/consort.fish"),
            Shell::Elvish => ("elvish", "~/.config/elvish/rc.elv: eval (consort completions elvish | slurp)"),
            Shell::Pwsh => {
                ("powershell", "$PROFILE: consort completions powershell | Out-String | Invoke-Expression")
            }
        }
    }
}

pub(crate) fn run(ctx: &Context, args: &Completions) -> Result<u8, Failure> {
    let (name, place) = args.shell.of();
    let mut script = Vec::new();
    if let Some(shell) = Shells::builtins().completer(name) {
        shell.write_registration("COMPLETE", "consort", "consort", "consort", &mut script)?;
    }
    let script = String::from_utf8_lossy(&script);
    // A file for zsh's $fpath says in its first line what it is for; all others may say it too.
    let (first, rest) = script.split_once('\n').filter(|(first, _)| first.starts_with("#compdef")).unzip();
    let (first, rest) =
        (first.map(|first| format!("{first}\n")).unwrap_or_default(), rest.unwrap_or(&script));
    ctx.out.print(&format!(
        "{first}# Completions of consort for {name}. They go to {place}\n{}",
        rest.trim_start_matches('\n')
    ))?;
    Ok(exit::DONE)
}
