//! Crash sites with names, for drills: arm one from the environment and the process that reaches
//! it dies there as if the power had failed. Without the cargo feature `drill` a site is nothing.

/// `<site>:<n>`: die at the n-th time (from 1) that this process reaches the site.
pub const CRASH_AT: &str = "CONSORT_CRASH_AT";

/// Optional path of a file. It is created by the first process that dies; while it exists nobody
/// else does. So a drill can kill one supervisor and let its successors live.
pub const CRASH_ONCE: &str = "CONSORT_CRASH_ONCE";

/// If it is set, every report of an effect is given to the brain a second time, late.
pub const REPORT_TWICE: &str = "CONSORT_REPORT_TWICE";

/// All known sites, of this crate and of the host's. `before` and `after` name the effect that is, or is not, done.
pub const SITES: &[&str] = &[
    "launch.spec.before",
    "launch.spec.after",
    "launch.spawn.after",
    "launch.started.after",
    "supervisor.claim.before",
    "supervisor.claim.after",
    "supervisor.spawn.before",
    "supervisor.spawn.after",
    "supervisor.sweep.before",
    "supervisor.sweep.after",
    "supervisor.record.before",
    "supervisor.record.after",
    "publish.written.after",
    "look.reap.before",
    "look.reap.after",
    "stop.file.before",
    "stop.file.after",
    "stop.signal.after",
    "detach.laid.after",
    "detach.spawn.after",
    "detach.handed.after",
    "direct.claim.after",
    "direct.end.after",
    "store.put.before",
    "store.put.after",
    "journal.create.before",
    "journal.create.after",
    "journal.append.before",
    "journal.append.after",
    "inbox.post.before",
    "inbox.post.after",
    "inbox.done.before",
    "inbox.done.after",
    "git.start.before",
    "git.start.after",
    "git.export.before",
    "git.export.after",
    "git.workspace.before",
    "git.workspace.after",
    "git.hold.before",
    "git.hold.after",
    "git.accept.before",
    "git.accept.after",
    "git.checkpoint.before",
    "git.checkpoint.after",
    "git.release.before",
    "git.release.after",
    "git.abandon.before",
    "git.abandon.after",
    "git.rewind.before",
    "git.rewind.after",
    "git.push.before",
    "git.push.after",
    "git.fetch.before",
    "git.fetch.after",
    "git.bring.before",
    "git.bring.after",
    "git.salvage.before",
    "git.salvage.after",
    "git.checkout.before",
    "git.checkout.after",
    "git.integrate.before",
    "git.integrate.after",
];

/// A place where a drill may kill this process.
#[cfg(not(feature = "drill"))]
#[inline(always)]
pub fn site(_name: &'static str) {}

/// Whether a host reports everything twice.
#[cfg(not(feature = "drill"))]
#[inline(always)]
pub fn reports_twice() -> bool {
    false
}

/// Whether a host reports everything twice.
#[cfg(feature = "drill")]
pub fn reports_twice() -> bool {
    std::env::var_os(REPORT_TWICE).is_some()
}

/// A place where a drill may kill this process.
#[cfg(feature = "drill")]
pub fn site(name: &'static str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static ARMED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static REACHED: AtomicU64 = AtomicU64::new(0);

    let armed = ARMED.get_or_init(|| {
        let text = std::env::var(CRASH_AT).ok()?;
        let (site, nth) = text.rsplit_once(':')?;
        Some((site.to_owned(), nth.parse().ok()?))
    });
    let Some((site, nth)) = armed else { return };
    if site != name || REACHED.fetch_add(1, Ordering::SeqCst) + 1 != *nth {
        return;
    }
    if let Some(once) = std::env::var_os(CRASH_ONCE)
        && std::fs::OpenOptions::new().write(true).create_new(true).open(once).is_err()
    {
        return;
    }
    // Not `abort`: no handler, no core file, no message. The loop is for the moment until it takes effect.
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use super::SITES;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn sites_in(dir: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                sites_in(&path, found);
            } else if path.file_name().is_some_and(|name| name != "drill.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let calls = text.split("drill::site(\"").skip(1);
                found.extend(calls.map(|rest| rest.split('"').next().unwrap().to_owned()));
            }
        }
    }

    #[test]
    fn the_list_names_the_sites_of_the_source_and_no_others() {
        let mut found = BTreeSet::new();
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        sites_in(&here.join("src"), &mut found);
        sites_in(&here.join("../consort-local/src"), &mut found);
        let listed: BTreeSet<String> = SITES.iter().map(|site| (*site).to_owned()).collect();
        assert_eq!(found, listed);
        assert_eq!(listed.len(), SITES.len(), "a site is listed twice");
    }
}
