//! One session from its first turn to its last: who decides what it may, who answers it, when it has
//! had enough.

use super::asks::Asks;
use super::brief::Brief;
use super::control::{self, Notes};
use super::limits::{Clocks, Reached};
use super::log::{Events, Raw, Secrets};
use super::policy::{Bounds, Verdict, judge};
use super::port::{Answer, Begin, Connection, Event, Request, Say, Spent, StopReason, TurnEnd};
use super::{WHY_CHARS, answer, hand_over};
use crate::agents::runtimes;
use crate::os::now;
use crate::words::cut;
use consort_core::run::{ContextTier, FailureClass, NoteKind, SessionEnd, SessionFailure, TellKind, Usage};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

/// How often the files of people's words and the clocks are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// For a turn to end after it was interrupted.
const INTERRUPTED: Duration = Duration::from_secs(10);
/// After so long without a sign that another turn began, it was taken together with the last one.
const TOGETHER: Duration = Duration::from_secs(3);
/// Least time between two notes about what was used up.
const USED_EVERY: Duration = Duration::from_secs(20);

/// Why the conversation is over before its agent says so.
type Over = SessionFailure;

/// A session in progress.
pub(super) struct Conversation {
    control: PathBuf,
    brief: Brief,
    env: BTreeMap<String, String>,
    secrets: Secrets,
    notes: Notes,
    events: Events,
    asks: Asks,
    clocks: Clocks,
    /// What it is told, and what it tells.
    link: Connection,
    end: SessionEnd,
    /// Used up by sessions before this one within the attempt.
    before: Spent,
    spent: Spent,
    noted: (Spent, Instant),
    tier: ContextTier,
    began: bool,
    /// Why no earlier session goes on, though one should.
    fresh: Option<String>,
    /// The next turn that a person's word would be.
    next_turn: u32,
    /// Turns that were said and are not over.
    turns_open: u32,
    interrupted: Option<(Instant, Over)>,
    /// The present turn was interrupted for another one, which is said already.
    cut_short: bool,
    /// A turn ended while another one was still to be answered: an agent may take both at once.
    settling: Option<(Instant, TurnEnd)>,
    handing_over: bool,
    handed_over: u32,
}

impl Conversation {
    /// Opens the session; nothing is said yet.
    pub(super) fn open(
        control: PathBuf,
        brief: Brief,
        env: BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let secrets = Secrets::new(brief.secrets.iter().filter_map(|name| env.get(name).cloned()));
        let notes = Notes::open(&control).map_err(|e| format!("`{}`: {e}", control.display()))?;
        let raw = Raw::open(&control, brief.output_bytes_max, secrets.clone());
        let link = runtimes::open(&brief, &brief.id, brief.begin(), &env, raw)?;
        Ok(Self {
            events: Events::open(&control, brief.output_bytes_max, secrets.clone()),
            asks: Asks::new(control.clone()),
            clocks: Clocks::new(&brief.caps),
            end: SessionEnd::default(),
            before: Spent { micro_usd: Some(0), ..Spent::default() },
            spent: Spent { micro_usd: Some(0), ..Spent::default() },
            noted: (Spent::default(), Instant::now()),
            tier: ContextTier::Nominal,
            began: false,
            fresh: None,
            next_turn: 1,
            turns_open: 0,
            interrupted: None,
            cut_short: false,
            settling: None,
            handing_over: false,
            handed_over: 0,
            control,
            brief,
            env,
            secrets,
            notes,
            link,
        })
    }

    /// Talks until the work is done or cannot be.
    pub(super) async fn run(mut self) -> SessionEnd {
        let over = match self.first_turn().await {
            Ok(()) => self.follow().await,
            Err(why) => Some(SessionFailure { class: FailureClass::Retry, why }),
        };
        self.end.failure =
            over.map(|f| SessionFailure { why: cut(&self.secrets.hide(&f.why), WHY_CHARS), ..f });
        self.note_use(true);
        self.write_usage();
        let _ = self.link.say.send(Say::Close).await;
        self.last_words().await;
        self.end
    }

    async fn first_turn(&mut self) -> Result<(), String> {
        let prompt = std::fs::read_to_string(&self.brief.prompt)
            .map_err(|e| format!("the prompt `{}` cannot be read: {e}", self.brief.prompt.display()))?;
        self.say_turn(prompt).await;
        Ok(())
    }

