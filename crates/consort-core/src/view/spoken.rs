//! Where the words of sessions are kept.

use crate::ids::{AttemptId, ContentHash};
use crate::run::{Event, EventKind};

/// What was kept of one session that is over: hashes in the content store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// Whose.
    pub attempt: AttemptId,
    /// Its events, a line of JSON each.
    pub transcript: Option<ContentHash>,
    /// The vendor's stream as it came.
    pub raw: Option<ContentHash>,
}

/// The attempt that this event ended.
pub fn ended(event: &Event) -> Option<&AttemptId> {
    match &event.kind {
        EventKind::AttemptEnded { attempt, .. } => Some(attempt),
        _ => None,
    }
}

/// Sessions of a task that these events ended.
pub fn spoken<'a>(events: &'a [Event], task: &'a str) -> impl Iterator<Item = Spoken> + 'a {
    events.iter().filter_map(move |event| match &event.kind {
        EventKind::AttemptEnded { attempt, session: Some(end), .. } if attempt.task.as_str() == task => {
            let (transcript, raw) = (end.transcript.clone(), end.raw.clone());
            Some(Spoken { attempt: attempt.clone(), transcript, raw })
        }
        _ => None,
    })
}
