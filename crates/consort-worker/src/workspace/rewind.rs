//! Names after a rollback or another plan. What was given up is found under `abandoned/`: nothing is ever lost by going back.

use super::git_plane::GitPlane;
use super::plain::accepted_leaf;
use super::repo::{From, RefMove};
use super::{PlaneError, names};
use crate::drill;
use consort_core::ids::{CheckpointId, Revision, TaskId};
use consort_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What the names are to be.
pub struct Rewind<'a> {
    /// The checkpoint's commit.
    pub to: &'a Revision,
    /// Accepted tasks: their generations and commits.
    pub kept: &'a [(TaskId, u32, Revision)],
    /// Aliases of pipelines, and their latest accepted commit.
    pub labels: &'a [(String, Option<Revision>)],
    /// For the logs of refs.
    pub at: Timestamp,
}

impl GitPlane {
    /// All in one transaction; done twice it changes nothing.
    pub(super) fn rewind(&self, wish: &Rewind<'_>) -> Result<(), PlaneError> {
        let mut moves = self.accepted_names(wish)?;
        moves.extend(self.branches(wish)?);
        drill::site("git.rewind.before");
        if !moves.is_empty() {
            self.repo.move_refs(&moves, None, wish.at, "consort: rollback")?;
        }
        drill::site("git.rewind.after");
        Ok(())
    }

    /// The names of a run that begins with results of another one: `refs/consort/<run>/from` holds what they were taken
    /// from, the rest is as after a rollback.
    pub(super) fn take_over(&self, wish: &Rewind<'_>) -> Result<(), PlaneError> {
        if !wish.to.is_plain() {
            self.id(wish.to)?;
            let name = format!("{}from", self.folder(""));
            match self.repo.ref_value(&name)? {
                Some(value) if value == *wish.to => {}
                Some(value) => {
                    return Err(PlaneError::Refused(format!(
                        "`{name}` is there already, at {value}: give the run another id, or remove that name"
                    )));
                }
                None => {
                    let to = wish.to.clone();
                    let hold = [RefMove { name, to, from: From::Absent }];
                    self.repo.move_refs(&hold, None, wish.at, "consort: fork")?;
                }
            }
        }
        self.rewind(wish)
    }

    /// These accepted commits lie under `abandoned/`, and nowhere else. Done twice it changes nothing.
    pub(super) fn abandon(&self, gone: &[(TaskId, u32, Revision)], at: Timestamp) -> Result<(), PlaneError> {
        let (task, abandoned) = (self.folder("task"), self.folder("abandoned"));
        let found: BTreeMap<String, Revision> =
            self.repo.refs_under(&[&task, &abandoned])?.into_iter().collect();
        let mut moves = Vec::new();
        for (id, generation, _) in gone.iter().filter(|(.., revision)| !revision.is_plain()) {
            let leaf = accepted_leaf(id, *generation);
            if !names::is_ref_leaf(&leaf) {
                return Err(PlaneError::Refused(format!("`{leaf}` cannot be part of a ref name")));
            }
            let (there, away) = (format!("{task}{leaf}"), format!("{abandoned}{leaf}"));
            let Some(value) = found.get(&there).cloned() else { continue };
            if found.get(&away) != Some(&value) {
                let from = found.get(&away).map_or(From::Absent, |now| From::At(now.clone()));
                moves.push(RefMove { name: away, to: value.clone(), from });
            }
            moves.push(RefMove { name: there, to: self.repo.nothing(), from: From::At(value) });
        }
        drill::site("git.abandon.before");
        if !moves.is_empty() {
            self.repo.move_refs(&moves, None, at, "consort: amend")?;
        }
        drill::site("git.abandon.after");
        Ok(())
    }

