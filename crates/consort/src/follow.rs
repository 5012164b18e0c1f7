//! Follows a run that this process drives: a frame that is drawn again in place on a terminal,
//! plain lines in a pipe; and asks what the run wants to know, if a person is there.

use crate::ask::{Act, Form};
use crate::out::Out;
use crate::screen::Screen;
use crate::terminal::{self, Keys};
use consort_core::ids::RunId;
use consort_core::run::{Command, Event, State};
use consort_core::time::Timestamp;
use consort_core::view::model::{ApprovalView, RunView, run_view};
use consort_core::view::{approvals, live, task_text};
use consort_local::host::{Commander, Observer};
use consort_worker::processes::leave_terminal;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// A frame is drawn at least this often, for the times in it.
const TICK: Duration = Duration::from_millis(250);
/// Keys are looked at this often.
const KEYS: Duration = Duration::from_millis(100);

/// The person's clock, for times on the screen.
pub(crate) fn now() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_millisecond())
}

/// What the run's loop and the screen share.
#[derive(Default)]
struct Shared {
    news: Mutex<News>,
    woken: Condvar,
    /// The terminal is gone: plain lines go to the log from now on, and nobody is asked here.
    gone: AtomicBool,
}

#[derive(Default)]
struct News {
    view: Option<Arc<RunView>>,
    /// Rises with every view.
    number: u64,
    /// Agents that the run waits for before it ends, after a signal.
    ending: Option<usize>,
    done: bool,
}

impl Shared {
    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives a command to the run, and says why it was not taken, if it was not.
pub(crate) type Order = Box<dyn Fn(Command) -> Result<(), String> + Send>;

/// Who answers, and how the answers reach the run.
pub(crate) struct Asking {
    /// The person's name.
    pub by: String,
    /// To the run: one that this process drives is told that nobody is here when this is dropped.
    pub order: Order,
}

impl Asking {
    /// For a run that this process drives, by the loop that this runtime carries.
    pub(crate) fn here(by: String, commander: Commander, runtime: Handle) -> Self {
        let name = by.clone();
        let order = move |command| {
            let given = runtime.block_on(commander.order(&name, "terminal", command));
            given.map_or(Ok(()), |taken| taken.map_err(|refusal| refusal.to_string()))
        };
        Self { by, order: Box::new(order) }
    }
}

/// A screen or a stream of lines that follows one run.
pub(crate) struct Follow {
    out: Out,
    shared: Arc<Shared>,
    drawing: Option<JoinHandle<()>>,
}

impl Follow {
    /// Nothing is shown before [`Follow::begin`].
    pub(crate) fn new(out: Out) -> Self {
        Self { out, shared: Arc::default(), drawing: None }
    }

    /// For the host: told after every flush. `asks`: a person is to be asked.
    pub(crate) fn observer(&self, asks: bool) -> Observer {
        let shared = self.shared.clone();
        // A view is for the screen and for questions; a pipe needs none.
        let views = self.out.redraws || asks;
        let lines = !self.out.redraws && !self.out.quiet;
        let out = self.out;
        let mut pace = Pace::default();
        let mut piped = true;
        let mut said = false;
        let mut in_log = false;
        Box::new(move |state: &State, events: &[Event]| {
            let gone = shared.is_gone();
            if gone && !in_log {
                // What could not be written to a terminal or a pipe can be written there.
                (in_log, piped) = (true, true);
            }
            let lines = lines || in_log;
            if lines && piped {
                let text: String =
                    events.iter().filter_map(|e| live::line(e, state)).map(|l| l + "\n").collect();
                // A reader that went away does not end the run.
                piped = text.is_empty() || out.stream(&text).is_ok();
            }
            let ending = (state.closing && !state.live.is_empty()).then_some(state.live.len());
            if lines && ending.is_some() && !said {
                said = true;
                crate::out::err(&format!("{}\n", ending_text(ending)));
            }
            if let Some(view) = (views && !gone).then(|| pace.build(state)).flatten() {
                let mut news = shared.news();
                news.ending = ending;
                news.view = Some(Arc::new(view));
                news.number += 1;
                drop(news);
                shared.woken.notify_all();
            }
        })
    }

