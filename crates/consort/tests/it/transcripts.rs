//! Golden transcripts: what a person reads who goes back in time, sends a run to the background, or asks what comes
//! first. Times and numbers of processes are taken out.

use super::crashes::MEETING;
use super::support::World;

const RUN: &str = "meeting-20260220-001";

/// Without times, durations and process ids.
fn timeless(text: &str) -> String {
    let word = |word: &str| {
        let core = word.trim_end_matches([',', ';', ')', '.']);
        let digit = |c: char| c.is_ascii_digit();
        let clock = core.len() >= 8 && core.matches(':').count() == 2 && core.chars().any(digit);
        let number = core.trim_start_matches('(').trim_end_matches(['m', 's', 'h', 'd']);
        let time = number.len() < core.trim_start_matches('(').len()
            && number.starts_with(digit)
            && number.chars().all(|c| digit(c) || c == '.');
        match () {
            () if clock => word.replace(core, "[AT]"),
            () if time => word.replace(core.trim_start_matches('('), "[TIME]"),
            () => word.to_owned(),
        }
    };
    let mut after_pid = false;
    let mut words = |text: &str| {
        let mut out = Vec::new();
        let indent = text.len() - text.trim_start().len();
        out.extend(
            (!text.trim().is_empty()).then(|| " ".repeat(indent.saturating_sub(1))).filter(|_| indent > 0),
        );
        // How wide a column is hangs on its times.
        for each in text.split_whitespace() {
            let pid = std::mem::replace(&mut after_pid, each == "pid");
            let number = |each: &str| each.trim_end_matches(',').parse::<u32>().is_ok();
            out.push(if pid && number(each) { "[PID],".to_owned() } else { word(each) });
        }
        out.join(" ")
    };
    text.lines().map(|line| words(line) + "\n").collect()
}

/// The commands, each with what it printed.
fn said(world: &World, commands: &[&[&str]]) -> String {
    let mut text = String::new();
    for command in commands {
        let said = world.consort(command);
        text += &format!("$ consort {}\n{}\n", command.join(" "), said.all(world));
    }
    timeless(&text)
}

fn complete() -> World {
    let world = World::new(MEETING);
    let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    assert_eq!(said.code, 0, "{}", said.all(&world));
    world
}

#[test]
fn back_in_time() {
    let world = complete();
    insta::assert_snapshot!(said(
        &world,
        &[
            &["checkpoint", "diff", RUN, "CP-001"],
            &["rollback", RUN, "CP-001", "--dry-run"],
            &["rollback", RUN, "CP-001", "-m", "the wrong figures"],
            &["rollback", RUN, "CP-009"],
            &["fork", RUN, "CP-001", "--set", "limits.max_attempts=7", "--dry-run"],
        ]
    ));
}

#[test]
fn in_the_background() {
    let world = World::new(MEETING);
    let begun = said(&world, &[&["run", "workflow.yaml", "--rehearse", "--detach"]]);
    let log_out = |line: &&str| !line.trim_start().starts_with("log-out");
    let begun: String = begun.lines().filter(log_out).map(|line| format!("{line}\n")).collect();
    world.until(RUN, "A-001 asked of");
    let asked = world.consort(&["cancel", RUN]);
    assert_eq!(asked.code, 0, "{}", asked.all(&world));
    world.until(RUN, "ended: ");
    insta::assert_snapshot!(begun);
}

#[test]
fn what_comes_first_and_what_it_cost() {
    let world = complete();
    let cost = said(&world, &[&["cost", RUN]]);
    // Its tables are in the order of time.
    let cost = cost.split_once("BY PIPELINE").unwrap().0;
    let rest = said(&world, &[&["explain", "workflow.yaml", "a2"], &["compare", RUN, RUN]]);
    insta::assert_snapshot!(format!("{cost}{rest}"));
}
