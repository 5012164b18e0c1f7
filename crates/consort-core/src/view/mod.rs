//! What people and programs read: pure projections of a run's state.
//!
//! ```text
//! State ─▶ model::RunView ─▶ status_text · task_text · live::screen · approvals · inbox
//!   │            └─────────▶ ORCHESTRATION_PLAN.md · …_WORKTRACKER.md · ORCHESTRATION.yaml
//!   └── Event ─▶ live::line · origin
//! ```
//!
//! Nothing here looks at a clock or at the machine: the same state gives the same bytes, which is
//! how `verify` checks the files of a checkpoint. This is the only module outside `run` that
//! matches on events. Texts that others wrote go through [`clean`] before they are shown.

pub mod approvals;
pub mod attempts;
pub mod back;
mod canvas;
mod diagram;
pub mod graph;
pub mod inbox;
pub mod live;
mod markdown;
pub mod model;
pub mod origin;
mod people;
mod plan_md;
pub mod report;
mod spoken;
mod status;
mod text;
pub mod timeline;
mod tracker_md;
pub mod waits;
mod words;
mod yaml;

pub use diagram::diagram;
pub use people::who_counts;
pub use spoken::{Spoken, ended, spoken};
pub use status::{status_text, task_text};
pub use text::{clean, wrap};
pub use words::{Word, run as run_word};

use crate::run::State;

/// Raised with any change of the bytes that [`state_files`] gives for a state: files that another
/// version rendered cannot be compared with ours.
pub const VIEW_VERSION: u32 = 5;

/// Widest line of what is ours to wrap, in columns.
pub const WIDTH_MAX: usize = 120;

/// The three state files of a run, as they go into its checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFiles {
    /// `ORCHESTRATION_PLAN.md`
    pub plan_md: String,
    /// `ORCHESTRATION_WORKTRACKER.md`
    pub tracker_md: String,
    /// `ORCHESTRATION.yaml`
    pub yaml: String,
}

/// Renders the three files. The same state gives the same bytes; they name no path, process or
/// time of the machine that renders them.
pub fn state_files(state: &State) -> StateFiles {
    let view = model::run_view(state);
    StateFiles {
        plan_md: plan_md::render(state, &view),
        tracker_md: tracker_md::render(state, &view),
        yaml: yaml::render(state, &view),
    }
}