    async fn say_turn(&mut self, text: String) {
        self.turns_open += 1;
        self.clocks.alive();
        let _ = self.link.say.send(Say::Turn(text)).await;
    }

    /// Until the last open turn is over; `None` if it went well.
    async fn follow(&mut self) -> Option<Over> {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let Ok(mut told_to_end) = signal(SignalKind::terminate()) else {
            return Some(over(FailureClass::Retry, "signals cannot be listened to"));
        };
        loop {
            tokio::select! {
                event = self.link.events.recv() => {
                    let Some(event) = event else {
                        return Some(over(FailureClass::Retry, "its runtime ended without a word"));
                    };
                    if event != Event::Speaking {
                        self.events.add(now(), &event);
                    }
                    match self.heard(event).await {
                        Step::On => {}
                        Step::Done => return None,
                        Step::Over(why) => return Some(why),
                    }
                }
                _ = told_to_end.recv() => return Some(over(FailureClass::Retry, "it was told to end")),
                _ = looks.tick() => {
                    if let Some(why) = self.look().await {
                        return Some(why);
                    }
                    if let Some(end) = self.settled() {
                        match self.turn_ended(end).await {
                            Step::On => {}
                            Step::Done => return None,
                            Step::Over(why) => return Some(why),
                        }
                    }
                }
            }
        }
    }

    async fn heard(&mut self, event: Event) -> Step {
        self.clocks.alive();
        self.settling = None;
        match event {
            Event::Began { session, model, .. } => self.begins(session, model),
            Event::PermissionRequest(request) => self.asked(request).await,
            Event::Usage(spent) => {
                self.spent = self.before.plus(&spent);
                self.note_use(false);
                self.write_usage();
            }
            Event::Context { used, max } => self.filled(used, max).await,
            Event::Compacted => self.note(NoteKind::Compacted),
            Event::RateLimit { until } => self.note(NoteKind::Limited { until }),
            Event::Text { .. } => self.clocks.progress(),
            Event::ToolCall { name, about, .. } => self.clocks.calls(&name, &about),
            Event::ToolResult { .. } => self.clocks.called(),
            Event::TurnEnd(end) => return self.turn_ended(end).await,
            Event::Closed { why } => return self.closed(why).await,
            Event::Speaking
            | Event::Thought { .. }
            | Event::TurnBegan
            | Event::Retry { .. }
            | Event::Model { .. }
            | Event::Refused { .. }
            | Event::Unknown { .. } => {}
        }
        Step::On
    }

    fn begins(&mut self, session: String, model: Option<String>) {
        self.end.session = Some(session.clone());
        self.end.model = model.clone().or(self.end.model.take());
        if std::mem::replace(&mut self.began, true) {
            return;
        }
        let resumed = self.brief.resume.is_some() && self.fresh.is_none();
        let fresh = self.fresh.as_deref().map(|why| cut(why, 200));
        self.note(NoteKind::Began { session: cut(&session, 100), resumed, fresh, model });
    }

    /// It closed before its work was done. A session that cannot be gone on in is begun afresh: the
    /// prompt says everything that there is to know.
    async fn closed(&mut self, why: Option<String>) -> Step {
        let why = why.unwrap_or_else(|| "the session ended before its turn did".into());
        if self.can_begin_afresh() {
            return self.begin_afresh(&why).await;
        }
        match self.interrupted.take() {
            Some((_, reason)) => Step::Over(reason),
            None => Step::Over(over(FailureClass::Retry, &why)),
        }
    }

    fn can_begin_afresh(&self) -> bool {
        self.brief.resume.is_some() && !self.began && self.fresh.is_none() && self.end.turns == 0
    }

    async fn begin_afresh(&mut self, why: &str) -> Step {
        self.fresh = Some(format!("the last session cannot be gone on in: {why}"));
        self.began = false;
        match self.reopen(&self.brief.id.clone()).await {
            Ok(()) => match self.first_turn().await {
                Ok(()) => Step::On,
                Err(why) => Step::Over(over(FailureClass::Retry, &why)),
            },
            Err(why) => Step::Over(over(FailureClass::OtherRuntime, &why)),
        }
    }