    /// The names of a run that came here from another clone: its checkpoints as far as they are here, the rest as after
    /// a rollback.
    pub(super) fn go_on(
        &self,
        wish: &Rewind<'_>,
        checkpoints: &[(CheckpointId, Revision)],
    ) -> Result<(), PlaneError> {
        let mut moves = Vec::new();
        for (id, to) in checkpoints {
            if !names::is_checkpoint_id(id.as_str()) {
                return Err(PlaneError::Refused(format!("`{id}` is not a checkpoint id (CP-001)")));
            }
            self.id(to)?;
            let name = format!("{}{id}", self.folder(""));
            match self.repo.ref_value(&name)? {
                Some(value) if value == *to => {}
                Some(value) => {
                    return Err(PlaneError::Refused(format!(
                        "`{name}` is at {value} here, and the run came here with another one ({to}). Look at both, then \
                         remove the wrong name: `git update-ref -d {name}`"
                    )));
                }
                None => moves.push(RefMove { name, to: to.clone(), from: From::Absent }),
            }
        }
        if !moves.is_empty() {
            self.repo.move_refs(&moves, None, wish.at, "consort: resume")?;
        }
        self.rewind(wish)
    }

    /// Exactly the kept ones lie under `task/`, and everything else that was accepted under `abandoned/`.
    fn accepted_names(&self, wish: &Rewind<'_>) -> Result<Vec<RefMove>, PlaneError> {
        let (task, abandoned) = (self.folder("task"), self.folder("abandoned"));
        let found: BTreeMap<String, Revision> =
            self.repo.refs_under(&[&task, &abandoned])?.into_iter().collect();
        let kept = wish.kept.iter().filter(|(.., revision)| !revision.is_plain());
        let kept: BTreeMap<String, &Revision> =
            kept.map(|(task, generation, revision)| (accepted_leaf(task, *generation), revision)).collect();
        let leaves: BTreeSet<&str> = found
            .keys()
            .filter_map(|name| name.strip_prefix(&task).or_else(|| name.strip_prefix(&abandoned)))
            .collect();
        let mut moves = Vec::new();
        let mut set = |name: String, to: Option<&Revision>| {
            let now = found.get(&name);
            if now == to {
                return;
            }
            let from = now.map_or(From::Absent, |now| From::At(now.clone()));
            let to = to.cloned().unwrap_or_else(|| self.repo.nothing());
            moves.push(RefMove { name, to, from });
        };
        for (leaf, revision) in &kept {
            if !names::is_ref_leaf(leaf) {
                return Err(PlaneError::Refused(format!("`{leaf}` cannot be part of a ref name")));
            }
            self.id(revision)?;
            set(format!("{task}{leaf}"), Some(revision));
            set(format!("{abandoned}{leaf}"), None);
        }
        for leaf in leaves.into_iter().filter(|leaf| !kept.contains_key(*leaf)) {
            let (there, away) = (format!("{task}{leaf}"), format!("{abandoned}{leaf}"));
            if let Some(value) = found.get(&there) {
                set(away, Some(value));
                set(there, None);
            }
        }
        Ok(moves)
    }

    /// The run's branch and its pipelines' labels, where nobody has them checked out or moved them on.
    fn branches(&self, wish: &Rewind<'_>) -> Result<Vec<RefMove>, PlaneError> {
        let own = self.repo.refs_under(&[&self.folder("")])?;
        let base = own.iter().find(|(name, _)| *name == self.folder("base").trim_end_matches('/'));
        let ours = |value: &Revision| own.iter().any(|(_, known)| known == value);
        let run = self.run_branch();
        let mut wanted = vec![(run, wish.to.clone())];
        for (alias, latest) in wish.labels.iter().filter(|(alias, _)| names::is_ref_leaf(alias)) {
            let to = latest.as_ref().filter(|to| !to.is_plain()).or(base.map(|(_, base)| base));
            wanted.extend(to.map(|to| (format!("refs/heads/consort/{}/p/{alias}", self.run), to.clone())));
        }
        let mut moves = Vec::new();
        for (name, to) in wanted.into_iter().filter(|(_, to)| !to.is_plain()) {
            let Some(now) = self.repo.ref_value(&name)? else { continue };
            if now != to && ours(&now) && self.repo.checked_out(&name)?.is_empty() {
                moves.push(RefMove { name, to, from: From::At(now) });
            }
        }
        Ok(moves)
    }

    /// With a slash at its end.
    fn folder(&self, kind: &str) -> String {
        match kind {
            "" => format!("refs/consort/{}/", self.run),
            kind => format!("refs/consort/{}/{kind}/", self.run),
        }
    }
}
