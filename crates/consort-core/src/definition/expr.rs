//! Expressions: what `when` and `until` say. A small part of a template language, from the library that
//! fills prompts: comparisons, `and`, `or`, `not`, `in`, `+`, `-`, and `is defined`, over names that are
//! known before anything runs. There are no loops, no functions and no multiplication, so that nothing
//! can run long; fuel bounds it all the same. What is neither true nor false is an error, and so is
//! a name that is not there.

use super::diagnostic::Span;
use minijinja::{Environment, ErrorKind, UndefinedBehavior};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Longest expression, in bytes.
pub const EXPR_BYTES_MAX: usize = 1_000;
/// Steps of evaluation.
const FUEL: u64 = 10_000;

/// What an expression is for: it decides which names there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// `when`: whether a task runs. Names: `tasks.<id>.<part>`, `vars.<name>`.
    Task,
    /// `until`: whether a candidate will do. Names: `data`, `round`.
    Candidate,
}

/// What can be known of a task that came first.
pub const PARTS: [&str; 5] = ["accepted", "skipped", "score", "rounds", "data"];
const WORDS: [&str; 12] =
    ["and", "or", "not", "in", "is", "true", "false", "none", "True", "False", "None", "defined"];
const FILTERS: [&str; 3] = ["length", "lower", "default"];

/// What an expression names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Each mention of a task, in order.
    pub tasks: Vec<TaskRead>,
    /// Each mention of a variable, with its place in the expression.
    pub vars: Vec<(String, Span)>,
}

/// One mention of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRead {
    /// Its id.
    pub id: String,
    /// Which of [`PARTS`].
    pub part: String,
    /// Bytes of the expression from `tasks` to the end of the id.
    pub span: Span,
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Bytes of the expression.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// Reads an expression.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn parse(text: &str, about: About) -> Result<Reads, Fault> {
    bounded(text).map_err(|message| Fault { span: 0..text.len(), message, help: None })?;
    let reads = Names { tokens: tokens(text)?, at: 0, about, reads: Reads::default() }.read()?;
    environment().compile_expression(text).map_err(|error| {
        let span = error.range().unwrap_or(0..text.len());
        Fault { span, message: format!("this is no expression: {}", reason(&error)), help: None }
    })?;
    Ok(reads)
}

/// Whether it is true in a context as [`of_task`] and [`of_candidate`] make it.
///
/// # Errors
/// Why it is neither true nor false, in a sentence.
pub fn holds(text: &str, context: &Value) -> Result<bool, String> {
    bounded(text)?;
    let environment = environment();
    let told = |error: minijinja::Error| match error.kind() {
        ErrorKind::OutOfFuel => format!("`{text}` takes too long: more than {FUEL} steps"),
        _ => format!("`{text}` cannot be evaluated: {}", reason(&error)),
    };
    let value = environment
        .compile_expression(text)
        .and_then(|e| e.eval(minijinja::value::Serde(context)))
        .map_err(told)?;
    match serde_json::to_value(&value) {
        Ok(Value::Bool(holds)) => Ok(holds),
        _ => Err(format!("`{text}` is {}, neither true nor false", value.kind())),
    }
}

/// What is known of a task when an expression asks.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Facts {
    /// Its work was accepted.
    pub accepted: bool,
    /// It did not run, because of its own condition.
    pub skipped: bool,
    /// The composite score of what was accepted, from 0 to 1; nothing where no judge scored it.
    pub score: Option<f64>,
    /// How many rounds it took.
    pub rounds: u32,
    /// The content of its first file as JSON, where it makes data and is JSON.
    pub data: Value,
}

/// The context of a `when`.
pub fn of_task(tasks: &BTreeMap<String, Facts>, vars: &BTreeMap<String, String>) -> Value {
    json!({ "tasks": tasks, "vars": vars })
}

/// The context of an `until`.
pub fn of_candidate(data: &Value, round: u32) -> Value {
    json!({ "data": data, "round": round })
}

