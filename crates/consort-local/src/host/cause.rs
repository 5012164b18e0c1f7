//! What can wake the loop: a closed list.

use crate::inbox::{Inbox, Watch};
use consort_core::run::{Command, EffectKey, Refusal, Report};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

/// At most so many causes become one batch of records.
const BATCH: usize = 256;

/// A command of this process, and where to send what became of it.
pub struct Order {
    /// Who.
    pub by: String,
    /// How it came: `terminal`, `flag`.
    pub via: String,
    /// What.
    pub command: Command,
    /// The refusal, if it was refused.
    pub answer: oneshot::Sender<Result<(), Refusal>>,
}

/// Gives commands to a run of this process. While one exists, a person is there.
#[derive(Clone)]
pub struct Commander {
    orders: mpsc::UnboundedSender<Option<Order>>,
    _here: Arc<Here>,
}

/// Somebody who can be asked. When the last one goes, the loop looks up.
pub(super) struct Here(mpsc::UnboundedSender<Option<Order>>);

impl Drop for Here {
    fn drop(&mut self) {
        let _ = self.0.send(None);
    }
}

impl Commander {
    /// Gives a command and waits for what becomes of it. `None`: the run is not driven any more.
    pub async fn order(&self, by: &str, via: &str, command: Command) -> Option<Result<(), Refusal>> {
        let (answer, answered) = oneshot::channel();
        let order = Order { by: by.into(), via: via.into(), command, answer };
        self.orders.send(Some(order)).ok()?;
        answered.await.ok()
    }
}

/// One thing that happened.
pub(super) enum Cause {
    /// An effect ended with these reports.
    Reported(EffectKey, Vec<Report>),
    /// A command of this process.
    Ordered(Order),
    /// Nobody in this process can answer any more.
    Left,
    /// Something lies in the inbox.
    Posted,
    /// A signal that ends the run in this process.
    Interrupted(&'static str),
    /// The terminal is gone.
    HungUp,
    /// A deadline, or nothing but time.
    Time,
}

/// All sources of causes.
pub(super) struct Causes {
    reports: mpsc::UnboundedReceiver<(EffectKey, Vec<Report>)>,
    reporting: mpsc::UnboundedSender<(EffectKey, Vec<Report>)>,
    orders: mpsc::UnboundedReceiver<Option<Order>>,
    ordering: mpsc::UnboundedSender<Option<Order>>,
    here: Weak<Here>,
    pub(super) inbox: Inbox,
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    mail: Watch,
}

impl Causes {
    /// Listens to signals and to the inbox of the run in `run_dir`.
    pub(super) fn new(run_dir: &Path) -> std::io::Result<Self> {
        let (reporting, reports) = mpsc::unbounded_channel();
        let (ordering, orders) = mpsc::unbounded_channel();
        let inbox = Inbox::of(run_dir);
        Ok(Causes {
            reports,
            reporting,
            orders,
            ordering,
            here: Weak::new(),
            mail: inbox.watch(),
            inbox,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Where effects send their reports.
    pub(super) fn reporting(&self) -> mpsc::UnboundedSender<(EffectKey, Vec<Report>)> {
        self.reporting.clone()
    }

    pub(super) fn commander(&mut self) -> Commander {
        let here = self.here.upgrade().unwrap_or_else(|| Arc::new(Here(self.ordering.clone())));
        self.here = Arc::downgrade(&here);
        Commander { orders: self.ordering.clone(), _here: here }
    }

    /// True while someone in this process can answer.
    pub(super) fn attended(&self) -> bool {
        self.here.strong_count() > 0
    }

    /// Waits for something to happen, at most so many milliseconds, and takes everything that is
    /// already there with it.
    pub(super) async fn next(&mut self, within_ms: Option<u64>) -> Vec<Cause> {
        let first = self.select(within_ms).await;
        let mut causes = vec![first];
        while causes.len() < BATCH {
            if let Ok((key, reports)) = self.reports.try_recv() {
                causes.push(Cause::Reported(key, reports));
            } else if let Ok(order) = self.orders.try_recv() {
                causes.push(order.map_or(Cause::Left, Cause::Ordered));
            } else {
                break;
            }
        }
        causes
    }

    async fn select(&mut self, within_ms: Option<u64>) -> Cause {
        let time = async {
            match within_ms {
                Some(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Cause::Interrupted("SIGINT"),
            _ = self.terminate.recv() => Cause::Interrupted("SIGTERM"),
            _ = self.hangup.recv() => Cause::HungUp,
            Some((key, reports)) = self.reports.recv() => Cause::Reported(key, reports),
            Some(order) = self.orders.recv() => order.map_or(Cause::Left, Cause::Ordered),
            () = self.mail.changed() => Cause::Posted,
            () = time => Cause::Time,
        }
    }
}
