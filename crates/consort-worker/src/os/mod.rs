//! What differs by operating system: who a process is, who descends from whom, how to wait for
//! one and how to signal it without ever hitting a later process of the same number.

#[cfg(target_os = "linux")]
mod cgroup;
mod clock;
#[cfg(target_os = "linux")]
mod family;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub mod logout;
#[cfg(target_os = "linux")]
mod memory;

#[cfg(target_os = "linux")]
pub use cgroup::Cgroup;
pub use clock::now;
#[cfg(target_os = "linux")]
pub use family::Family;
#[cfg(target_os = "linux")]
pub use linux::{
    Capabilities, Ending, Proc, child_identity, descendants, group_members, identity, inherit_nothing,
    is_alive, marked, own_identity, reap_adopted, signal,
};
#[cfg(target_os = "linux")]
pub use memory::{Memory, memory_of, memory_of_one, own_memory};

#[cfg(not(target_os = "linux"))]
compile_error!("consort runs on Linux; other systems need their own module in consort-worker::os");