/// The same expression with tasks under other names.
pub(crate) fn renamed(text: &str, reads: &Reads, name: impl Fn(&str) -> String) -> String {
    let (mut out, mut done) = (String::new(), 0);
    for read in &reads.tasks {
        out.push_str(&text[done..read.span.start]);
        out.push_str(&format!("tasks[\"{}\"]", name(&read.id)));
        done = read.span.end;
    }
    out + &text[done..]
}

/// The library follows an expression as deep as it goes: a long one would take the stack.
fn bounded(text: &str) -> Result<(), String> {
    match text.len() > EXPR_BYTES_MAX {
        true => Err(format!("this expression has {} bytes, at most {EXPR_BYTES_MAX}", text.len())),
        false => Ok(()),
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.add_filter("length", minijinja::filters::length);
    environment.add_filter("lower", minijinja::filters::lower);
    environment.add_filter("default", minijinja::filters::default);
    environment.add_test("defined", minijinja::tests::is_defined);
    environment.add_test("none", minijinja::tests::is_none);
    environment
}

fn reason(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Sort {
    Name,
    Text,
    Number,
    Sign,
}

#[derive(Clone, Debug)]
struct Token {
    sort: Sort,
    /// Of a text: what is between the quotes.
    text: String,
    span: Span,
}

/// The signs that there are.
const SIGNS: [&str; 15] = ["==", "!=", "<=", ">=", "<", ">", "+", "-", ".", ",", "(", ")", "[", "]", "|"];

fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let run = |fits: fn(char) -> bool| rest.find(|c| !fits(c)).unwrap_or(rest.len());
        let (sort, len) = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            'a'..='z' | 'A'..='Z' | '_' => (Sort::Name, run(|c| c.is_ascii_alphanumeric() || c == '_')),
            '0'..='9' => (Sort::Number, run(|c| c.is_ascii_digit() || c == '.')),
            '"' | '\'' => match rest[1..].find(c) {
                Some(end) if !rest[1..=end].contains('\\') => (Sort::Text, end + 2),
                Some(_) => return Err(fault(at..at + 1, "a text in an expression has no `\\`", None)),
                None => return Err(fault(at..text.len(), "this text has no end", None)),
            },
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Sort::Sign, sign.len()),
                None => return Err(strange(text, at, c)),
            },
        };
        let span = at..at + len;
        let inner = if sort == Sort::Text { at + 1..at + len - 1 } else { span.clone() };
        all.push(Token { sort, text: text[inner].to_owned(), span });
        at += len;
    }
    Ok(all)
}

fn strange(text: &str, at: usize, c: char) -> Fault {
    let help = match c {
        '{' if text[at..].starts_with("{{") => {
            "a variable of the workflow is `vars.name` here, without braces"
        }
        '=' => "to compare, write `==`",
        '&' => "write `and`",
        '!' => "write `not`",
        '*' | '/' | '%' | '~' => "there is `+` and `-`, and no other arithmetic",
        _ => "there is == != < <= > >= + - and or not in is",
    };
    fault(at..at + c.len_utf8(), format!("`{c}` means nothing in an expression"), Some(help.to_owned()))
}

fn fault(span: Span, message: impl Into<String>, help: Option<String>) -> Fault {
    Fault { span, message: message.into(), help }
}

/// Looks at all names of an expression.
struct Names {
    tokens: Vec<Token>,
    at: usize,
    about: About,
    reads: Reads,
}

impl Names {
    fn read(mut self) -> Result<Reads, Fault> {
        while let Some(token) = self.tokens.get(self.at).cloned() {
            self.at += 1;
            match token.sort {
                Sort::Name => self.name(&token)?,
                Sort::Sign if token.text == "|" => self.filter(&token)?,
                Sort::Sign if token.text == "." => self.at += 1,
                _ => {}
            }
        }
        Ok(self.reads)
    }

