//! Linux: everything comes from /proc and pidfds (Linux 5.3 or later).

use consort_core::run::ProcessIdentity;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Once, OnceLock};
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// What this system can do for processes; `doctor` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Processes can be waited for and signalled without confusing them with later ones.
    pub pidfd: bool,
    /// Daemons that an agent leaves behind come back to its supervisor.
    pub subreaper: bool,
    /// /proc shows processes and when they started.
    pub proc_stat: bool,
    /// The kernel says which boot this is.
    pub boot_id: bool,
}

impl Capabilities {
    /// Tries each of them on this process.
    pub fn probe() -> Self {
        let me = rustix::process::getpid();
        Self {
            pidfd: rustix::process::pidfd_open(me, PidfdFlags::empty()).is_ok(),
            subreaper: rustix::process::child_subreaper().is_ok(),
            proc_stat: stat(me.as_raw_pid()).is_some(),
            boot_id: boot_id().is_some(),
        }
    }

    /// One sentence for each thing that is missing: what, and what does not work without it.
    pub fn missing(&self) -> Vec<&'static str> {
        [
            (self.pidfd, "pidfd is missing (Linux 5.3 or later has it): no agent can be started or watched"),
            (self.subreaper, "the child subreaper is missing: daemons that agents leave behind are not found"),
            (self.proc_stat, "/proc/<pid>/stat cannot be read: processes cannot be told apart after a crash"),
            (self.boot_id, "/proc/sys/kernel/random/boot_id cannot be read: processes cannot be told apart after a reboot"),
        ]
        .into_iter()
        .filter_map(|(there, text)| (!there).then_some(text))
        .collect()
    }
}

/// One line of the process table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proc {
    /// Process id.
    pub pid: i32,
    /// Its parent's.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// When it started, in ticks since boot.
    pub start_ticks: u64,
    /// Dead, but not yet waited for by its parent.
    pub zombie: bool,
}

fn stat(pid: i32) -> Option<Proc> {
    parse_stat(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// The second field is the program's name in brackets and may hold anything, brackets and
/// newlines included: only what follows the last bracket can be trusted.
fn parse_stat(bytes: &[u8]) -> Option<Proc> {
    let text = String::from_utf8_lossy(bytes);
    let pid = text.split_ascii_whitespace().next()?.parse().ok()?;
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
    Some(Proc {
        pid,
        zombie: matches!(*fields.first()?, "Z" | "X" | "x"),
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        start_ticks: fields.get(19)?.parse().ok()?,
    })
}

fn boot_id() -> Option<&'static str> {
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    BOOT.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    })
    .as_deref()
}

impl Proc {
    /// Threads of the kernel have neither arguments nor environment, ever.
    fn is_kernel(&self) -> bool {
        self.pid == 2 || self.parent == 2
    }

    fn identity(&self) -> Option<ProcessIdentity> {
        Some(ProcessIdentity { pid: self.pid, start_ticks: self.start_ticks, boot_id: boot_id()?.to_owned() })
    }
}

/// Who has this process id now; `None` if nobody, or only a zombie.
pub fn identity(pid: i32) -> Option<ProcessIdentity> {
    stat(pid).filter(|proc| !proc.zombie)?.identity()
}

/// As [`identity`], of a child that was not waited for: it keeps its number even when it is dead.
pub fn child_identity(child: Pid) -> Option<ProcessIdentity> {
    stat(child.as_raw_pid())?.identity()
}

/// This process itself.
pub fn own_identity() -> Option<ProcessIdentity> {
    static ME: OnceLock<Option<ProcessIdentity>> = OnceLock::new();
    ME.get_or_init(|| identity(rustix::process::getpid().as_raw_pid())).clone()
}

/// True if this very process still runs: same number, same start, same boot, not a zombie.
pub fn is_alive(process: &ProcessIdentity) -> bool {
    identity(process.pid).as_ref() == Some(process)
}

