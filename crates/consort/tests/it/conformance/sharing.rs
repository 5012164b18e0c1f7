//! A quota that one run finds used up, and another run in the same repository.

use super::Runtime;
use super::lab::RUN;
use super::service::always_limited_for;
use super::stage::{Act, Stage, good};

#[test]
fn a_quota_that_one_run_ran_into_is_not_run_into_by_another_one() {
    let stage = Stage::of(Runtime::Api, Act { model: always_limited_for(8), ..Act::default() });
    let mut first = stage.lab.begin();
    stage.lab.until(RUN, "\"pool_rested\"");
    let asked = stage.lab.server.requests().len();
    // The service would say no to this one, too; nobody asks it.
    let url = stage.lab.url();
    let args = ["run", "workflow.yaml", "--again", "--var", &url, "--approve", "all", "--yes"];
    let mut second = stage.lab.command(&args).spawn().unwrap();
    let other = format!("{RUN}.2");
    stage.lab.until(&other, "\"pool_rested\"");
    assert_eq!(stage.lab.server.requests().len(), asked, "{}", stage.lab.journal(&other));
    stage.lab.server.play(good(Runtime::Api));
    assert!(first.wait().unwrap().success() && second.wait().unwrap().success(), "{}", stage.journal());
    let journal = stage.lab.journal(&other);
    let rested: Vec<&str> = journal.lines().filter(|l| l.contains("\"pool_rested\"")).collect();
    assert!(rested.len() == 1 && rested[0].contains(&format!("run {RUN}: ")), "{rested:?}");
    assert!(!journal.contains("\"step_retrying\""), "nobody lost a try: {journal}");
    // Until the same time, and awake alike.
    let until = |journal: &str| {
        let at = journal.find("\"until\":").expect("a time") + 8;
        journal[at..].chars().take_while(char::is_ascii_digit).collect::<String>()
    };
    assert_eq!(
        until(rested[0]),
        until(stage.journal().lines().find(|l| l.contains("\"pool_rested\"")).unwrap())
    );
    assert!(journal.contains("\"pool_woke\""), "{journal}");
}