    fn name(&mut self, token: &Token) -> Result<(), Fault> {
        match (token.text.as_str(), self.about) {
            ("tasks", About::Task) => self.task(token),
            ("vars", About::Task) => {
                let (name, span) = self.step(token, "vars.name")?;
                self.reads.vars.push((name, span));
                Ok(())
            }
            ("data" | "round", About::Candidate) => Ok(()),
            (word, _) if WORDS.contains(&word) => Ok(()),
            (word, about) => Err(unknown(word, about, &token.span)),
        }
    }

    /// `tasks.draft.score`, or `tasks["agent-a-001"].score`.
    fn task(&mut self, token: &Token) -> Result<(), Fault> {
        let (id, span) = self.step(token, "tasks.draft.accepted")?;
        let dashed = self.tokens.get(self.at).filter(|next| next.text == "-" && next.span.start == span.end);
        if let (Some(next), false) = (dashed, self.tokens[self.at - 1].text == "]") {
            let help = format!("an id with dashes stands in quotes: tasks[\"{id}-...\"].accepted");
            return Err(fault(next.span.clone(), "this is a minus", Some(help)));
        }
        let whole = Token { span: token.span.start..span.end, ..token.clone() };
        let (part, place) = self.step(&whole, &format!("tasks.{id}.accepted"))?;
        if !PARTS.contains(&part.as_str()) {
            let help = format!("of a task there is {}", PARTS.join(", "));
            return Err(fault(place, format!("there is no `{part}` of a task"), Some(help)));
        }
        self.reads.tasks.push(TaskRead { id, part, span: whole.span });
        Ok(())
    }

    /// What follows a name: `.word` or `["word"]`; and where it ends.
    fn step(&mut self, of: &Token, such: &str) -> Result<(String, Span), Fault> {
        let next = |n: usize| self.tokens.get(self.at + n);
        let (name, len) = match (next(0), next(1), next(2)) {
            (Some(dot), Some(name), _) if dot.text == "." && name.sort == Sort::Name => (name.clone(), 2),
            (Some(open), Some(name), Some(close))
                if open.text == "[" && name.sort == Sort::Text && close.text == "]" =>
            {
                (Token { span: name.span.start..close.span.end, ..name.clone() }, 3)
            }
            _ => {
                let message = format!("which one of `{}` is meant?", of.text);
                return Err(fault(of.span.clone(), message, Some(format!("such as {such}"))));
            }
        };
        self.at += len;
        Ok((name.text, name.span))
    }

    fn filter(&mut self, sign: &Token) -> Result<(), Fault> {
        let name = self.tokens.get(self.at);
        self.at += 1;
        if name.is_some_and(|name| FILTERS.contains(&name.text.as_str())) {
            return Ok(());
        }
        let span = name.map_or(sign.span.clone(), |name| name.span.clone());
        Err(fault(span, "there is no such filter", Some(format!("there is {}", FILTERS.join(", ")))))
    }
}

