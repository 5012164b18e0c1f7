//! How much memory this process has.

/// Bytes of memory that this process has in use now (resident); 0 where the system does not tell.
pub fn own_memory() -> u64 {
    // The second number counts pages that are resident: proc_pid_statm(5).
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0).saturating_mul(rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_in_use_is_seen() {
        let before = super::own_memory();
        let block = vec![1u8; 64 << 20];
        let after = super::own_memory();
        assert!(before > 0 && after >= before + (60 << 20), "{before} {after} {}", block.len());
    }
}
