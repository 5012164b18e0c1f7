//! A desk of an attempt, as hands lay it out, in a state directory of the test's own.

use consort_core::ids::AttemptId;
use consort_core::plan::Form;
use consort_worker::agents::prompt;
use consort_worker::agents::request::*;
use consort_worker::dirs::RunDirs;
use std::path::{Path, PathBuf};

pub(super) struct Scene {
    root: tempfile::TempDir,
    pub(super) dirs: RunDirs,
}

/// What an attempt is handed.
pub(super) struct Handed {
    pub(super) prompt: String,
    pub(super) cwd: PathBuf,
    pub(super) desk: PathBuf,
}

impl Scene {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("consort/repository/run-1");
        let dirs = RunDirs { run: root.path().join("run"), store: root.path().join("store"), state };
        Scene { root, dirs }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.root.path().to_owned()
    }

    /// Lays out a request of an attempt such as `writer/1.1.1/create`.
    pub(super) fn hand(&self, attempt: &str, request: Request) -> Handed {
        let attempt: AttemptId = attempt.parse().unwrap();
        let desk = self.dirs.desk(&attempt);
        let cwd = match attempt.step.is_creator() {
            true => self.dirs.workspace(&attempt.task, attempt.generation),
            false => self.dirs.export(&attempt),
        };
        for dir in [&desk, &cwd, &self.dirs.attempt(&attempt)] {
            std::fs::create_dir_all(dir).unwrap();
        }
        let mut request = request;
        request.scratch = desk.join("tmp").display().to_string();
        if let Some(answer) = &mut request.answer {
            answer.path = desk.join("answer.json").display().to_string();
        }
        let prompt = prompt::render(&request);
        std::fs::write(desk.join("request.json"), request.to_json()).unwrap();
        std::fs::write(desk.join("prompt.md"), &prompt).unwrap();
        Handed { prompt, cwd, desk }
    }
}

pub(super) fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// To create `docs/note.md`.
pub(super) fn create() -> Request {
    Request {
        version: REQUEST_VERSION,
        purpose: Purpose::Create,
        task: TaskBrief {
            workflow: "A note".into(),
            question: None,
            id: Some("writer".into()),
            role: "researcher".into(),
            text: "Write a note.".into(),
            produces: "document".into(),
        },
        inputs: Vec::new(),
        declared: Vec::new(),
        candidate: Vec::new(),
        outputs: Outputs { paths: vec!["docs/note.md".into()], writes: Vec::new() },
        levels: Vec::new(),
        form: Form::default(),
        role: None,
        item: None,
        list: None,
        template: None,
        criteria: Vec::new(),
        handoff: None,
        open_findings: Vec::new(),
        problems: Vec::new(),
        guidance: Vec::new(),
        refused: None,
        constraints: Vec::new(),
        answer: None,
        scratch: String::new(),
    }
}

/// To revise it.
pub(super) fn revise() -> Request {
    Request {
        candidate: vec![RequestFile { path: "docs/note.md".into(), sha256: None }],
        open_findings: vec![OpenFinding {
            id: "DA-001".into(),
            strategy: "S-002".into(),
            severity: "major".into(),
            location: "Risks".into(),
            claim: "Risks: nothing is said about them.".into(),
            quote: String::new(),
            remedy: "Name them.".into(),
            response: None,
        }],
        ..create()
    }
}

fn strategy(id: &str, prefix: &str) -> StrategyBrief {
    let text = |t: &str| t.to_owned();
    StrategyBrief {
        id: text(id),
        name: text("By the book"),
        purpose: text("Look at it."),
        prefix: text(prefix),
        protocol: vec![text("Read it.")],
        severity: Vec::new(),
    }
}

/// A JSON answer, as a value that tolerates new keys of its form.
fn answer() -> AnswerBrief {
    serde_json::from_value(serde_json::json!({
        "path": "", "nonce": "0123456789abcdef",
        "dimensions": [{ "id": "completeness", "name": "Completeness", "about": null, "rubric": ["a", "b", "c", "d"] }],
    }))
    .unwrap()
}

/// The creator's own look at it.
pub(super) fn look_over() -> Request {
    let purpose = Purpose::SelfReview { strategy: strategy("S-010", "SR") };
    Request { purpose, answer: Some(answer()), ..revise() }
}

/// A critic's.
pub(super) fn review() -> Request {
    Request {
        purpose: Purpose::Review { strategy: strategy("S-002", "DA") },
        candidate: vec![RequestFile { path: "candidate.md".into(), sha256: None }],
        outputs: Outputs { paths: Vec::new(), writes: Vec::new() },
        answer: Some(answer()),
        ..create()
    }
}

/// A judge's.
pub(super) fn judge() -> Request {
    Request { purpose: Purpose::Judge { strategy: strategy("S-014", "LJ") }, ..review() }
}
