//! Who is asked, and whose answers count.

use super::Lower;
use crate::definition::decode::{At, List};
use crate::definition::diagnostic::{Diagnostic, Span};
use crate::definition::file_gates::Approval;
use crate::definition::values::Plain;
use crate::plan::{ApprovalAt, People};

/// No list of people is longer.
const PEOPLE_MAX: usize = 50;

/// No name is longer, in characters: as long as names that a command carries.
const NAME_MAX: usize = 80;

impl Lower<'_> {
    /// Who is asked.
    pub(super) fn approval(&mut self, approval: Option<&Approval>) -> Option<ApprovalAt> {
        let Approval(spec) = approval?;
        let by = self.names(&spec.by, &spec.at);
        let who = spec.who.as_ref().map(|at| self.template.text(at));
        if who.is_none() && by.is_empty() && !spec.by.present && !spec.broken {
            self.once(
                Diagnostic::error("approval-of-nobody", "this approval names nobody")
                    .at(spec.at.clone(), "needs `who` or `by`")
                    .help("`who` is a text for people; `by` lists the names whose answer counts"),
            );
        }
        let reason = spec.reason.as_ref().map(|at| self.template.text(at));
        Some(ApprovalAt { who: who.unwrap_or_else(|| by.join(" or ")), reason, by })
    }

    /// Whose answers count in the whole workflow.
    pub(super) fn people(&mut self) -> People {
        let Some(approvals) = self.file.approvals.as_ref() else { return People::default() };
        People {
            by: self.names(&approvals.by, &approvals.at),
            overrides: self.names(&approvals.overrides, &approvals.at),
            integration: self.names(&approvals.integration, &approvals.at),
        }
    }

    /// Each name once. A list that is there and empty would let nobody answer, or everybody: it is
    /// refused rather than guessed at.
    fn names(&mut self, list: &List<At<Plain>>, of: &Span) -> Vec<String> {
        if list.present && list.items.is_empty() && !list.broken {
            self.once(
                Diagnostic::error("nobody-may-answer", "a list of people is empty")
                    .at(of.clone(), "in here")
                    .help("name who may answer, or leave the key out: then anyone may"),
            );
        }
        if let Some(first) = list.items.get(PEOPLE_MAX) {
            self.once(
                Diagnostic::error("out-of-range", format!("more than {PEOPLE_MAX} people may answer"))
                    .at(first.span.clone(), "one too many"),
            );
        }
        let mut names: Vec<String> = Vec::new();
        for at in &list.items {
            let name = self.template.text(at);
            let long = name.chars().count() > NAME_MAX;
            if long || name.contains(['(', ')', '\n', '\t']) {
                self.once(
                    Diagnostic::error("wrong-value", format!("`{}` is not a name", name.escape_debug()))
                        .at(
                            at.span.clone(),
                            format!(
                                "a name has at most {NAME_MAX} characters, in one line, without brackets"
                            ),
                        )
                        .help("names are user names (`$USER`) or what people say with `--as`"),
                );
            } else if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// What is said for many gates at once is read for each of them: a mistake in it is told once.
    fn once(&mut self, diagnostic: Diagnostic) {
        let same = |d: &Diagnostic| d.code == diagnostic.code && d.labels == diagnostic.labels;
        if !self.diagnostics.iter().any(same) {
            self.report(diagnostic);
        }
    }
}
