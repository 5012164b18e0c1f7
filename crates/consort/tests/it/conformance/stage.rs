//! One agent of each runtime at the same work: a creator where it can write files, else the judge of
//! what a program wrote.

use super::Runtime;
use super::lab::{Lab, RUN, writes};
use crate::support::{Said, World};
use consort_testing::lab;
use consort_testing::model::{ModelRequest, Reply, Rules, Scenario};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// What the agent of a case is like, in the form that each runtime understands.
#[derive(Default)]
pub(crate) struct Act {
    /// Further keys of the agent, such as `, idle: 2s`.
    pub(crate) keys: String,
    /// Further keys of `limits`, such as `, attempt_timeout: 2s`.
    pub(crate) limits: String,
    /// What the model answers; `None`: good work.
    pub(crate) model: Option<Scenario>,
    /// What a program does, with `DIR/` for the lab's directory; `None`: good work.
    pub(crate) script: Option<String>,
    /// What a player does wrong.
    pub(crate) misbehave: Option<&'static str>,
    /// It judges, although it could create.
    pub(crate) judges: bool,
    /// A further task behind the first one.
    pub(crate) and_another: bool,
    /// What it creates is judged: enough is what has the word `Better`.
    pub(crate) judged: bool,
    /// What stands in the place of Claude Code: a script that may call it as `$REAL`.
    pub(crate) wrapper: Option<String>,
    /// Where the model is; `None`: at the lab's server.
    pub(crate) url: Option<String>,
    /// The wire of a model that is called directly, and a model of it.
    pub(crate) wire: Option<(&'static str, &'static str)>,
}

/// The dimensions that a judge scores.
const DIMENSIONS: [&str; 6] = [
    "completeness",
    "internal_consistency",
    "methodological_rigor",
    "evidence_quality",
    "actionability",
    "traceability",
];
/// The wire that is spoken unless a case says otherwise, and a model with a known price.
pub(crate) const CHAT: (&str, &str) = ("openai", "gpt-5.1");

/// Writes the note, and whatever else it is asked for.
pub(crate) const WORKER: &str = r#"cat > /dev/null
nonce=$(sed -n 's/.*"nonce": "\([0-9a-f]*\)".*/\1/p' "$CONSORT_REQUEST")
if grep -q '"kind": "self_review"' "$CONSORT_REQUEST"; then
  printf '{"nonce":"%s","findings":[],"summary":"Looked over.","responses":[]}' "$nonce" > "$CONSORT_ANSWER"
  exit 0
fi
mkdir -p out
for path in out/note.md out/more.md; do
  if grep -q "\"$path\"" "$CONSORT_REQUEST"; then printf '# A note\n\nThe first option costs less in every year.\n' > "$path"; fi
done
"#;

/// Scores everything 0.80, or 0.50 where it is told to ask for more and does not find it.
const JUDGE: &str = r#"cat > /dev/null
score=0.80
if [ -n "$1" ] && ! grep -rq "$1" .; then score=0.50; fi
nonce=$(sed -n 's/.*"nonce": "\([0-9a-f]*\)".*/\1/p' "$CONSORT_REQUEST")
{
  printf '{"nonce":"%s","scores":{' "$nonce"
  sep=
  for d in completeness internal_consistency methodological_rigor evidence_quality actionability traceability; do
    printf '%s"%s":{"score":%s,"evidence":[{"location":"A note","quote":"The first option costs less in every year"}],"gaps":"Little.","improve":"More."}' "$sep" $d $score
    sep=,
  done
  printf '}}'
} > "$CONSORT_ANSWER"
"#;

/// A lab with the agent of one runtime in it.
pub(crate) struct Stage {
    pub(crate) lab: Lab,
    pub(crate) runtime: Runtime,
    creates: bool,
}

impl Stage {
    pub(crate) fn of(runtime: Runtime, act: Act) -> Self {
        let creates = runtime != Runtime::Api && !act.judges;
        let world = World::new(&workflow(runtime, &act, creates));
        let good = if creates { WORKER } else { JUDGE };
        let here = |text: &str| text.replace("DIR/", &format!("{}/", world.path("").display()));
        std::fs::write(world.path("agent.sh"), here(act.script.as_deref().unwrap_or(good))).unwrap();
        std::fs::write(world.path("worker.sh"), WORKER).unwrap();
        std::fs::write(world.path("judge.sh"), JUDGE).unwrap();
        let text = std::fs::read_to_string(world.repo().join("workflow.yaml")).unwrap();
        world.write("workflow.yaml", &here(&text));
        let program = (runtime == Runtime::Claude).then(|| program(&world, act.wrapper.as_deref()));
        let model = act.model.unwrap_or_else(|| if creates { writing() } else { judging() });
        Self { lab: Lab::with(world, program.as_deref(), model), runtime, creates }
    }

    /// Runs to where it ends or waits, which must be with this code.
    pub(crate) fn runs(&self, code: i32) -> Said {
        let said = self.lab.run();
        assert_eq!(said.code, code, "{}{}\n{}", said.stdout, said.stderr, self.journal());
        said
    }

    pub(crate) fn journal(&self) -> String {
        self.lab.journal(RUN)
    }