/// A handle on this very process; `None` if it is gone. The identity is compared after the
/// handle exists, so the handle cannot belong to a later process.
fn handle(process: &ProcessIdentity) -> io::Result<Option<OwnedFd>> {
    let Some(pid) = Pid::from_raw(process.pid) else { return Ok(None) };
    match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
        Ok(fd) => Ok(is_alive(process).then_some(fd)),
        // EINVAL: the number belongs to a thread now.
        Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Sends a signal to this very process, never to a later one of the same number. False if it is gone.
pub fn signal(process: &ProcessIdentity, signal: Signal) -> io::Result<bool> {
    let Some(fd) = handle(process)? else { return Ok(false) };
    match rustix::process::pidfd_send_signal(&fd, signal) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::SRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The end of a process as something to wait for.
#[derive(Debug)]
pub struct Ending(Option<AsyncFd<OwnedFd>>);

/// The deprecation is about types that name a descriptor which is not theirs; an `OwnedFd` is
/// open for as long as it is registered. The replacement is an unsafe function, which this
/// workspace has none of.
#[expect(deprecated, reason = "sound for an OwnedFd; see above")]
fn watched(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(fd, Interest::READABLE)
}

impl Ending {
    /// Of any process; one that is gone already has its ending behind it.
    pub fn of(process: &ProcessIdentity) -> io::Result<Self> {
        Ok(Self(match handle(process)? {
            Some(fd) => Some(watched(fd)?),
            None => None,
        }))
    }

    /// Of a child that was not waited for yet, so that its number is still its own.
    pub fn of_child(child: Pid) -> io::Result<Self> {
        let fd = rustix::process::pidfd_open(child, PidfdFlags::empty())?;
        Ok(Self(Some(watched(fd)?)))
    }

    /// Returns once the process has ended, at once if it has.
    pub async fn wait(&self) -> io::Result<()> {
        if let Some(fd) = &self.0 {
            fd.readable().await?.retain_ready();
        }
        Ok(())
    }
}

/// Whatever this process was given beyond its three streams (a lock of a script around it, a
/// pipe of a build tool) is not handed on. What Rust opens never is.
pub fn inherit_nothing() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| close_fds::set_fds_cloexec(3, &[]));
}

/// All processes that can be seen. Costs some microseconds for each.
fn table() -> Vec<Proc> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| stat(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Living processes that descend from one of `roots`, without the roots.
fn below(table: &[Proc], roots: impl IntoIterator<Item = i32>) -> Vec<Proc> {
    let mut children: BTreeMap<i32, Vec<&Proc>> = BTreeMap::new();
    for proc in table {
        children.entry(proc.parent).or_default().push(proc);
    }
    let mut todo: Vec<i32> = roots.into_iter().collect();
    let mut found = Vec::new();
    while let Some(pid) = todo.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            todo.push(child.pid);
            if !child.zombie {
                found.push(*child);
            }
        }
    }
    found
}

fn identities(procs: impl IntoIterator<Item = Proc>) -> Vec<ProcessIdentity> {
    procs.into_iter().filter_map(|proc| proc.identity()).collect()
}

/// Numbers of living processes that descend from this one.
pub(super) fn below_pid(pid: i32) -> Vec<i32> {
    below(&table(), [pid]).into_iter().map(|proc| proc.pid).collect()
}

/// Living processes that descend from this one.
pub fn descendants() -> Vec<ProcessIdentity> {
    identities(below(&table(), [rustix::process::getpid().as_raw_pid()]))
}

/// Living members of the process group that `leader` led.
pub fn group_members(leader: &ProcessIdentity) -> Vec<ProcessIdentity> {
    identities(
        table().into_iter().filter(|proc| {
            proc.group == leader.pid && proc.start_ticks >= leader.start_ticks && !proc.zombie
        }),
    )
}

