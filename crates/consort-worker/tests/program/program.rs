//! The programs of this crate's own tests: a supervisor, and a runner that can be killed.
//!
//! ```text
//! consort-worker-test supervise DIR
//! consort-worker-test launch DIR SPEC.json     launches DIR and says the supervisor's pid
//! consort-worker-test direct DIR SPEC.json     runs it without a supervisor
//! consort-worker-test look|stop DIR            says what is there
//! consort-worker-test rehearse [--request FILE] [--misbehave WHAT]…   plays an agent
//! ```

use consort_core::run::StopWhy;
use consort_worker::processes::{ProcessSpec, launch, look, run_direct, stop, supervise};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let args: Vec<&str> = args.iter().skip(1).map(String::as_str).collect();
    let done = match args[..] {
        ["supervise", dir] => return supervise(Path::new(dir)),
        ["rehearse", ref rest @ ..] => return rehearse(rest),
        ["launch", dir, spec] => launch_one(Path::new(dir), spec),
        ["direct", dir, spec] => direct(Path::new(dir), spec),
        ["look", dir] => look(Path::new(dir)).map(|looked| println!("{looked:?}")).map_err(Into::into),
        ["stop", dir] => {
            stop(Path::new(dir), StopWhy::Cancelled).map(|looked| println!("{looked:?}")).map_err(Into::into)
        }
        _ => Err("unknown command".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn rehearse(args: &[&str]) -> ExitCode {
    let pairs = || args.chunks_exact(2);
    let request = pairs().find(|p| p[0] == "--request").map(|p| Path::new(p[1]));
    let misdeeds: Vec<String> = pairs().filter(|p| p[0] == "--misbehave").map(|p| p[1].to_owned()).collect();
    consort_worker::agents::rehearsal::play(request, &misdeeds)
}

fn read(spec: &str) -> Result<ProcessSpec, Box<dyn Error>> {
    Ok(serde_json::from_slice(&std::fs::read(spec)?)?)
}

fn launch_one(dir: &Path, spec: &str) -> Result<(), Box<dyn Error>> {
    let supervisor = [std::env::current_exe()?.into_os_string(), "supervise".into()];
    println!("{}", launch(dir, &read(spec)?, &supervisor, None)?.pid);
    // A runner stays until somebody kills it or closes its standard input.
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

fn direct(dir: &Path, spec: &str) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run_direct(Some(dir), &read(spec)?, std::future::pending()));
    Ok(())
}
