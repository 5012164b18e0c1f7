//! What a creator writes, as Markdown. A function of the request, the texts of its inputs and
//! the last version: no time, process, machine path or number of an attempt goes in.

use super::room::{Room, Source, clean};
use super::strength::Strength;
use super::sums;
use crate::agents::request::{InputKind, OpenFinding};
use crate::checks::acknowledgement::{self, HandoffText, finding_ids, handoff_key};
use crate::checks::handoff::{SourceText, parse_handoff};
use crate::checks::markdown::Page;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Sections that every such work has.
pub(super) const SECTIONS: [&str; 4] = ["Summary", "Sources", "Findings", "Limits"];
/// Says in every artifact what it is.
pub(super) const NOTICE: &str =
    "> REHEARSAL: a player wrote this without a model. Nothing in it is a result.";

/// What the work has: in a first draft little; later what the last version had and what findings
/// ask for. Where nobody asks for anything that a player understands, everything. What checks
/// found wrong needs no strength: each version is written anew in its whole form.
pub(super) fn strengths(room: &Room, last: Option<&str>) -> BTreeSet<Strength> {
    let Some(last) = last else { return BTreeSet::from(Strength::FIRST_DRAFT) };
    let page = Page::read(last);
    let mut all: BTreeSet<_> = Strength::ALL.into_iter().filter(|s| s.shows_in(&page, last)).collect();
    let findings = &room.request.open_findings;
    let asked = |s: &Strength| findings.iter().any(|f| f.remedy.contains(s.about().remedy));
    let asked: Vec<Strength> = Strength::ALL.into_iter().filter(asked).collect();
    // Whoever is told that it will not do yet does all that it can.
    if room.request.problems.iter().any(|p| p.check == "criterion" && p.text.starts_with("`until`")) {
        all.extend(Strength::ALL);
    }
    if !asked.is_empty() {
        all.extend(asked);
    } else if !findings.is_empty() || room.request.problems.is_empty() {
        all.extend(Strength::ALL);
    }
    all
}

/// Writes the work.
pub(super) fn write(room: &Room, has: &BTreeSet<Strength>, last: Option<&str>, acknowledges: bool) -> String {
    let mut w = Writer { room, has, text: String::new() };
    w.opening();
    w.sources();
    match room.request.handoff.is_some() {
        true => w.handoff_findings(),
        false => w.findings(),
    }
    w.comparison();
    w.criteria();
    w.arguments();
    if acknowledges {
        w.acknowledgement();
    }
    w.responses(last);
    w.demanded();
    w.limits();
    w.text
}

struct Writer<'a> {
    room: &'a Room,
    has: &'a BTreeSet<Strength>,
    text: String,
}