/// Living processes whose environment had `entry` (`NAME=value`) when they were started, and
/// what descends from them. Blocks for a moment while any process is between two programs: then
/// it has no environment to look at.
pub fn marked(entry: &str) -> Vec<ProcessIdentity> {
    let patience = Instant::now() + Duration::from_secs(1);
    loop {
        let (found, unsure) = marked_now(entry);
        if !unsure || Instant::now() >= patience {
            return found;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn marked_now(entry: &str) -> (Vec<ProcessIdentity>, bool) {
    let table = table();
    let mut marked = BTreeMap::new();
    let mut unsure = false;
    for proc in table.iter().filter(|proc| !proc.zombie && !proc.is_kernel()) {
        let read = |what| std::fs::read(format!("/proc/{}/{what}", proc.pid));
        // What cannot be read belongs to somebody else, or is gone.
        let Ok(environ) = read("environ") else { continue };
        if environ.split(|byte| *byte == 0).any(|one| one == entry.as_bytes()) {
            marked.insert(proc.pid, *proc);
        }
        // Without arguments too it is just being started, which ends soon, or it dies.
        unsure |= environ.is_empty()
            && read("cmdline").is_ok_and(|arguments| arguments.is_empty())
            && stat(proc.pid).is_some_and(|proc| !proc.zombie);
    }
    let below = below(&table, marked.keys().copied());
    marked.extend(below.into_iter().map(|proc| (proc.pid, proc)));
    (identities(marked.into_values()), unsure)
}

/// Waits for dead children but `spare`, without blocking. False once there is no child left.
pub fn reap_adopted(spare: Option<Pid>) -> bool {
    match spare {
        None => loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some(_)) | Err(rustix::io::Errno::INTR) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        },
        Some(spare) => {
            // Whether anybody is dead at all costs one call; the whole table costs milliseconds.
            let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            if let Ok(None) = rustix::process::waitid(WaitId::All, peek) {
                return true;
            }
            let me = rustix::process::getpid().as_raw_pid();
            for proc in table().iter().filter(|proc| proc.parent == me && proc.zombie) {
                if let Some(pid) = Pid::from_raw(proc.pid).filter(|pid| *pid != spare) {
                    let _: Result<Option<(Pid, WaitStatus)>, _> =
                        rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
                }
            }
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_brackets_do_not_confuse_the_parser() {
        let line = b"42 (a) S 1 (b) R 7 8 9 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 12345 99 1\n";
        let proc = parse_stat(line).unwrap();
        assert_eq!((proc.pid, proc.parent, proc.group, proc.start_ticks), (42, 7, 8, 12345));
        assert!(!proc.zombie);
        assert_eq!(parse_stat(b"42 (a"), None);
        assert_eq!(parse_stat(b"42 (\xff\n) Z 1 2"), None);
    }

    #[test]
    fn knows_itself_and_not_a_process_that_started_at_another_time() {
        let me = own_identity().unwrap();
        assert!(is_alive(&me));
        assert!(!is_alive(&ProcessIdentity { start_ticks: me.start_ticks + 1, ..me.clone() }));
        assert!(!is_alive(&ProcessIdentity { boot_id: "another".into(), ..me.clone() }));
        assert_eq!(identity(0), None);
        assert_eq!(identity(-1), None);
    }

    #[test]
    fn a_wrong_identity_is_never_signalled() {
        let me = own_identity().unwrap();
        let before = ProcessIdentity { start_ticks: me.start_ticks.wrapping_sub(1), ..me };
        // This test would not survive the signal.
        assert!(!signal(&before, Signal::KILL).unwrap());
    }

    #[test]
    fn descendants_are_found_through_generations() {
        let proc = |pid, parent, zombie| Proc { pid, parent, group: pid, start_ticks: 1, zombie };
        let table =
            [proc(2, 1, false), proc(3, 2, true), proc(4, 3, false), proc(5, 9, false), proc(6, 6, false)];
        let mut found: Vec<i32> = below(&table, [1, 6]).iter().map(|proc| proc.pid).collect();
        found.sort_unstable();
        assert_eq!(found, [2, 4, 6]);
    }

    #[test]
    fn this_system_has_what_it_takes() {
        assert_eq!(Capabilities::probe().missing(), Vec::<&str>::new());
    }
}