    /// Another session in place of this one; what was open is moot.
    async fn reopen(&mut self, id: &str) -> Result<(), String> {
        let _ = self.link.say.send(Say::Close).await;
        self.last_words().await;
        let raw = Raw::open(&self.control, self.brief.output_bytes_max, self.secrets.clone());
        self.link = runtimes::open(&self.brief, id, Begin::Fresh, &self.env, raw)?;
        self.before = self.spent;
        self.turns_open = 0;
        self.tier = ContextTier::Nominal;
        self.asks.forget();
        Ok(())
    }

    async fn asked(&mut self, request: Request) {
        let bounds = Bounds {
            policy: &self.brief.session.policy,
            role: self.brief.session.role.as_ref(),
            cwd: &self.brief.cwd,
            writable: &self.brief.writable,
            read_only: self.brief.read_only,
        };
        let answer = match judge(&bounds, &request) {
            Verdict::Allow => Answer::Allow,
            Verdict::Deny(why) => {
                self.events.add(now(), &Event::Refused { text: format!("{}: {why}", request.name) });
                Answer::Deny(why)
            }
            // The first look has a time limit of the vendor's; the second one waits.
            Verdict::Ask(_) if !request.last => Answer::Later,
            Verdict::Ask(rule) => {
                let ask = self.asks.open(&request, rule, self.brief.session.policy.ask_timeout_ms);
                self.note(NoteKind::Asked(ask));
                return;
            }
        };
        let _ = self.link.say.send(Say::Answer { id: request.id, answer }).await;
    }

    async fn turn_ended(&mut self, end: TurnEnd) -> Step {
        self.turns_open = self.turns_open.saturating_sub(1);
        self.end.turns += end.turns;
        self.end.refused += end.refused;
        self.clocks.progress();
        if let Some((_, reason)) = self.interrupted.take() {
            return Step::Over(reason);
        }
        if (self.handing_over || std::mem::take(&mut self.cut_short)) && self.turns_open > 0 {
            // The turn that was interrupted; what was said for it is still to be answered.
            self.settling = Some((Instant::now(), end));
            return Step::On;
        }
        if let Some(error) = &end.error {
            let too_full = end.stop == StopReason::ContextFull && self.brief.resume.is_some();
            if self.can_begin_afresh() || (too_full && self.fresh.is_none()) {
                return self.begin_afresh(&error.why).await;
            }
            return Step::Over(SessionFailure { class: error.class, why: error.why.clone() });
        }
        match end.stop {
            StopReason::Refusal => return Step::Over(over(FailureClass::Person, "the model will not do it")),
            StopReason::MaxTokens => {
                return Step::Over(over(
                    FailureClass::Retry,
                    "its last message was cut at the model's limit",
                ));
            }
            _ => {}
        }
        if self.handing_over {
            return self.handed(&end.text).await;
        }
        if self.turns_open > 0 {
            self.settling = Some((Instant::now(), end));
            return Step::On;
        }
        if self.hear_people().await {
            return Step::On;
        }
        match answer::keep(&self.brief, &end) {
            Ok(()) => Step::Done,
            Err(why) => Step::Over(over(FailureClass::Retry, &why)),
        }
    }

    /// The end of all turns that were said, if the agent took them together: nothing followed the last end.
    fn settled(&mut self) -> Option<TurnEnd> {
        let (since, _) = self.settling.as_ref()?;
        if since.elapsed() < TOGETHER {
            return None;
        }
        self.turns_open = 0;
        self.settling.take().map(|(_, end)| TurnEnd { turns: 0, refused: 0, ..end })
    }

    async fn filled(&mut self, used: u64, max: u64) {
        let fill = u16::try_from((used.saturating_mul(1000) / max.max(1)).min(1000)).unwrap_or(1000);
        let tier = ContextTier::of(fill);
        if tier <= self.tier {
            return;
        }
        self.tier = tier;
        if tier >= ContextTier::Warning {
            self.note(NoteKind::Context { tier, fill });
        }
        if tier == ContextTier::Emergency && !self.handing_over && self.handed_over < hand_over::MOST {
            self.handing_over = true;
            self.interrupt().await;
            self.say_turn(hand_over::ask_for_summary().to_owned()).await;
        }
    }

    /// The present turn, for another one: what it asked is moot.
    async fn interrupt(&mut self) {
        for note in self.asks.withdraw() {
            self.note(note);
        }
        let _ = self.link.say.send(Say::Interrupt).await;
    }

