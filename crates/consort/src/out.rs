//! Where words go. Standard output is data; errors, questions and notices go to standard error.

use anstyle::{AnsiColor, Style};
use consort_core::view::live;
use std::io::{self, IsTerminal, Write};

/// When to use colour, as the flag says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Adds colour, or not. Colour never carries a meaning that the words do not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// For a stream that is, or is not, a terminal.
    pub(crate) fn new(when: When, terminal: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let on = match when {
            When::Always => true,
            When::Never => false,
            When::Auto => terminal && !is_dumb() && !set("NO_COLOR"),
        };
        Self { on }
    }

    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    pub(crate) fn error(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }

    pub(crate) fn warning(self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default().bold(), text)
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    pub(crate) fn help(self, text: &str) -> String {
        self.with(AnsiColor::Cyan.on_default(), text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    /// A line that was laid out with styles.
    pub(crate) fn line(self, line: &live::Line) -> String {
        if !self.on {
            return line.text();
        }
        let paint = |span: &live::Span| match span.style {
            live::Style::Plain => span.text.clone(),
            live::Style::Strong => self.bold(&span.text),
            live::Style::Dim => self.dim(&span.text),
            live::Style::Good => self.good(&span.text),
            live::Style::Warn => self.with(AnsiColor::Yellow.on_default(), &span.text),
            live::Style::Bad => self.with(AnsiColor::Red.on_default(), &span.text),
        };
        line.spans.iter().map(paint).collect()
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.on { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// One word for a shell.
pub(crate) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@%=".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// Both streams of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    /// For standard output.
    pub stdout: Paint,
    /// For standard error.
    pub stderr: Paint,
    /// Standard output is a terminal.
    pub stdout_tty: bool,
    /// What was printed there can be drawn again in place: a dumb terminal shows the commands for it.
    pub redraws: bool,
    /// Standard output is kept for one value at the end: what goes on is not told there.
    pub quiet: bool,
    /// A person can be asked: standard input and standard error are terminals.
    pub can_ask: bool,
    /// Pictures may use characters beyond ASCII.
    pub unicode: bool,
}

impl Out {
    pub(crate) fn new(when: When) -> Self {
        let (stdout_tty, stderr_tty) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Self {
            stdout: Paint::new(when, stdout_tty),
            stderr: Paint::new(when, stderr_tty),
            stdout_tty,
            redraws: stdout_tty && !is_dumb(),
            quiet: false,
            can_ask: io::stdin().is_terminal() && stderr_tty,
            unicode: has_unicode(),
        }
    }

    /// The same with standard output kept for one value at the end.
    pub(crate) fn quietly(self) -> Self {
        Self { redraws: false, quiet: true, ..self }
    }

    /// As it is by now: a terminal that was there may be gone, and a log has no colours.
    pub(crate) fn by_now(self) -> Self {
        if self.stdout_tty && !io::stdout().is_terminal() {
            let plain = Paint { on: false };
            return Self { stdout: plain, stderr: plain, stdout_tty: false, redraws: false, ..self };
        }
        self
    }

    /// Data, or the answer to what was asked. A reader that has seen enough (`| head`) changes
    /// neither what is done nor the exit code.
    pub(crate) fn print(&self, text: &str) -> io::Result<()> {
        match self.stream(text) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            Err(e) => Err(io::Error::new(e.kind(), format!("standard output cannot be written: {e}"))),
            Ok(()) => Ok(()),
        }
    }

    /// The same for words without end: `BrokenPipe` if nobody reads any more.
    pub(crate) fn stream(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            stdout.write_all(b"\n")?;
        }
        stdout.flush()
    }

    /// A value as JSON, on standard output.
    pub(crate) fn json<T: serde::Serialize>(&self, value: &T) -> io::Result<()> {
        self.print(&serde_json::to_string_pretty(value)?)
    }

    /// One value for programs, an object, with the name of its shape in front: see [`crate::shapes`].
    pub(crate) fn shaped<T: serde::Serialize>(&self, verb: &str, value: &T) -> io::Result<()> {
        let mut all = serde_json::Map::from_iter([("schema".to_owned(), crate::shapes::name(verb).into())]);
        if let serde_json::Value::Object(map) = serde_json::to_value(value)? {
            all.extend(map);
        }
        self.json(&all)
    }

    /// Something worth knowing that is no error.
    pub(crate) fn notice(&self, text: &str) {
        err(&format!("{} {text}\n", self.stderr.warning("note:")));
    }
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// What the locale says; `CONSORT_ASCII=1` forbids it.
fn has_unicode() -> bool {
    let value = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    if value("CONSORT_ASCII").is_some_and(|v| v != "0" && v != "false") {
        return false;
    }
    let locale = value("LC_ALL").or_else(|| value("LC_CTYPE")).or_else(|| value("LANG"));
    locale.is_none_or(|l| !matches!(&*l, "C" | "POSIX"))
}

/// To standard error; if nobody listens there, that is all right.
pub(crate) fn err(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Colours the status words in a line that was laid out without them.
pub(crate) fn paint_status(paint: Paint, line: &str) -> String {
    if !paint.is_on() {
        return line.to_owned();
    }
    let styles = [
        ("COMPLETE", AnsiColor::Green.on_default()),
        ("PASS", AnsiColor::Green.on_default()),
        ("IN_PROGRESS", AnsiColor::Cyan.on_default()),
        ("BLOCKED", AnsiColor::Yellow.on_default()),
        ("FAILED", AnsiColor::Red.on_default()),
        ("CANCELLED", AnsiColor::Red.on_default()),
        ("REHEARSAL", AnsiColor::Yellow.on_default()),
    ];
    let mut text = line.to_owned();
    for (word, style) in styles {
        if let Some(at) = whole_word(&text, word) {
            text.replace_range(at..at + word.len(), &format!("{style}{word}{style:#}"));
        }
    }
    text
}

/// Where a word stands by itself.
fn whole_word(text: &str, word: &str) -> Option<usize> {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(joins) && !after.is_some_and(joins)
    })
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_gets_one_word() {
        assert_eq!(quoted("/tmp/a-b"), "/tmp/a-b");
        assert_eq!(quoted("/tmp/it's here"), r"'/tmp/it'\''s here'");
        assert_eq!(quoted("topic=caching"), "topic=caching");
        assert_eq!(quoted(""), "''");
    }
}