    /// What is to be done when the terminal goes away: the picture ends, and what is said goes to the log in the
    /// run's directory.
    pub(crate) fn leaver(&self, run_dir: PathBuf, run: &RunId) -> impl FnMut() + Send + 'static {
        let (shared, run) = (self.shared.clone(), run.clone());
        move || {
            if shared.gone.swap(true, Ordering::AcqRel) {
                return;
            }
            shared.woken.notify_all();
            // Where no log can be written, nobody would read why.
            let _ = leave_terminal(&run_dir);
            let pid = std::process::id();
            crate::out::err(&format!(
                "{} The terminal is gone: run {run} goes on without it (pid {pid}). Look: consort attach {run}\n",
                now()
            ));
        }
    }

    /// Shows from now on. With `asking`, questions are asked.
    pub(crate) fn begin(&mut self, asking: Option<Asking>) {
        if !self.out.redraws && asking.is_none() {
            return;
        }
        let drawer = Drawer {
            out: self.out,
            shared: self.shared.clone(),
            asking,
            form: Form::default(),
            screen: Screen::default(),
            keys: None,
            stay: Vec::new(),
            asked: None,
        };
        self.drawing = Some(std::thread::spawn(move || drawer.follow()));
    }

    /// Ends with the last frame on the screen and the terminal as it was.
    pub(crate) fn end(mut self, state: Option<&State>) {
        let mut news = self.shared.news();
        if let Some(state) = state {
            news.view = Some(Arc::new(run_view(state)));
        }
        news.done = true;
        drop(news);
        self.shared.woken.notify_all();
        if let Some(drawing) = self.drawing.take() {
            let _ = drawing.join();
        }
        terminal::restore();
    }
}

/// A view costs as much as a plan is large: making one takes at most a tenth of the time.
#[derive(Default)]
struct Pace {
    next: Option<Instant>,
}

impl Pace {
    fn build(&mut self, state: &State) -> Option<RunView> {
        let began = Instant::now();
        let waits = state.open_approvals().next().is_some();
        if self.next.is_some_and(|next| began < next) && !waits && !state.is_over() {
            return None;
        }
        let view = run_view(state);
        self.next = Some(Instant::now() + began.elapsed() * 9);
        Some(view)
    }
}

/// The thread that draws and asks.
struct Drawer {
    out: Out,
    shared: Arc<Shared>,
    asking: Option<Asking>,
    form: Form,
    screen: Screen,
    keys: Option<Keys>,
    /// Lines that are to stay above the frame.
    stay: Vec<String>,
    /// Without a frame: the question that was printed last, as text.
    asked: Option<String>,
}

impl Drawer {
    fn follow(mut self) {
        let mut seen = 0;
        loop {
            let (view, done) = self.wait(&mut seen);
            let Some(view) = view else {
                if done || self.shared.is_gone() {
                    return;
                }
                continue;
            };
            if self.shared.is_gone() {
                return;
            }
            if self.asking.is_some() && !done {
                self.ask(&view);
            }
            if self.draw(&view, done).is_err() {
                // A terminal that is gone: the run is told in a moment, and waits for people until then.
                self.keys = None;
                return self.until_told();
            }
            if done {
                return;
            }
        }
    }

