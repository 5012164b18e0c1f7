//! One suite for every runtime: the same cases through the real binary with the real agents, against a
//! scripted service that stands in for the model alone.
//!
//! A case is one function; the table says of each runtime that it does it, that consort does it for it
//! (`engine`), or that it cannot by nature and why. What is said to be done is proved by the test
//! `conformance::<case>::<runtime>`; what was proved is kept (`kept`), printed by `consort agents`, and stands in
//! `docs/conformance.md`. An agent that is not installed is skipped by name.

pub(crate) mod kept;
pub(crate) mod lab;
mod limits;
mod lives;
mod permissions;
mod service;
mod sharing;
mod stage;
mod work;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A column of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runtime {
    Claude,
    Api,
    Command,
    Rehearsal,
}

impl Runtime {
    const ALL: [Runtime; 4] = [Runtime::Claude, Runtime::Api, Runtime::Command, Runtime::Rehearsal];

    fn name(self) -> &'static str {
        match self {
            Runtime::Claude => "claude",
            Runtime::Api => "api",
            Runtime::Command => "command",
            Runtime::Rehearsal => "rehearsal",
        }
    }
}

/// How a runtime has what a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Has {
    /// It does it.
    Yes,
    /// consort does it for it.
    Engine,
    /// It cannot, because.
    No(&'static str),
}