impl Writer<'_> {
    fn line(&mut self, text: impl AsRef<str>) {
        self.text.push_str(text.as_ref());
        self.text.push('\n');
    }

    fn section(&mut self, title: &str) {
        let _ = write!(self.text, "\n## {title}\n\n");
    }

    /// ` [2]` if this work cites its sources.
    fn cite(&self, number: usize) -> String {
        if self.has.contains(&Strength::Evidence) { format!(" [{number}]") } else { String::new() }
    }

    fn opening(&mut self) {
        let task = &self.room.request.task;
        let keys = &self.room.request.form.front_matter;
        if !keys.is_empty() {
            self.line("---");
            keys.iter().for_each(|key| self.line(format!("{key}: rehearsal")));
            self.line("---\n");
        }
        let topics = topics(&task.text);
        let first = topics.first().cloned().unwrap_or_else(|| task.produces.clone());
        self.line(format!("# {}: {first}", clean(&task.role, 60)));
        self.line("");
        self.line(NOTICE);
        self.section("Summary");
        self.line(format!("Part of: {}.", clean(&task.workflow, 120)));
        self.line(format!(
            "It treats {} points of the task with {} inputs.",
            topics.len().max(1),
            self.room.sources.len()
        ));
        if let Some(handoff) = &self.room.request.handoff {
            let (from, to) = (clean(&handoff.from, 60), clean(&handoff.to, 60));
            self.line(format!(
                "It carries findings from {from} to {to} over {}.",
                clean(&handoff.barrier, 60)
            ));
        }
        for level in &self.room.request.levels {
            let audience =
                level.audience.as_deref().map(|a| format!(": {}", clean(a, 60))).unwrap_or_default();
            self.section(&format!("{}{audience}", level.id));
            let said = match level.id.as_str() {
                "L0" => {
                    "In short: the points below are treated, and what follows stands under the last headings."
                }
                "L1" => "For those who build: each point names where it comes from.",
                _ => "For those who go on with it: sources, counts and answers stand in the tables.",
            };
            self.line(said);
        }
    }

    /// Sections that this work must have and that no player writes by itself.
    fn demanded(&mut self) {
        for title in &self.room.request.form.sections {
            if !Page::read(&self.text).headings.iter().any(|h| h.text.starts_with(title.as_str())) {
                self.section(title);
                self.line("A player has nothing to say here; an agent would.");
            }
        }
    }

    fn sources(&mut self) {
        self.section("Sources");
        self.line("| No | Source | Lines | Headings |");
        self.line("|---|---|---|---|");
        let task = &self.room.request.task.text;
        let mut rows = vec![("the task itself".to_owned(), task.lines().count(), 0)];
        for source in &self.room.sources {
            let text = source.text.as_deref().unwrap_or_default();
            rows.push((
                format!("`{}`", source.path.replace('|', "\\|")),
                text.lines().count(),
                Page::read(text).headings.len(),
            ));
        }
        for (at, (name, lines, headings)) in rows.iter().enumerate() {
            self.line(format!("| {} | {name} | {lines} | {headings} |", at + 1));
        }
        let lines: usize = rows.iter().map(|r| r.1).sum();
        let headings: usize = rows.iter().map(|r| r.2).sum();
        self.line(format!("| | Total | {lines} | {headings} |"));
        for name in &self.room.request.declared {
            self.line(format!("\nNot seen, declared by a person: {}.", clean(name, 120)));
        }
    }

    fn findings(&mut self) {
        self.section("Findings");
        for topic in topics(&self.room.request.task.text) {
            self.line(format!("- Asked for: {topic}.{}", self.cite(1)));
        }
        for (at, source) in self.room.sources.iter().enumerate() {
            for point in points(source).into_iter().take(4) {
                self.line(format!("- {point}.{}", self.cite(at + 2)));
            }
        }
    }

    /// Numbered findings from the sources, and which of them treats what was expected.
    fn handoff_findings(&mut self) {
        let Some(handoff) = &self.room.request.handoff else { return };
        let mut found: Vec<(String, usize)> = Vec::new();
        for (at, source) in self.room.sources.iter().enumerate() {
            found.extend(points(source).into_iter().take(4).map(|p| (p, at + 2)));
        }
        if found.is_empty() {
            let first = if self.room.sources.is_empty() { 1 } else { 2 };
            found.push(("The source gives nothing that could be carried over".into(), first));
        }
        self.section("Findings");
        for (at, (point, source)) in found.iter().enumerate() {
            let cite = self.cite(*source);
            self.line(format!("### F-{:03}: {point}\n", at + 1));
            self.line(format!("As its source says.{cite}\n"));
            if let Some(source) = source.checked_sub(2).map(|at| &self.room.sources[at]) {
                let line = line_of(source, point);
                self.line(format!("Source: `{}:{line}`\n", source.path));
            }
        }
        self.text.truncate(self.text.trim_end().len());
        self.text.push('\n');
        self.section("Key content");
        self.line("| Content | Findings |");
        self.line("|---|---|");
        for (at, item) in handoff.key_content.iter().enumerate() {
            let item = item.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
            // Findings are dealt out to the items; an item that gets none shares one.
            let dealt = (0..found.len()).filter(|f| f % handoff.key_content.len() == at);
            let mut ids: Vec<String> = dealt.map(|f| format!("F-{:03}", f + 1)).collect();
            if ids.is_empty() {
                ids.push(format!("F-{:03}", at % found.len() + 1));
            }
            self.line(format!("| {item} | {} |", ids.join(", ")));
        }
        self.section("Confidence");
        self.line("0.5: a player carries words over and weighs nothing");
        self.section("Blockers");
        self.line("None.");
    }

    fn comparison(&mut self) {
        let weights = sums::weights(&self.room.request.task.text);
        if !weights.is_empty() {
            self.section("Weighted comparison");
            let safe: Vec<(String, u64)> = weights.into_iter().map(|(n, w)| (clean(&n, 60), w)).collect();
            self.text.push_str(&sums::comparison(&safe));
        }
    }

    fn criteria(&mut self) {
        if self.room.request.criteria.is_empty() {
            return;
        }
        self.section("Criteria");
        self.line("| No | Criterion | Where |");
        self.line("|---|---|---|");
        for (at, criterion) in self.room.request.criteria.iter().enumerate() {
            self.line(format!("| {} | {} | Findings |", at + 1, clean(&criterion.name, 120)));
        }
    }

    fn arguments(&mut self) {
        let kind = Strength::of_kind(&self.room.request.task.produces);
        let has = |s: Strength| kind.contains(&s) && self.has.contains(&s);
        let [method, objections, risks, assumptions, steps] = [
            has(Strength::Method),
            has(Strength::Objections),
            has(Strength::Risks),
            has(Strength::Assumptions),
            has(Strength::Steps),
        ];
        if method {
            self.section("Method");
            self.line("1. Read the task and split it into points.");
            self.line("2. Read each input and note what it says to a point.");
            self.line("3. Count, compare and cite, so that each statement can be checked.");
        }
        if objections {
            self.section("Objections");
            self.line("- The inputs might be wrong: each statement names its source, so that it falls with it alone.");
            self.line("- A player cannot think: true, and the notice at the head says so.");
        }
        if risks {
            self.section("Risks");
            self.line("| Risk | Mitigation |\n|---|---|");
            self.line("| A rehearsal is taken for a result | The notice at the head of every artifact |");
            self.line("| An input changes later | Hashes of inputs are kept by the engine |");
        }
        if assumptions {
            self.section("Assumptions");
            self.line("- The inputs are those that were accepted. If not, the engine refuses the candidate.");
            self.line("- The task names its points. If not, the first finding stands for all of it.");
        }
        if steps {
            self.section("Next steps");
            self.line("| Step | Owner | Done when |\n|---|---|---|");
            self.line("| Run the workflow with real agents | whoever runs it | the artifact has no notice |");
            self.line("| Compare both runs | whoever decides | the differences are written down |");
        }
    }

    fn acknowledgement(&mut self) {
        let handoffs = handoffs(self.room);
        if handoffs.is_empty() {
            return;
        }
        self.section(acknowledgement::SECTION);
        self.line("| Finding | Verdict | Where or why |");
        self.line("|---|---|---|");
        for handoff in handoffs {
            let ids = finding_ids(&handoff);
            for (at, id) in ids.iter().enumerate() {
                match ids.len() >= 4 && at + 1 == ids.len() {
                    true => self.line(format!("| {id} | declined | outside what this task was asked for |")),
                    false => self.line(format!("| {id} | used | Findings |")),
                }
            }
        }
    }

    /// One row per finding that was ever answered: those of the last version, then the open ones.
    fn responses(&mut self, last: Option<&str>) {
        let kind = &self.room.request.task.produces;
        let mut rows = last.map(|text| responses(&Page::read(text))).unwrap_or_default();
        for finding in &self.room.request.open_findings {
            let row = (finding.id.clone(), excerpt(finding), answered_in(finding, kind).to_owned());
            if !rows.iter().any(|(id, says, _)| *id == row.0 && *says == row.1) {
                rows.push(row);
            }
        }
        if rows.is_empty() {
            return;
        }
        self.section("Responses to findings");
        self.line("| Finding | What it says | Where it is answered |");
        self.line("|---|---|---|");
        for (id, says, heading) in rows {
            self.line(format!("| {id} | {says} | {heading} |"));
        }
    }

    fn limits(&mut self) {
        self.section("Limits");
        self.line("This shows that the workflow runs. It does not show what an agent would find out.");
        if !self.has.contains(&Strength::Tidy) {
            self.line("");
            self.line("TBD: look over this text once more.");
        }
        for said in &self.room.request.guidance {
            self.line(format!("\nA person said, and it was heeded: {}.", clean(said, 200)));
        }
    }
}

