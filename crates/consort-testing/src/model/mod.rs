//! A model server for tests: it speaks the wires of real services on loopback and answers what a
//! scenario says. Agents cannot tell it from a service, and nothing leaves the machine.
//!
//! * [`request`]: what a client asked, the same for every wire.
//! * [`reply`]: what the model is made to answer, faults included.
//! * [`rules`]: scenarios as lists of rules, in code or in JSON.
//! * [`players`]: a scenario in which real agents do the work that the players of a rehearsal would do.
//! * [`trouble`]: rate limits and overload around any scenario.
//!
//! ```no_run
//! use consort_testing::model::{ModelServer, Reply, Rule, Rules};
//! let rule = Rule::prompt("WRITE ")
//!     .reply(Reply::call("@write", serde_json::json!({ "path": "${cwd}/${rest}", "content": "hello\n" })))
//!     .reply(Reply::text("Written."));
//! let server = ModelServer::start(Rules::of([rule]));
//! println!("ANTHROPIC_BASE_URL={}", server.url());
//! ```

mod desks;
mod log;
pub mod players;
pub mod reply;
pub mod request;
pub mod rules;
mod serve;
mod stream;
mod tools;
pub mod trouble;
mod wires;

pub use log::{Outcome, Seen};
pub use reply::{Call, Fault, Reply, Tokens};
pub use request::{Message, ModelRequest, Role, Wire};
pub use rules::{Rule, Rules, When};

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What the model answers.
#[derive(Clone)]
pub enum Scenario {
    /// By rules.
    Rules(Rules),
    /// By code, which may take its time: it runs on a thread of its own.
    Code(Arc<dyn Fn(&ModelRequest) -> Reply + Send + Sync>),
}

impl Scenario {
    /// By code.
    pub fn code(answer: impl Fn(&ModelRequest) -> Reply + Send + Sync + 'static) -> Self {
        Scenario::Code(Arc::new(answer))
    }
}

impl From<Rules> for Scenario {
    fn from(rules: Rules) -> Self {
        Scenario::Rules(rules)
    }
}

/// A running server. It ends, with all its connections, when this is dropped.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<serve::Shared>,
    /// Dropped: the server's thread ends.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl ModelServer {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Panics
    /// The machine gives no port or no thread.
    pub fn start(scenario: impl Into<Scenario>) -> Self {
        Self::start_at(0, scenario).expect("a port and a thread for the model server")
    }

    /// Starts a server on a port of the loopback interface; 0: a free one.
    ///
    /// # Errors
    /// The port is taken, or there is no thread to be had.
    pub fn start_at(port: u16, scenario: impl Into<Scenario>) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(serve::Shared::new(scenario.into()));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let served = shared.clone();
        // A thread of its own, so that it makes no difference whether the caller is in a runtime.
        let thread = std::thread::Builder::new().name("model-server".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = serve::run(listener, served) => {}
                    _ = stopped => {}
                }
            });
            // Streams that hang are not waited for.
            runtime.shutdown_background();
        })?;
        Ok(ModelServer { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// `http://127.0.0.1:<port>`: as it is for Anthropic and Gemini, with `/v1` behind it for OpenAI's wires.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was asked so far, oldest first.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.log.all()
    }

    /// Model requests so far, oldest first, without probes.
    pub fn requests(&self) -> Vec<Arc<ModelRequest>> {
        self.seen().into_iter().filter_map(|seen| seen.request).collect()
    }

    /// Forgets all requests and what was used of the rules.
    pub fn reset(&self) {
        self.shared.reset(None);
    }

    /// Another scenario from now on, with nothing used of it and an empty log.
    pub fn play(&self, scenario: impl Into<Scenario>) {
        self.shared.reset(Some(scenario.into()));
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
