//! A run that goes on by itself: a runner of its own, in a session of its own, told of at once.

use crate::context::Context;
use crate::drive::{Approve, Driver};
use crate::exit;
use crate::failure::Failure;
use crate::out::quoted;
use crate::person;
use consort_local::lock::RunLock;
use consort_worker::os::logout;
use consort_worker::processes::{self, RUNNER_LOG};
use std::ffi::OsString;

/// Lets another process of this program go on with the run, which is on record and whose lock we hold. Returns when
/// it drives.
///
/// # Errors
/// It does not. The run can be resumed.
pub(crate) fn go_on(
    ctx: &Context,
    driver: &Driver,
    lock: RunLock,
    approve: Option<Approve>,
) -> Result<u8, Failure> {
    let run = &driver.run;
    let mend = format!(
        "`consort resume {run}` goes on here, and says what is wrong; all that was said is in {}",
        log(driver)
    );
    let failed = |why: &dyn std::fmt::Display| {
        Failure::failed(format!("run {run} is on record, and does not go on by itself"))
            .why(why)
            .help(mend.clone())
    };
    let argv = command(ctx, driver, approve).map_err(|error| failed(&error))?;
    let shared = lock.shared().map_err(|error| failed(&error))?;
    let pid = processes::detach(&argv, lock.dir(), shared).map_err(|error| failed(&error))?;
    let mut text = format!("Run {run} goes on by itself: pid {pid}, log {}\n", log(driver));
    text += &format!("  attach:  consort attach {run}\n");
    text += &format!("  status:  consort status {run}\n");
    text += &format!("  cancel:  consort cancel {run}\n");
    text += &format!("  log-out: {}\n", logout::look().text());
    ctx.out.print(&text)?;
    Ok(exit::DONE)
}

/// Where such a runner speaks.
fn log(driver: &Driver) -> String {
    quoted(&driver.dirs.run.join(RUNNER_LOG).display().to_string())
}

fn command(ctx: &Context, driver: &Driver, approve: Option<Approve>) -> std::io::Result<Vec<OsString>> {
    let mut argv = vec![std::env::current_exe()?.into_os_string(), "-C".into(), ctx.dir.clone().into()];
    if let Some(name) = person::said() {
        argv.extend(["--as".into(), name.into()]);
    }
    argv.extend(["resume".into(), driver.run.as_str().into(), "--handed-over".into()]);
    let approve = approve.map(|approve| match approve {
        Approve::All => "all",
        Approve::None => "none",
    });
    argv.extend(approve.into_iter().flat_map(|who| ["--approve".into(), who.into()]));
    if let Some(most) = driver.max_agents {
        argv.extend(["--max-agents".into(), most.to_string().into()]);
    }
    Ok(argv)
}
