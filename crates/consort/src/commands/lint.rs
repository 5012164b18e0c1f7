//! `consort lint FILE...`

use crate::context::Context;
use crate::exit;
use crate::failure::Failure;
use clap::Args;
use consort_core::definition::{self, Diagnostic};
use consort_worker::checks::lint::{self, BYTES_MAX, Fault, Kind, Lookup, Options, RULES};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most files that a walk through directories takes up.
const FILES_MAX: usize = 20_000;
/// Deeper directories are not walked.
const DEPTH_MAX: usize = 32;

/// Checks documents: weighted tables, counts, sums, percentages, dates, links, sections.
///
/// What is computed, counted or named twice is compared with what is stated. Needs no workflow and
/// no model. Exit code 0: nothing found; 1: faults; 2: a file could not be read.
#[derive(Args)]
#[command(after_help = "\
Examples:
  consort lint docs/decision.md
  consort lint docs README.md --json
  consort lint - --rule weighted-table --rule count < report.md
  consort lint settings.yaml --schema settings.schema.json")]
pub(crate) struct Lint {
    /// Markdown, JSON or YAML files; directories are walked for .md files; - is standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Prints {"ok", "faults": [{file, line, column, rule, message, stated, computed}], "unreadable": [{file, why}]}.
    #[arg(long)]
    json: bool,
    /// Only this rule; may be given several times.
    #[arg(long = "rule", value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(RULES))]
    rules: Vec<String>,
    /// A JSON Schema for JSON and YAML files, and for the front matter of Markdown files.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Words that a document may have.
    #[arg(long, value_name = "N")]
    max_words: Option<usize>,
    /// A section that must be there and must not be empty; may be given several times.
    #[arg(long = "require-section", value_name = "NAME")]
    require_sections: Vec<String>,
    /// A key that the front matter must have; may be given several times.
    #[arg(long = "require-key", value_name = "NAME")]
    require_keys: Vec<String>,
}

/// What came of one file.
struct Outcome {
    name: String,
    text: String,
    faults: Vec<Fault>,
}

pub(crate) fn run(ctx: &Context, args: &Lint) -> Result<u8, Failure> {
    let options = options(ctx, args)?;
    let (files, mut unreadable) = gather(ctx, &args.files);
    let mut bad = Vec::new();
    let mut checked = 0;
    for file in &files {
        match check(ctx, file, &options) {
            Ok(outcome) => {
                checked += 1;
                if !outcome.faults.is_empty() {
                    bad.push(outcome);
                }
            }
            Err(why) => unreadable.push((file.display().to_string(), why)),
        }
    }
    match args.json {
        true => print_json(ctx, &bad, &unreadable)?,
        false => print(ctx, &bad, &unreadable, checked)?,
    }
    Ok(match (unreadable.is_empty(), bad.is_empty()) {
        (false, _) => exit::INVALID,
        (true, false) => exit::FAILED,
        (true, true) => exit::DONE,
    })
}

fn options(ctx: &Context, args: &Lint) -> Result<Options, Failure> {
    let schema = match &args.schema {
        None => None,
        Some(path) => {
            let name = path.display();
            let text = std::fs::read_to_string(ctx.path(path))
                .map_err(|e| Failure::invalid(format!("the schema {name} cannot be read")).why(e))?;
            let value = serde_json::from_str(&text).map_err(|e| {
                let help = "give a JSON Schema as JSON after `--schema`";
                Failure::invalid(format!("the schema {name} is not JSON")).why(e).help(help)
            })?;
            Some(value)
        }
    };
    Ok(Options {
        kind: Kind::Markdown,
        rules: args.rules.clone(),
        words_max: args.max_words,
        required_sections: args.require_sections.clone(),
        required_keys: args.require_keys.clone(),
        schema,
    })
}

type Unreadable = Vec<(String, String)>;

/// The files that were named, and the .md files below directories that were, in order.
fn gather(ctx: &Context, named: &[PathBuf]) -> (Vec<PathBuf>, Unreadable) {
    let (mut files, mut unreadable) = (Vec::new(), Vec::new());
    for path in named {
        if path != Path::new("-") && ctx.path(path).is_dir() {
            walk(ctx, path, 0, &mut files, &mut unreadable);
        } else {
            files.push(path.clone());
        }
    }
    (files, unreadable)
}

fn walk(ctx: &Context, dir: &Path, depth: usize, files: &mut Vec<PathBuf>, unreadable: &mut Unreadable) {
    let entries = match std::fs::read_dir(ctx.path(dir)) {
        Ok(entries) => entries,
        Err(e) => return unreadable.push((dir.display().to_string(), e.to_string())),
    };
    let mut all: Vec<_> = entries.flatten().collect();
    all.sort_by_key(std::fs::DirEntry::file_name);
    for entry in all {
        let path = dir.join(entry.file_name());
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        // Links are not followed: they may lead in circles.
        let Ok(kind) = entry.file_type() else { continue };
        let built = matches!(entry.file_name().to_str(), Some("target" | "node_modules"));
        if kind.is_dir() && !hidden && !built && depth < DEPTH_MAX {
            walk(ctx, &path, depth + 1, files, unreadable);
        } else if kind.is_file() && path.extension().is_some_and(|e| e == "md") && files.len() < FILES_MAX {
            files.push(path);
        }
    }
}

