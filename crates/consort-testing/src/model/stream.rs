//! An answer piece by piece, with whatever goes wrong on the way.

use super::log::{Guard, Outcome};
use super::reply::Fault;
use super::request::Wire;
use super::wires::{self, FLOOD_PIECE, Piece, Pieces};
use axum::body::Body;
use futures_util::stream;
use std::time::Duration;

/// So that what was sent before a cut is on its way when the connection ends.
const BEFORE_CUT: Duration = Duration::from_millis(30);

/// A body that ends with its connection after these bytes.
pub(super) fn cut_after(bytes: Vec<u8>) -> Body {
    Body::from_stream(stream::unfold(Some(bytes), |left| async move {
        match left {
            Some(bytes) if !bytes.is_empty() => Some((Ok(bytes), Some(Vec::new()))),
            Some(_) => {
                tokio::time::sleep(BEFORE_CUT).await;
                Some((Err(std::io::Error::other("cut by the scenario")), None))
            }
            None => None,
        }
    }))
}

/// A JSON string that never ends.
pub(super) fn endless() -> Body {
    let first = std::iter::once(b"{\"text\": \"".to_vec());
    let pieces = first.chain(std::iter::repeat(vec![b'x'; FLOOD_PIECE]));
    Body::from_stream(stream::iter(pieces.map(Ok::<_, std::io::Error>)))
}

/// What is being sent.
pub(super) struct Sending {
    guard: Guard,
    wire: Wire,
    fault: Option<Fault>,
    between: Duration,
    pieces: std::vec::IntoIter<Piece>,
    /// Pieces until the flood, the flood's piece, and how many of it are left.
    flood: Option<(usize, Vec<u8>, u64)>,
    sent: u64,
    over: bool,
}

impl Sending {
    pub(super) fn new(
        wire: Wire,
        pieces: Pieces,
        flood_bytes: u64,
        between_ms: u64,
        fault: Option<Fault>,
        guard: Guard,
    ) -> Self {
        let count = flood_bytes.div_ceil(FLOOD_PIECE as u64);
        Sending {
            guard,
            wire,
            fault,
            between: Duration::from_millis(between_ms),
            flood: pieces.flood.map(|(at, piece)| (at, piece.bytes(), count)),
            pieces: pieces.list.into_iter(),
            sent: 0,
            over: false,
        }
    }

    /// As the body of a response.
    pub(super) fn body(self) -> Body {
        Body::from_stream(stream::unfold(self, |mut sending| async move {
            let next = sending.next().await?;
            Some((next, sending))
        }))
    }

    async fn next(&mut self) -> Option<std::io::Result<Vec<u8>>> {
        if self.over {
            return None;
        }
        match &self.fault {
            Some(Fault::Cut { after }) if self.sent >= *after => {
                tokio::time::sleep(BEFORE_CUT).await;
                self.finish(Outcome::Broken);
                return Some(Err(std::io::Error::other("cut by the scenario")));
            }
            // The log says so when the client gives up and the body is dropped.
            Some(Fault::Hang { after }) if self.sent >= *after => std::future::pending().await,
            Some(Fault::InBand { after, kind, message }) if self.sent >= *after => {
                let piece = wires::in_band(self.wire, kind, message);
                self.finish(Outcome::Broken);
                return Some(Ok(piece.bytes()));
            }
            _ => {}
        }
        if self.sent > 0 && !self.between.is_zero() {
            tokio::time::sleep(self.between).await;
        }
        let Some(bytes) = self.piece() else {
            return self.ran_out().await;
        };
        self.sent += 1;
        Some(Ok(bytes))
    }

    /// The next piece, of the flood where it has its place.
    fn piece(&mut self) -> Option<Vec<u8>> {
        if let Some((until, piece, left)) = &mut self.flood {
            match until {
                0 if *left > 0 => {
                    *left -= 1;
                    return Some(piece.clone());
                }
                0 => {}
                _ => *until -= 1,
            }
        }
        Some(self.pieces.next()?.bytes())
    }

    /// All pieces are sent: a fault that waits for more of them happens now.
    async fn ran_out(&mut self) -> Option<std::io::Result<Vec<u8>>> {
        match self.fault.take() {
            Some(Fault::Cut { .. }) => {
                tokio::time::sleep(BEFORE_CUT).await;
                self.finish(Outcome::Broken);
                Some(Err(std::io::Error::other("cut by the scenario")))
            }
            Some(Fault::Hang { .. }) => std::future::pending().await,
            Some(Fault::InBand { kind, message, .. }) => {
                self.finish(Outcome::Broken);
                Some(Ok(wires::in_band(self.wire, &kind, &message).bytes()))
            }
            Some(Fault::Http { .. } | Fault::Rubbish { .. } | Fault::Endless) | None => {
                self.finish(Outcome::Complete);
                None
            }
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        self.over = true;
        self.guard.end(outcome);
    }
}