    /// How often something stands in the journal.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.journal().matches(what).count()
    }

    /// Attempts of the agent that the case is about, at the first task.
    pub(crate) fn attempts(&self) -> usize {
        let step = if self.creates { "/create\"" } else { "/judge\"" };
        let of_it = |l: &&str| l.contains("attempt_starting") && l.contains("\"note/") && l.contains(step);
        self.journal().lines().filter(of_it).count()
    }

    /// The only open question's id.
    pub(crate) fn question(&self) -> String {
        let open = self.lab.consort(&["inbox", RUN, "--json"]).json()["questions"].clone();
        open[0]["id"].as_str().unwrap_or_else(|| panic!("nobody asks: {open}")).to_owned()
    }

    pub(crate) fn transcript(&self) -> String {
        self.lab.consort(&["transcript", RUN, "note"]).stdout
    }

    /// Gives an order that must be taken.
    pub(crate) fn orders(&self, args: &[&str]) {
        let said = self.lab.consort(args);
        assert_eq!(said.code, 0, "{args:?}: {}{}", said.stdout, said.stderr);
    }

    /// What is always true in the end: nothing runs, no key is in a log, and the record holds.
    pub(crate) fn over(&self) {
        self.lab.nothing_is_left();
        let said = self.lab.consort(&["verify", RUN]);
        assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    }
}

/// Good work of a creator.
pub(crate) fn writing() -> Scenario {
    Rules::of([writes("Write a note.")]).into()
}

/// Good work of a judge.
pub(crate) fn judging() -> Scenario {
    Scenario::code(|request| Reply::structured(verdict(request)))
}

/// Good work of this runtime's agent, whichever it is.
pub(crate) fn good(runtime: Runtime) -> Scenario {
    if runtime == Runtime::Api { judging() } else { writing() }
}

/// A step of good work: what the model answers to this request.
pub(crate) fn good_reply(runtime: Runtime, request: &ModelRequest) -> Reply {
    if runtime == Runtime::Api {
        return Reply::structured(verdict(request));
    }
    let steps = writes("").replies;
    steps[request.turn().min(steps.len() - 1)].clone()
}

/// So many requests are answered otherwise, then good work follows.
pub(crate) fn good_after(times: u32, first: Reply, runtime: Runtime) -> Scenario {
    let asked = AtomicU32::new(0);
    Scenario::code(move |request| match asked.fetch_add(1, Ordering::Relaxed) < times {
        true => first.clone(),
        false => good_reply(runtime, request),
    })
}

/// The nonce that an answer to this request has to bear.
pub(crate) fn nonce(request: &ModelRequest) -> String {
    let whole = request.whole();
    let behind = whole.rsplit_once("with the nonce `").map_or("", |(_, behind)| behind);
    behind.split('`').next().unwrap_or_default().to_owned()
}

/// A judge's answer to a request.
pub(crate) fn verdict(request: &ModelRequest) -> Value {
    let nonce = nonce(request);
    let score = json!({ "score": 0.8, "gaps": "Little.", "improve": "More.",
        "evidence": [{ "location": "A note", "quote": "The first option costs less in every year" }] });
    let scores = DIMENSIONS.map(|name| (name.to_owned(), score.clone()));
    json!({ "nonce": nonce, "scores": scores.into_iter().collect::<serde_json::Map<_, _>>() })
}

fn workflow(runtime: Runtime, act: &Act, creates: bool) -> String {
    let keys = &act.keys;
    let url = act.url.as_deref().unwrap_or("{{ url }}");
    let (wire, model) = act.wire.unwrap_or(CHAT);
    let agent = match runtime {
        Runtime::Claude => format!("runtime: claude, url: \"{url}\"{keys}"),
        Runtime::Api => {
            let named = if keys.contains("model:") { String::new() } else { format!(", model: {model}") };
            format!("runtime: api, wire: {wire}{named}, url: \"{url}\"{keys}")
        }
        Runtime::Command => format!("argv: [sh, DIR/agent.sh]{keys}"),
        Runtime::Rehearsal => {
            let misdeed = act.misbehave.map(|m| format!(", misbehave: [\"{m}\"]")).unwrap_or_default();
            format!("runtime: rehearsal{misdeed}{keys}")
        }
    };
    let (agents, gate) = match creates {
        true if act.judged => (
            format!("default: {{{agent}}}, judge: {{argv: [sh, DIR/judge.sh, Better]}}"),
            "strategies: {required: [S-010, S-014]}, gate: {threshold: \"0.60\", floor: \"0.30\"}",
        ),
        true => (format!("default: {{{agent}}}"), "gate: none"),
        false => (
            format!("default: {{argv: [sh, DIR/worker.sh]}}, judge: {{{agent}}}"),
            "strategies: {required: [S-010, S-014]}, gate: {threshold: \"0.60\", floor: \"0.30\"}",
        ),
    };
    let more = match act.and_another {
        true => ", more: {text: \"Write more.\", path: out/more.md, gate: none, needs: note}",
        false => "",
    };
    format!(
        "workflow: {{id: {RUN}, title: One}}\ncriticality: C1\n\
         limits: {{max_attempts: 2, grace: 200ms, backoff: {{first: 20ms, max: 50ms}}{}}}\n\
         variables: {{url: {{about: the service}}}}\n\
         agents: {{{agents}}}\n\
         tasks: {{note: {{text: \"Write a note.\", path: out/note.md, {gate}}}{more}}}\n",
        act.limits
    )
}

/// Claude Code, or a script around it.
fn program(world: &World, wrapper: Option<&str>) -> PathBuf {
    let real = lab::claude().unwrap();
    let Some(script) = wrapper else { return real };
    let path = world.path("wrapped-claude");
    let text = format!(
        "#!/bin/sh\nREAL='{}'\ncase \"$*\" in --version) exec \"$REAL\" --version;; esac\n{script}\n",
        real.display()
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    path
}