/// Handoffs among the inputs that are there.
pub(super) fn handoffs(room: &Room) -> Vec<HandoffText<'_>> {
    let handoffs = room.sources.iter().filter(|s| s.kind == InputKind::Handoff);
    handoffs.filter_map(|s| Some(HandoffText { path: &s.path, text: s.text.as_deref()? })).collect()
}

/// Inputs that are there and that a handoff cites.
pub(super) fn citable(room: &Room) -> Vec<SourceText<'_>> {
    let others = room.sources.iter().filter(|s| s.kind == InputKind::Artifact);
    others.filter_map(|s| Some(SourceText { path: &s.path, text: s.text.as_deref()? })).collect()
}

/// The rows of the table of responses: id, excerpt, heading.
pub(super) fn responses(page: &Page) -> Vec<(String, String, String)> {
    let rows =
        page.section("Responses to findings").into_iter().flat_map(|s| s.tables().flat_map(|t| &t.rows));
    rows.filter(|r| r.len() >= 3).map(|r| (r[0].text.clone(), r[1].text.clone(), r[2].text.clone())).collect()
}

/// A finding's claim as it stands in the table.
pub(super) fn excerpt(finding: &OpenFinding) -> String {
    clean(&finding.claim, 100)
}

/// Where a player answers a finding: under the heading of what it asks for, where this kind of
/// work has it.
pub(super) fn answered_in(finding: &OpenFinding, kind: &str) -> &'static str {
    let mut asked = Strength::of_kind(kind).iter().map(|s| s.about());
    asked.find(|about| finding.remedy.contains(about.remedy)).map_or("Limits", |about| about.heading)
}