fn unknown(word: &str, about: About, span: &Span) -> Fault {
    let help = match about {
        About::Task => "the names here are tasks.<id>.<part> and vars.<name>; texts stand in quotes",
        About::Candidate => "the names here are `data` (what was made) and `round`; texts stand in quotes",
    };
    fault(span.clone(), format!("there is no `{word}` in this expression"), Some(help.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(text: &str) -> String {
        match parse(text, About::Task) {
            Ok(reads) => {
                let tasks = reads.tasks.iter().map(|t| format!("{}.{}", t.id, t.part));
                tasks.chain(reads.vars.iter().map(|v| format!("vars.{}", v.0))).collect::<Vec<_>>().join(" ")
            }
            Err(fault) => format!("{:?} {}", &text[fault.span], fault.message),
        }
    }

    #[test]
    fn names_are_known_before_anything_runs() {
        assert_eq!(reads("tasks.a.accepted and not tasks[\"b-1\"].skipped"), "a.accepted b-1.skipped");
        assert_eq!(reads("tasks.a.data.kind == 'x' or vars.deep == 'yes'"), "a.data vars.deep");
        assert_eq!(reads("(tasks.a.data.items | length) > 3"), "a.data");
        assert_eq!(reads("tasks.a-b.accepted"), "\"-\" this is a minus");
        assert_eq!(reads("tasks.a.scor > 1"), "\"scor\" there is no `scor` of a task");
        assert_eq!(reads("tasks"), "\"tasks\" which one of `tasks` is meant?");
        assert_eq!(reads("tasks[vars.x].accepted"), "\"tasks\" which one of `tasks` is meant?");
        assert_eq!(reads("range(9)"), "\"range\" there is no `range` in this expression");
        assert_eq!(reads("data.x"), "\"data\" there is no `data` in this expression");
        assert_eq!(reads("{{ x }}"), "\"{\" `{` means nothing in an expression");
        assert_eq!(reads("vars.a | upper"), "\"upper\" there is no such filter");
        assert!(reads("tasks.a.accepted and").contains("no expression"));
        assert!(parse("data.ok and round > 1", About::Candidate).is_ok());
        assert!(parse("tasks.a.accepted", About::Candidate).is_err());
    }

    #[test]
    fn what_is_not_true_or_false_is_an_error() {
        let context = of_candidate(&json!({"ok": true, "n": 3, "s": "x", "list": [1, 2]}), 2);
        for (text, expected) in [
            ("data.ok", true),
            ("data.n >= 3 and round == 2", true),
            ("data.s in ['y', 'z']", false),
            ("data.list | length == 2", true),
            ("data.none is defined", false),
            ("data.n + 1 - 2 == 2", true),
            ("(data.gone | default(false))", false),
        ] {
            assert_eq!(holds(text, &context), Ok(expected), "{text}");
        }
        for text in ["data.n", "data.s", "data.gone", "data.gone.deeper == 1", "not data.gone", "data"] {
            assert!(holds(text, &context).is_err(), "{text}");
        }
        assert!(holds("data.gone > 1", &context).expect_err("gone").contains("undefined"));
        let nothing = of_candidate(&Value::Null, 1);
        assert!(holds("data.ok", &nothing).is_err());
    }

    #[test]
    fn an_expression_that_never_ends_is_refused_or_runs_dry() {
        for text in ["[0] * 1000000000 == 1", "'a' * 9999999 == ''", "9 ** 99999999 > 1", "x for x in y"] {
            assert!(parse(text, About::Candidate).is_err(), "{text}");
        }
        let long = "(".repeat(400) + "1" + &")".repeat(400);
        assert!(parse(&long, About::Candidate).is_err());
        assert!(parse(&"1+".repeat(600), About::Candidate).expect_err("long").message.contains("at most"));
        let nothing = of_candidate(&Value::Null, 1);
        assert!(holds(&"1 + ".repeat(20_000), &nothing).expect_err("long").contains("at most"));
        // As deep as it can get.
        let (sum, nots) = (format!("{}1 == 497", "1+".repeat(496)), format!("{}true", "not ".repeat(248)));
        assert_eq!(holds(&sum, &nothing), Ok(true));
        let _bounded_either_way = holds(&nots, &nothing);
        assert!(holds(&("[".repeat(500) + &"]".repeat(500)), &nothing).is_err());
    }

    #[test]
    fn scores_compare_as_they_are_written() {
        let facts =
            Facts { accepted: true, score: Some(9_200_f64 / 10_000_f64), rounds: 3, ..Facts::default() };
        let context = of_task(&[("a".to_owned(), facts)].into(), &[("x".to_owned(), "1".to_owned())].into());
        assert_eq!(holds("tasks.a.score >= 0.92 and tasks.a.rounds == 3", &context), Ok(true));
        assert_eq!(holds("tasks.a.score < 0.9201 and vars.x == '1'", &context), Ok(true));
        assert!(holds("tasks.b.accepted", &context).is_err());
    }

    #[test]
    fn tasks_get_other_names() {
        let text = "tasks.a.accepted and tasks['b-1'].data.x == 'tasks.a'";
        let reads = parse(text, About::Task).expect("reads");
        let all = renamed(text, &reads, |id| format!("part-{id}"));
        assert_eq!(all, "tasks[\"part-a\"].accepted and tasks[\"part-b-1\"].data.x == 'tasks.a'");
    }
}
