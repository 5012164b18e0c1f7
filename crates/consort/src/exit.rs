//! Exit codes. Documented in `consort --help`; scripts rely on them.

use consort_local::host::Outcome;

/// What was asked for is done; for `run` and `resume`: the run is COMPLETE.
pub(crate) const DONE: u8 = 0;
/// It was tried and failed; the run FAILED or was cancelled, or a person did not want it to start;
/// `verify` found a fault.
pub(crate) const FAILED: u8 = 1;
/// The command, a file or the place was not one that consort can work with. Nothing was changed.
pub(crate) const INVALID: u8 = 2;
/// The run waits for a person's answer.
pub(crate) const WAITING: u8 = 3;
/// A budget or a quota is used up.
pub(crate) const BUDGET: u8 = 4;
/// SIGINT or SIGTERM; the run can be resumed.
pub(crate) const INTERRUPTED: u8 = 130;

/// For people, under `consort --help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done
  1    failed, cancelled, not wanted, or verify found a fault
  2    invalid input; nothing was changed
  3    waits for a person
  4    a budget or quota is used up
  130  interrupted; the run can be resumed";

/// The code for the way a runner ended.
pub(crate) fn of(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Complete => DONE,
        Outcome::Failed | Outcome::Cancelled => FAILED,
        Outcome::Waiting => WAITING,
        Outcome::OverBudget | Outcome::Stopped => BUDGET,
        Outcome::Interrupted { .. } => INTERRUPTED,
    }
}