/// A line of the matrix.
struct Case {
    /// The function's name.
    name: &'static str,
    /// For people.
    says: &'static str,
    /// By runtime.
    has: &'static [(&'static [&'static str], Has)],
}

impl Case {
    fn has(&self, runtime: Runtime) -> Has {
        let named = self.has.iter().find(|(names, _)| names.contains(&runtime.name()));
        named.map(|(_, has)| *has).unwrap_or_else(|| panic!("{} says nothing of {runtime:?}", self.name))
    }
}

/// Proves one cell.
fn prove(name: &str, runtime: Runtime, case: fn(Runtime)) {
    if runtime == Runtime::Claude && consort_testing::lab::claude().is_err() {
        return;
    }
    let line = CASES.iter().find(|case| case.name == name).unwrap();
    let found = match line.has(runtime) {
        Has::Engine => "engine",
        _ => "yes",
    };
    match catch_unwind(AssertUnwindSafe(|| case(runtime))) {
        Ok(()) => kept::compare(line, runtime, found),
        Err(panicked) => {
            if kept::renews() {
                kept::compare(line, runtime, "fails");
            }
            resume_unwind(panicked)
        }
    }
}

macro_rules! runtime {
    (claude) => {
        Runtime::Claude
    };
    (api) => {
        Runtime::Api
    };
    (command) => {
        Runtime::Command
    };
    (rehearsal) => {
        Runtime::Rehearsal
    };
}

/// `module::case "says" { yes …; engine …; no … "why"; }`
macro_rules! table {
    ($($module:ident::$case:ident $says:literal {
        $(yes $($yes:ident)+;)? $(engine $($engine:ident)+;)? $(no $($no:ident)+ $why:literal;)*
    })+) => {
        const CASES: &[Case] = &[$(Case {
            name: stringify!($case),
            says: $says,
            has: &[
                $((&[$(stringify!($yes)),+], Has::Yes),)?
                $((&[$(stringify!($engine)),+], Has::Engine),)?
                $((&[$(stringify!($no)),+], Has::No($why)),)*
            ],
        }),+];
        $(mod $case {
            use super::{Runtime, prove};
            $($(#[test] fn $yes() { prove(stringify!($case), runtime!($yes), super::$module::$case) })+)?
            $($(#[test] fn $engine() { prove(stringify!($case), runtime!($engine), super::$module::$case) })+)?
        })+
    };
}

table! {
    work::writes_a_file "writes a file with its own tool" {
        yes claude command rehearsal; no api "it has no tools";
    }
    work::answers_in_a_form "gives a structured answer" {
        yes claude api command rehearsal;
    }
    work::answers_rubbish "an answer that is none is refused, and said" {
        yes claude api command rehearsal;
    }
    work::writes_nothing "ends well without its artifact: noticed" {
        yes claude command rehearsal; no api "it has no tools";
    }
    work::takes_model_and_effort "works with the model and effort of the plan" {
        yes claude api; no command rehearsal "it asks no model that consort knows of";
    }
    work::hears_a_person "hears a person in the middle of its work" {
        yes claude; no api "reviewers hear nobody"; no command rehearsal "it is not talked to";
    }
    work::is_interrupted "a person interrupts it and says what to do instead" {
        yes claude; no api "reviewers hear nobody"; no command rehearsal "it is not talked to";
    }
    permissions::asks_and_hears_yes "asks for permission, and is allowed" {
        yes claude; no api "it has no tools"; no command rehearsal "it is not talked to";
    }
    permissions::asks_and_hears_no "asks for permission, is denied and told what to do instead" {
        yes claude; no api "it has no tools"; no command rehearsal "it is not talked to";
    }
    permissions::yes_for_the_task "a yes for the task: asked once in it, again by the next" {
        yes claude; no api "it has no tools"; no command rehearsal "it is not talked to";
    }
    permissions::yes_for_the_run "a yes for the run: asked once" {
        yes claude; no api "it has no tools"; no command rehearsal "it is not talked to";
    }
    permissions::nobody_answers "nobody answers: no, and the work goes on" {
        yes claude; no api "it has no tools"; no command rehearsal "it is not talked to";
    }
    permissions::asks_in_words "asks a question, and is answered in words" {
        yes claude; no api "it has no tools"; no command rehearsal "it is not talked to";
    }
    permissions::denied_by_rule "what the policy denies is refused" {
        yes claude; no api "it has no tools"; no command rehearsal "it is not talked to";
    }
    permissions::writes_outside "writes outside the workspace are refused, by every tool" {
        yes claude; no api "it has no tools"; no command rehearsal "it is not talked to";
    }
    permissions::changes_outside "what changed outside all the same is noticed" {
        engine claude command; no api "it has no tools"; no rehearsal "its player is ours";
    }
    permissions::other_agents "other agents are refused" {
        yes claude; no api "it has no tools"; no command rehearsal "it is not talked to";
    }
    lives::adopted "goes on when the runner is killed, and is adopted" {
        engine claude api command rehearsal;
    }
    lives::resumed "everything is killed: the next attempt goes on in the session" {
        yes claude; no api "each judgement is a fresh session"; no command rehearsal "it has no session";
    }
    lives::forked "a revision goes on in a copy of its creator's session" {
        yes claude; no api "each judgement is a fresh session"; no command rehearsal "it has no session";
    }
    lives::lost_session "a session that is lost: begins afresh and says so" {
        yes claude; no api "each judgement is a fresh session"; no command rehearsal "it has no session";
    }
    lives::paused "a person pauses: nothing is lost" {
        engine claude api command rehearsal;
    }
    lives::cancelled "a person interrupts for good: it ends at once" {
        engine claude api command rehearsal;
    }
    lives::killed "whatever it started dies with it, daemons too" {
        engine claude command rehearsal; no api "it starts nothing";
    }
    lives::full_context "a context that is nearly full is handed over" {
        yes claude; no api "its work is one call"; no command rehearsal "it has no session";
    }
    service::bad_request "400: a person, at once" {
        yes claude api; no command rehearsal "it asks no model that consort knows of";
    }
    service::wrong_key "401, a wrong key: a person, at once" {
        yes claude api; no command rehearsal "it asks no model that consort knows of";
    }
    service::unknown_model "404, a model that does not exist: a person, at once" {
        yes claude api; no command rehearsal "it asks no model that consort knows of";
    }
    service::limited "429 with retry-after: its pool rests so long, no try is lost" {
        yes claude api; no command rehearsal "it asks no model that consort knows of";
    }
    service::broken "500: another try" {
        yes claude api; no command rehearsal "it asks no model that consort knows of";
    }
    service::overloaded "529: another try" {
        yes claude api; no command rehearsal "it asks no model that consort knows of";
    }
    service::refused "connection refused: another try" {
        yes claude api; no command rehearsal "it asks no model that consort knows of";
    }
    service::cut_stream "a stream that is cut: the work is done all the same" {
        yes claude api; no command rehearsal "it asks no model that consort knows of";
    }
    service::error_in_stream "an error within a stream: the work is done all the same" {
        yes claude api; no command rehearsal "it asks no model that consort knows of";
    }
    service::hanging_stream "a stream that hangs: ended by `idle`" {
        yes claude api; no command rehearsal "it asks no model that consort knows of";
    }
    service::malformed_stream "a service that sends no wire of its kind: said, tried again" {
        yes claude api; no command rehearsal "it asks no model that consort knows of";
    }
    limits::silent "no sign of life: ended by `idle`" {
        engine claude api; no command rehearsal "it shows no life until it ends: `timeout`";
    }
    limits::speaks_slowly "a long answer is a sign of life while it comes" {
        yes claude; no api "its answer comes whole: `idle` is the time of one answer"; no command rehearsal "it shows no life until it ends: `timeout`";
    }
    limits::too_long "wall time: ended by `timeout`" {
        engine claude api command rehearsal;
    }
    limits::turns "cap on turns" {
        yes claude; no api "its work is one call"; no command rehearsal "it asks no model that consort knows of";
    }
    limits::tokens "cap on tokens" {
        engine claude; no api "its work is one call"; no command rehearsal "it asks no model that consort knows of";
    }
    limits::money "cap on money" {
        yes claude; no api "its work is one call"; no command rehearsal "it asks no model that consort knows of";
    }
    limits::counted "tokens and money are those that the service said" {
        yes claude api command; no rehearsal "it uses up nothing";
    }
    limits::flood "a flood is survived in bounded memory" {
        engine claude api command rehearsal;
    }
    limits::binary "binary rubbish in its stream is survived" {
        engine claude command; no api "it has no stream of its own"; no rehearsal "its player is ours";
    }
}

/// What is kept is what the table says, and nothing else. Comes after the others where that counts: it
/// writes only what nobody has to prove.
#[test]
fn what_is_kept_is_what_the_suite_says() {
    kept::compare_all();
}
