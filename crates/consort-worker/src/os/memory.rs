//! How much memory processes have.

use consort_core::run::ProcessIdentity;

/// Bytes of memory that this process has in use now (resident); 0 where the system does not tell.
pub fn own_memory() -> u64 {
    // The second number counts pages that are resident: proc_pid_statm(5).
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0).saturating_mul(rustix::param::page_size() as u64)
}

/// Memory of some processes together, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// How many there are.
    pub processes: u32,
    /// Resident: what several share counts for each of them.
    pub rss: u64,
    /// What several share is divided among them; `None` where the kernel does not say it of all.
    pub pss: Option<u64>,
}

/// Of this process and all that descends from it, now.
pub fn memory_of(root: &ProcessIdentity) -> Memory {
    if !super::is_alive(root) {
        return Memory::default();
    }
    together(std::iter::once(root.pid).chain(super::linux::below_pid(root.pid)))
}

/// Of this process alone.
pub fn memory_of_one(process: &ProcessIdentity) -> Memory {
    if super::is_alive(process) { together([process.pid]) } else { Memory::default() }
}

fn together(pids: impl IntoIterator<Item = i32>) -> Memory {
    let all: Vec<(u64, Option<u64>)> = pids.into_iter().filter_map(one).collect();
    Memory {
        processes: all.len() as u32,
        rss: all.iter().map(|(rss, _)| rss).sum(),
        pss: all.iter().map(|(_, pss)| *pss).sum(),
    }
}

/// Resident and proportional size; `None` if it is gone.
fn one(pid: i32) -> Option<(u64, Option<u64>)> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let pss = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<u64>().ok());
    Some((pages.saturating_mul(rustix::param::page_size() as u64), pss.map(|kib| kib.saturating_mul(1024))))
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_of_a_process_is_that_of_its_descendants_too() {
        let me = crate::os::own_identity().unwrap();
        let seen = super::memory_of(&me);
        assert!(seen.processes >= 1 && seen.rss > 0, "{seen:?}");
        assert!(seen.pss.is_none_or(|pss| pss > 0 && pss <= seen.rss), "{seen:?}");
        let gone = consort_core::run::ProcessIdentity { start_ticks: me.start_ticks + 1, ..me };
        assert_eq!(super::memory_of(&gone), super::Memory::default());
    }

    #[test]
    fn memory_in_use_is_seen() {
        let before = super::own_memory();
        let block = vec![1u8; 64 << 20];
        let after = super::own_memory();
        assert!(before > 0 && after >= before + (60 << 20), "{before} {after} {}", block.len());
    }
}
