//! The model server of the tests, for trying things by hand.
//!
//! `models [--scenario FILE] [--port N]` answers by a scenario in JSON, `models --players DIR...` lets
//! real agents do what the players of a rehearsal would (DIR: where the state of runs lies); there
//! `--limited N` refuses the first N requests of each conversation (429), `--overloaded K` every K-th
//! request (529). Prints its address, then a line per request. Ends with the terminal's interrupt.

use consort_testing::model::players::Players;
use consort_testing::model::trouble::Trouble;
use consort_testing::model::{ModelServer, Reply, Rule, Rules, Scenario, Seen};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    match serve(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "models: {why}");
            ExitCode::from(2)
        }
    }
}

fn serve(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let (mut port, mut roots) = (0, Vec::new());
    let (mut scenario, mut trouble) = (None, Trouble { retry_after_s: 1, ..Trouble::default() });
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("`{arg}` needs a value"));
        match arg.as_str() {
            "--port" => port = value()?.parse().map_err(|e| format!("--port: {e}"))?,
            "--players" => roots.push(PathBuf::from(value()?)),
            "--limited" => trouble.limited_first = value()?.parse().map_err(|e| format!("--limited: {e}"))?,
            "--overloaded" => {
                trouble.overloaded_every = value()?.parse().map_err(|e| format!("--overloaded: {e}"))?;
            }
            "--scenario" => {
                let file = value()?;
                let text = std::fs::read_to_string(&file).map_err(|e| format!("{file}: {e}"))?;
                scenario = Some(Rules::from_json(&text).map_err(|e| format!("{file}: {e}"))?);
            }
            _ => {
                return Err(format!(
                    "unknown argument `{arg}`: models [--scenario FILE | --players DIR] [--port N]"
                ));
            }
        }
    }
    let scenario = match (scenario, roots.is_empty()) {
        (Some(rules), true) => Scenario::from(rules),
        (None, false) => {
            let players = Players::below(roots);
            trouble.around(move |request| players.answer(request))
        }
        (None, true) => Rules::of([Rule::always().reply(Reply::text("Hello from a scripted model."))]).into(),
        (Some(_), false) => return Err("--scenario and --players exclude each other".into()),
    };
    let server = ModelServer::start_at(port, scenario).map_err(|e| format!("port {port}: {e}"))?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", server.url()).map_err(|e| e.to_string())?;
    let mut known = 0;
    loop {
        let new = server.seen().into_iter().skip_while(|seen| seen.number <= known);
        for seen in new.take_while(|seen| seen.status.is_some()).collect::<Vec<_>>() {
            known = seen.number;
            writeln!(out, "{}", line(&seen)).map_err(|e| e.to_string())?;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn line(seen: &Seen) -> String {
    let mut text =
        format!("{} {} {} {}", seen.number, seen.method, seen.path, seen.status.unwrap_or_default());
    if let Some(request) = &seen.request {
        let prompt: String = request.prompt().chars().take(60).collect();
        let rule = seen.rule.as_deref().map(|rule| format!(" rule `{rule}`")).unwrap_or_default();
        text += &format!(" turn {}{rule} {prompt:?}", request.turn());
    }
    text
}