    /// Keeps a place for whoever was asked here, until the run is told what became of the terminal.
    fn until_told(&self) {
        let mut news = self.shared.news();
        while !news.done && !self.shared.is_gone() {
            news = self.shared.woken.wait_timeout(news, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Until there is news, a key, or a reason to draw the times again.
    fn wait(&mut self, seen: &mut u64) -> (Option<Arc<RunView>>, bool) {
        if let Some(keys) = &self.keys {
            let typed = keys.typed(KEYS);
            let news = self.shared.news();
            let (view, done) = (news.view.clone(), news.done);
            *seen = news.number;
            drop(news);
            if let Some(view) = &view {
                typed.into_iter().for_each(|key| self.key(key, view));
            }
            return (view, done);
        }
        let news = self.shared.news();
        let quiet = |news: &mut News| !news.done && news.number == *seen;
        let waited = self.shared.woken.wait_timeout_while(news, TICK, quiet);
        let (news, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *seen = news.number;
        (news.view.clone(), news.done)
    }

    /// Opens the next question, or stops asking where all were put off.
    fn ask(&mut self, view: &RunView) {
        let Some(me) = self.asking.as_ref().map(|asking| asking.by.clone()) else { return };
        self.form.update(view, &me);
        if self.form.nobody_answers(view, &me) {
            // Lets the run end as it does where nobody is there.
            self.asking = None;
        }
        match (self.form.is_open(), &self.keys) {
            (true, None) => self.keys = Keys::open(),
            (false, Some(_)) => self.keys = None,
            _ => {}
        }
    }

    fn key(&mut self, key: char, view: &RunView) {
        match self.form.key(key) {
            Some(Act::Answer(command)) => {
                let Some(asking) = &self.asking else { return };
                if let Err(refusal) = (asking.order)(command) {
                    self.stay.push(format!("{} {refusal}", self.out.stderr.warning("not taken:")));
                    self.form.refused();
                }
            }
            Some(Act::Show(approval)) => {
                let width = terminal::size().0.min(120);
                let text = more_about(&approval, view, width);
                self.stay.push(String::new());
                self.stay.extend(text.lines().map(str::to_owned));
                if let Some(revision) = approval.revision.filter(|r| !r.starts_with("plain:")) {
                    self.stay.push(format!("  all of it: git show {revision}"));
                }
                self.asked = None;
            }
            Some(Act::Later(id)) => {
                let run = &view.id;
                self.stay.push(format!("{id} is left for later: consort approve {run} {id}"));
            }
            None => {}
        }
    }

    fn draw(&mut self, view: &RunView, done: bool) -> io::Result<()> {
        let (columns, rows) = terminal::size();
        if !self.out.redraws {
            self.print_question(view, columns);
            return Ok(());
        }
        let width = columns.min(120);
        let asked = if done { Vec::new() } else { self.form.lines(view, width) };
        let height = rows.saturating_sub(2 + asked.len());
        let color = self.out.stdout.is_on();
        let shown = self.form.without_asked(view);
        let lines = live::screen(&shown, now(), width, height, self.out.unicode, color);
        let mut frame: Vec<String> = lines.iter().map(|line| self.out.stdout.line(line)).collect();
        frame.extend(asked);
        let ending = self.shared.news().ending;
        if ending.is_some() && !done {
            frame.push(self.out.stdout.warning(&ending_text(ending)));
        }
        let stay = std::mem::take(&mut self.stay);
        self.screen.draw(&stay, frame, (columns, rows))
    }

    /// Where lines go to a pipe, the question alone is on the terminal.
    fn print_question(&mut self, view: &RunView, columns: usize) {
        for line in self.stay.drain(..) {
            crate::out::err(&format!("{line}\n"));
        }
        let text = self.form.lines(view, columns.min(120)).join("\n");
        if !text.is_empty() && self.asked.as_ref() != Some(&text) {
            crate::out::err(&format!("{text}\n"));
        }
        self.asked = Some(text);
    }
}

/// The task that a question is about, or the handoffs of its barrier.
fn more_about(approval: &ApprovalView, view: &RunView, width: usize) -> String {
    let barrier = view.barriers.iter().find(|b| b.id == approval.subject);
    let ids: Vec<&str> = match barrier {
        Some(barrier) => barrier.handoffs.iter().map(String::as_str).collect(),
        None => vec![&approval.subject],
    };
    let texts: Vec<String> =
        ids.iter().filter_map(|id| view.task(id)).map(|task| task_text(view, task, now(), width)).collect();
    if texts.is_empty() { approvals::question(approval, view, width) } else { texts.join("\n") }
}

/// What happens after a first signal.
fn ending_text(live: Option<usize>) -> String {
    let agents = match live {
        None | Some(1) => "1 agent that runs".to_owned(),
        Some(n) => format!("{n} agents that run"),
    };
    format!("Ending: waits for {agents}. Ctrl-C once more leaves them to their supervisors.")
}
