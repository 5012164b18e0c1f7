//! Bugs that tests plant, to see that the auditor finds them. Without the feature `planted`
//! every question is answered with no at compile time.

/// Whether this build can plant bugs.
pub const POSSIBLE: bool = cfg!(feature = "planted");

/// A bug that can be planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub enum Bug {
    SpawnBeforeFlush = 1,
    StaleReportAccepted,
    CompareAndSwapDropped,
    StartedAgainAtOpen,
    TwoRoundsAccepted,
    BelowThresholdAccepted,
    HandoffLostInMerge,
    GroupNotKilled,
    CheckpointWithoutArtifact,
    ApprovalForOlderCommit,
    AcknowledgementUnchecked,
    EventsOutOfOrder,
    GrantForAnyRule,
    ReviewerResumes,
    SummaryTakenForContext,
    RestForgotten,
    LimitCostsTry,
    NothingReserved,
    UnknownCostsNothing,
    RollbackKeepsLater,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 20] = [
        Bug::SpawnBeforeFlush,
        Bug::StaleReportAccepted,
        Bug::CompareAndSwapDropped,
        Bug::StartedAgainAtOpen,
        Bug::TwoRoundsAccepted,
        Bug::BelowThresholdAccepted,
        Bug::HandoffLostInMerge,
        Bug::GroupNotKilled,
        Bug::CheckpointWithoutArtifact,
        Bug::ApprovalForOlderCommit,
        Bug::AcknowledgementUnchecked,
        Bug::EventsOutOfOrder,
        Bug::GrantForAnyRule,
        Bug::ReviewerResumes,
        Bug::SummaryTakenForContext,
        Bug::RestForgotten,
        Bug::LimitCostsTry,
        Bug::NothingReserved,
        Bug::UnknownCostsNothing,
        Bug::RollbackKeepsLater,
    ];

    /// Whether it is planted in this process.
    #[cfg(feature = "planted")]
    pub fn is_planted(self) -> bool {
        PLANTED.load(std::sync::atomic::Ordering::Relaxed) == self as u8
    }

    /// Whether it is planted in this process: never, in this build.
    #[cfg(not(feature = "planted"))]
    #[inline(always)]
    pub fn is_planted(self) -> bool {
        false
    }

    /// Plants this bug and no other, for the rest of the process.
    #[cfg(feature = "planted")]
    pub fn plant(self) {
        PLANTED.store(self as u8, std::sync::atomic::Ordering::Relaxed);
    }

    /// Nothing: this build cannot.
    #[cfg(not(feature = "planted"))]
    pub fn plant(self) {}

    /// By its name in the source, for a process that is told in its environment.
    pub fn named(name: &str) -> Option<Bug> {
        Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name)
    }
}

#[cfg(feature = "planted")]
static PLANTED: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);