    /// The summary is there: a fresh session goes on with it.
    async fn handed(&mut self, summary: &str) -> Step {
        if summary.trim().is_empty() {
            return Step::Over(over(FailureClass::Retry, "its context is full, and it left no summary"));
        }
        self.handing_over = false;
        self.handed_over += 1;
        let prompt = match std::fs::read_to_string(&self.brief.prompt) {
            Ok(prompt) => hand_over::prompt(&prompt, summary),
            Err(error) => return Step::Over(over(FailureClass::Retry, &error.to_string())),
        };
        let id = hand_over::id_after(&self.brief.id, self.handed_over);
        if let Err(why) = self.reopen(&id).await {
            return Step::Over(over(FailureClass::Retry, &why));
        }
        self.note(NoteKind::HandedOver { session: id });
        self.say_turn(prompt).await;
        Step::On
    }

    /// What people said meanwhile, and whether its time is up.
    async fn look(&mut self) -> Option<Over> {
        for (id, answer, settled) in self.asks.settle() {
            if let Some(note) = settled {
                self.note(note);
            }
            self.clocks.alive();
            let _ = self.link.say.send(Say::Answer { id, answer }).await;
        }
        self.hear_people().await;
        if let Some((since, reason)) = &self.interrupted {
            return (since.elapsed() > INTERRUPTED).then(|| reason.clone());
        }
        // While it is not sure that another turn began, none is one too many.
        let turns = if self.settling.is_some() { 0 } else { self.end.turns };
        let reached = self.clocks.reached(turns, &self.spent, !self.asks.is_empty())?;
        let why = match &reached {
            Reached::Idle(ms) => format!("no sign of life for {} s (`idle`)", ms / 1000),
            Reached::NoProgress(ms) => format!("no progress for {} s (`no_progress`)", ms / 1000),
            Reached::Turns(turns) => format!("{turns} turns are used up (`max_turns`)"),
            Reached::Tokens(used) => format!("{used} tokens are used up (`max_tokens`)"),
            Reached::Cost(micro) => {
                format!("${}.{:02} are used up (`max_cost`)", micro / 1_000_000, micro % 1_000_000 / 10_000)
            }
        };
        self.interrupted = Some((Instant::now(), over(FailureClass::Cap, &why)));
        let _ = self.link.say.send(Say::Interrupt).await;
        None
    }

    /// Words of people become turns. True if there was one.
    async fn hear_people(&mut self) -> bool {
        let mut heard = false;
        while let Some(TellKind::Turn { text, interrupts, .. }) =
            control::told(&self.control, &format!("turn/{}", self.next_turn))
        {
            self.note(NoteKind::Heard { what: format!("turn/{}", self.next_turn) });
            self.next_turn += 1;
            heard = true;
            if interrupts && self.turns_open > 0 {
                self.cut_short = true;
                self.interrupt().await;
            }
            self.say_turn(format!("A person who follows your work says:\n\n{text}")).await;
        }
        heard
    }

    /// What is still under way when it is told to close.
    async fn last_words(&mut self) {
        let closed = async {
            while let Some(event) = self.link.events.recv().await {
                if let Event::Usage(spent) = &event {
                    self.spent = self.before.plus(spent);
                }
                if let Event::Closed { .. } = event {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(INTERRUPTED, closed).await;
    }

    fn note(&mut self, kind: NoteKind) {
        if let Err(error) = self.notes.add(kind) {
            eprintln!("a note of the session cannot be written: {error}");
        }
    }

    fn note_use(&mut self, last: bool) {
        let (spent, at) = self.noted;
        if spent == self.spent || (!last && at.elapsed() < USED_EVERY) {
            return;
        }
        self.noted = (self.spent, Instant::now());
        self.note(NoteKind::Used(usage(&self.spent)));
    }

    fn write_usage(&self) {
        let _ = std::fs::write(&self.brief.usage, answer::usage_json(&usage(&self.spent)));
    }
}

enum Step {
    On,
    Done,
    Over(Over),
}

fn over(class: FailureClass, why: &str) -> Over {
    SessionFailure { class, why: why.to_owned() }
}

/// For the brain: everything that went in counts as input.
fn usage(spent: &Spent) -> Usage {
    Usage {
        tokens_in: spent.tokens_in.saturating_add(spent.cache_read).saturating_add(spent.cache_write),
        tokens_out: spent.tokens_out,
        micro_usd: spent.micro_usd,
    }
}