fn check(ctx: &Context, file: &Path, options: &Options) -> Result<Outcome, String> {
    let stdin = file == Path::new("-");
    let (name, bytes) = match stdin {
        true => ("<stdin>".to_owned(), bounded(std::io::stdin().lock())?),
        false => {
            let path = ctx.path(file);
            let meta = std::fs::metadata(&path).map_err(|e| e.to_string())?;
            if !meta.is_file() {
                return Err("it is not a file".to_owned());
            }
            (file.display().to_string(), bounded(std::fs::File::open(&path).map_err(|e| e.to_string())?)?)
        }
    };
    let text = String::from_utf8(bytes).map_err(|e| {
        format!("it is not UTF-8: byte {} cannot be read as text", e.utf8_error().valid_up_to())
    })?;
    let options = Options { kind: Kind::of(&name), ..options.clone() };
    let faults = match stdin {
        true => lint::lint(&text, &options),
        false => lint::lint_with(&text, &options, &Around::of(&ctx.path(file))),
    };
    Ok(Outcome { name, text, faults })
}

fn bounded(from: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    from.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    match bytes.len() > BYTES_MAX {
        true => Err(format!("it has more than {BYTES_MAX} bytes, the most that are read")),
        false => Ok(bytes),
    }
}

/// The files around a document.
struct Around {
    dir: PathBuf,
    /// The top of the repository that it is in.
    top: Option<PathBuf>,
}

impl Around {
    fn of(file: &Path) -> Self {
        let dir = file.parent().unwrap_or(Path::new(".")).to_owned();
        let top = dir.ancestors().find(|a| a.join(".git").exists()).map(Path::to_owned);
        Self { dir, top }
    }
}

impl Lookup for Around {
    fn exists(&self, path: &str) -> Option<bool> {
        // Only an absence that is certain counts: no permission is no absence.
        self.dir.join(path).try_exists().ok()
    }

    fn text(&self, path: &str) -> Option<String> {
        let path = self.dir.join(path);
        let small = std::fs::metadata(&path).is_ok_and(|m| m.is_file() && m.len() <= BYTES_MAX as u64);
        small.then(|| std::fs::read_to_string(path).ok())?
    }

    fn cited(&self, path: &str) -> Option<bool> {
        let top = self.top.as_ref()?;
        let above = self.dir.ancestors().take_while(|a| a.starts_with(top));
        Some(above.map(|a| a.join(path)).any(|p| p.try_exists().unwrap_or(true)))
    }
}

fn print_json(ctx: &Context, bad: &[Outcome], unreadable: &Unreadable) -> Result<(), Failure> {
    let fault = |name: &str, f: &Fault| {
        serde_json::json!({
            "file": name,
            "line": f.line,
            "column": f.column,
            "rule": f.rule,
            "message": f.message,
            "stated": f.stated,
            "computed": f.computed,
        })
    };
    let faults: Vec<_> = bad.iter().flat_map(|o| o.faults.iter().map(|f| fault(&o.name, f))).collect();
    let unread: Vec<_> =
        unreadable.iter().map(|(file, why)| serde_json::json!({ "file": file, "why": why })).collect();
    let ok = faults.is_empty() && unread.is_empty();
    ctx.out.shaped("lint", &serde_json::json!({ "ok": ok, "faults": faults, "unreadable": unread }))?;
    Ok(())
}

fn print(ctx: &Context, bad: &[Outcome], unreadable: &Unreadable, checked: usize) -> Result<(), Failure> {
    let mut text = String::new();
    for outcome in bad {
        let all: Vec<Diagnostic> = outcome.faults.iter().map(diagnostic).collect();
        text += &definition::render(&all, &outcome.name, &outcome.text, ctx.out.stdout.is_on());
    }
    for (file, why) in unreadable {
        Failure::invalid(format!("{file} cannot be read")).why(why).print(ctx.out.stderr);
    }
    let files = if checked == 1 { "1 file".to_owned() } else { format!("{checked} files") };
    if bad.is_empty() && checked > 0 {
        text += &format!("{files} checked, nothing found\n");
    } else if bad.len() > 1 {
        let faults: usize = bad.iter().map(|o| o.faults.len()).sum();
        text += &format!("{faults} faults in {} of {files}\n", bad.len());
    }
    if !text.is_empty() {
        ctx.out.print(&text)?;
    }
    Ok(())
}

fn diagnostic(fault: &Fault) -> Diagnostic {
    let label = match (&fault.stated, &fault.computed) {
        (Some(stated), Some(_)) => format!("stated: {stated}"),
        _ => String::new(),
    };
    let found = Diagnostic::error(fault.rule, fault.message.clone()).at(fault.at.clone(), label);
    match &fault.computed {
        Some(computed) => found.help(format!("computed: {computed}")),
        None => found,
    }
}
