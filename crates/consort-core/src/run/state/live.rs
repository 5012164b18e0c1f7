//! Attempts that are alive.

use super::Talk;
use crate::run::StopWhy;
use crate::run::input::ProcessIdentity;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A live attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Live {
    /// How far it is.
    pub phase: LivePhase,
    /// When it was decided.
    pub since: Timestamp,
    /// When it must end. Waiting for a person is not work: while it waits, this lies so much later as it
    /// may wait, and afterwards so much later as it did. Its supervisor's own limit has to leave room for
    /// that: whoever writes the specification of a session's process adds the time-outs of its asks.
    pub deadline: Timestamp,
    /// Its process, once known.
    pub process: Option<ProcessIdentity>,
    /// Why it must end, if it must.
    pub stopping: Option<StopWhy>,
    /// How many notes of its session are known.
    #[serde(default)]
    pub notes: u32,
    /// Which agent: 0 is the plan's own, then its fallbacks in their order.
    #[serde(default, skip_serializing_if = "crate::plan::is_zero")]
    pub fallback: u8,
    /// The session that it is to go on in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// As a copy of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fork: bool,
    /// What its session has said and is to be told.
    #[serde(default, skip_serializing_if = "Talk::is_empty")]
    pub talk: Talk,
}

/// See [`Live`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LivePhase {
    /// To be started by the present runner.
    Starting,
    /// Was to be started by an earlier runner: never started again, only watched.
    Adrift,
    /// Its process exists.
    Running,
}