/// Points of a task: its sentences and enumerations, at most eight.
fn topics(text: &str) -> Vec<String> {
    let parts = text.split([';', '\n', '(', ')', ',', ':', '+']).flat_map(|p| p.split(". "));
    let named = |p: &String| p.chars().filter(|c| c.is_alphabetic()).count() >= 3;
    parts.map(|p| clean(p.trim_end_matches('.'), 80)).filter(named).take(8).collect()
}

/// The first line of an input that holds this point, else its first line with something on it.
fn line_of(source: &Source, point: &str) -> usize {
    let lines: Vec<&str> = source.text.iter().flat_map(|text| text.lines()).collect();
    let holds = |line: &&str| clean(line, usize::MAX).contains(point);
    let at = lines.iter().position(holds).or_else(|| lines.iter().position(|line| !line.trim().is_empty()));
    at.map_or(1, |at| at + 1)
}

/// What an input says, in phrases: a handoff's findings, an artifact's findings, else headings.
fn points(source: &Source) -> Vec<String> {
    let Some(text) = &source.text else { return Vec::new() };
    if source.kind == InputKind::Handoff {
        let key = handoff_key(&source.path).unwrap_or_default();
        let findings = parse_handoff(text).findings.into_iter();
        return findings.map(|f| clean(&format!("{key}/{}: {}", f.id, f.title), 120)).collect();
    }
    let page = Page::read(text);
    let strip = |text: &str| {
        let text = text.rsplit_once(" [").map_or(text, |(before, _)| before);
        let text = text.strip_prefix("Asked for: ").unwrap_or(text);
        clean(text.trim_end_matches('.'), 80)
    };
    let listed = page.section("Findings").into_iter().flat_map(|s| s.items().map(|i| strip(&i.text)));
    let mut all: Vec<String> = listed.filter(|p| !p.is_empty()).collect();
    if all.is_empty() {
        let heads = page.headings.iter().map(|h| clean(&format!("It treats {}", h.text), 80));
        all.extend(heads);
    }
    all
}
