//! Merging a list of tips without a working tree.
//!
//! Tips that branch off the base independently of each other and touch different paths (the
//! normal case, `check` sees to it) are laid over one another in one call; anything else
//! goes through git's own three-way merge, tip by tip.

use super::engine::{Change, Engine, NewCommit, Put, What};
use super::git_words::GitError;
use super::{NAMES_MAX, PlaneError, names};
use consort_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Mutex;

/// A tip whose revision is an object id.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) name: String,
    pub(super) id: String,
}

/// How to make the merge; not a commit yet, so that files can be added to it.
pub(super) struct Merge {
    /// Tips that no other tip contains, in order. What follows applies to the first one's tree.
    pub(super) parents: Vec<String>,
    pub(super) tree: Option<String>,
    pub(super) deletes: Vec<Vec<u8>>,
    pub(super) puts: Vec<Put>,
}

impl Merge {
    fn of(parents: Vec<String>) -> Self {
        Self { parents, tree: None, deletes: Vec::new(), puts: Vec::new() }
    }

    /// Makes the commit; where one tip contains all others it is that tip.
    pub(super) fn commit(
        self,
        engine: &Engine,
        message: String,
        at: Timestamp,
    ) -> Result<String, PlaneError> {
        match &self.parents[..] {
            [one] if self.tree.is_none() && self.puts.is_empty() && self.deletes.is_empty() => {
                Ok(one.clone())
            }
            _ => self.always_commit(engine, message, at),
        }
    }

    /// Makes a new commit even on a single parent.
    pub(super) fn always_commit(
        self,
        engine: &Engine,
        message: String,
        at: Timestamp,
    ) -> Result<String, PlaneError> {
        let Merge { parents, tree, deletes, puts } = self;
        engine.commit(&NewCommit { parents: &parents, tree: tree.as_deref(), deletes, puts, message, at })
    }
}

/// Parents of commits that lie between the run's base and its tips, as far as they are known.
/// Only a memory: git is asked for what is missing.
#[derive(Debug, Default)]
pub(super) struct Ancestry {
    parents: Mutex<HashMap<String, Vec<String>>>,
}

/// How tips lie to each other.
struct Shape {
    /// Indexes of tips that no other tip contains, in order.
    maximal: Vec<usize>,
    /// True if no two of them share a commit that is not also in the base.
    disjoint: bool,
}

impl Ancestry {
    /// Remembers a commit that was just made.
    pub(super) fn learn(&self, commit: &str, parents: &[String]) {
        self.known().insert(commit.to_owned(), parents.to_vec());
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Vec<String>>> {
        self.parents.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Merges the tips; the first one is the base that all others are built on.
    pub(super) fn merge(&self, engine: &Engine, sides: &[Side], at: Timestamp) -> Result<Merge, PlaneError> {
        let mut seen = HashSet::new();
        let sides: Vec<Side> = sides.iter().filter(|s| seen.insert(s.id.clone())).cloned().collect();
        let Some(base) = sides.first() else {
            return Err(PlaneError::Refused("there is nothing to merge: no base was given".into()));
        };
        if sides.len() == 1 {
            return Ok(Merge::of(vec![base.id.clone()]));
        }
        let shape = self.shape(engine, &sides)?;
        let maximal: Vec<&Side> = shape.maximal.iter().map(|i| &sides[*i]).collect();
        let parents: Vec<String> = maximal.iter().map(|side| side.id.clone()).collect();
        if parents.len() == 1 {
            return Ok(Merge::of(parents));
        }
        if shape.disjoint {
            let changes = engine.changes(&base.id, &parents)?;
            if let Some(merge) = overlay(&parents, &changes) {
                return Ok(merge);
            }
        }
        self.fold(engine, &sides, &maximal, parents, at)
    }

    fn shape(&self, engine: &Engine, sides: &[Side]) -> Result<Shape, PlaneError> {
        let mut shape = shape_from(&self.known(), sides);
        if shape.is_none() {
            let stdin: String = sides[1..].iter().map(|s| format!("{}\n", s.id)).collect();
            let call = engine.call("rev-list").args(["--parents", "--stdin"]);
            let done = call.stdin(format!("{stdin}^{}\n", sides[0].id).into_bytes()).run()?;
            for line in String::from_utf8_lossy(&done.stdout).lines() {
                let mut ids = line.split(' ').map(str::to_owned);
                if let Some(commit) = ids.next() {
                    self.known().insert(commit, ids.collect());
                }
            }
            shape = shape_from(&self.known(), sides);
        }
        if let Some(shape) = shape {
            return Ok(shape);
        }
        // Some tip is not built on the base: git knows what to do with that.
        let ids = sides.iter().map(|s| s.id.as_str());
        let done = engine.call("merge-base").arg("--independent").args(ids).run()?;
        let kept: HashSet<String> = done.line().lines().map(str::to_owned).collect();
        let maximal = (0..sides.len()).filter(|i| kept.contains(&sides[*i].id)).collect();
        Ok(Shape { maximal, disjoint: false })
    }

    /// Three-way merges, one after the other. Commits in between are made because git looks for
    /// the common ancestors of commits, not of trees.
    fn fold(
        &self,
        engine: &Engine,
        sides: &[Side],
        maximal: &[&Side],
        parents: Vec<String>,
        at: Timestamp,
    ) -> Result<Merge, PlaneError> {
        let mut merged = maximal[0].id.clone();
        let mut tree = String::new();
        for (i, side) in maximal.iter().enumerate().skip(1) {
            tree = match merge_two(engine, &merged, &side.id)? {
                Ok(tree) => tree,
                Err(paths) => return Err(self.conflict(engine, sides, side, paths)?),
            };
            if i + 1 < maximal.len() {
                merged = engine.commit(&NewCommit {
                    parents: &[merged, side.id.clone()],
                    tree: Some(&tree),
                    deletes: Vec::new(),
                    puts: Vec::new(),
                    message: format!("consort: merge up to {}\n", side.name),
                    at,
                })?;
            }
        }
        Ok(Merge { parents, tree: Some(tree), deletes: Vec::new(), puts: Vec::new() })
    }

    /// Names the earlier side: the first tip that touched one of the paths, is not part of the
    /// new tip anyway, and does not merge with it.
    fn conflict(
        &self,
        engine: &Engine,
        sides: &[Side],
        new: &Side,
        paths: Vec<Vec<u8>>,
    ) -> Result<PlaneError, PlaneError> {
        let until = sides.iter().position(|s| s.id == new.id).unwrap_or(sides.len());
        let inside = ancestors(&self.known(), &new.id, &sides[0].id);
        let earlier: Vec<&Side> = sides[1..until.max(1)].iter().filter(|s| !inside.contains(&s.id)).collect();
        let ids: Vec<String> = earlier.iter().map(|s| s.id.clone()).collect();
        let changes = if ids.is_empty() { Vec::new() } else { engine.changes(&sides[0].id, &ids)? };
        let touches = |change: &Change| paths.iter().any(|path| is_within(path, &change.path));
        let touched = changes.iter().zip(&earlier).filter(|(of_tip, _)| of_tip.iter().any(touches));
        let touched: Vec<&Side> = touched.map(|(_, side)| *side).collect();
        let mut other = touched.first().map_or(&sides[0].name, |side| &side.name);
        // Several touched it: the one that does not merge with the new tip alone is the one.
        for side in touched.iter().filter(|_| touched.len() > 1) {
            if merge_two(engine, &side.id, &new.id)?.is_err() {
                other = &side.name;
                break;
            }
        }
        let shown: BTreeSet<String> = paths.iter().map(|path| names::shown(path)).collect();
        Ok(PlaneError::Conflict {
            between: (other.clone(), new.name.clone()),
            paths: shown.into_iter().take(NAMES_MAX).collect(),
        })
    }
}

/// True if one path is the other or a folder above it, either way round.
fn is_within(a: &[u8], b: &[u8]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    long.strip_prefix(short).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// `None` if parents of some commit on the way down to the base are not known.
fn shape_from(known: &HashMap<String, Vec<String>>, sides: &[Side]) -> Option<Shape> {
    let base = sides[0].id.as_str();
    // Everything that is a proper ancestor of some tip.
    let mut below: HashSet<&str> = HashSet::new();
    let mut open: Vec<&str> = sides.iter().map(|s| s.id.as_str()).filter(|id| *id != base).collect();
    if !open.is_empty() {
        below.insert(base);
    }
    while let Some(id) = open.pop() {
        for parent in known.get(id)? {
            if below.insert(parent) && parent != base {
                open.push(parent);
            }
        }
    }
    let maximal: Vec<usize> = (0..sides.len()).filter(|i| !below.contains(sides[*i].id.as_str())).collect();
    // Who came through a commit first: nobody else may.
    let mut owner: HashMap<&str, usize> = HashMap::new();
    for i in &maximal {
        let mut open: Vec<&str> = Some(sides[*i].id.as_str()).into_iter().filter(|id| *id != base).collect();
        while let Some(id) = open.pop() {
            match owner.insert(id, *i) {
                Some(other) if other == *i => continue,
                Some(_) => return Some(Shape { maximal, disjoint: false }),
                None => {}
            }
            open.extend(known.get(id)?.iter().map(String::as_str).filter(|parent| *parent != base));
        }
    }
    Some(Shape { maximal, disjoint: true })
}

fn ancestors(known: &HashMap<String, Vec<String>>, of: &str, base: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut open = vec![of.to_owned()];
    while let Some(id) = open.pop() {
        for parent in known.get(&id).into_iter().flatten() {
            if parent != base && found.insert(parent.clone()) {
                open.push(parent.clone());
            }
        }
    }
    found
}

/// All changes on one tree, if no two tips say different things about a path, or need it to be a
/// file and a folder at once.
fn overlay(parents: &[String], changes: &[Vec<Change>]) -> Option<Merge> {
    let mut all: BTreeMap<&[u8], &Change> = BTreeMap::new();
    for change in changes.iter().flatten() {
        match all.insert(&change.path, change) {
            Some(other) if other != change => return None,
            _ => {}
        }
    }
    let is_put = |path: &[u8]| all.get(path).is_some_and(|change| !change.is_delete());
    for (path, _) in all.iter().filter(|(_, change)| !change.is_delete()) {
        let slashes = path.iter().enumerate().filter(|(_, b)| **b == b'/');
        if slashes.into_iter().any(|(at, _)| is_put(&path[..at])) {
            return None;
        }
    }
    let mut merge = Merge::of(parents.to_vec());
    // The first tip's own changes are in its tree already.
    for change in changes[1..].iter().flatten() {
        if change.is_delete() {
            merge.deletes.push(change.path.clone());
        } else {
            let what = What::Object(change.object.clone());
            merge.puts.push(Put { mode: change.mode.clone(), path: change.path.clone(), what });
        }
    }
    Some(merge)
}

/// The merged tree, or the paths in conflict.
pub(super) fn merge_two(
    engine: &Engine,
    ours: &str,
    theirs: &str,
) -> Result<Result<String, Vec<Vec<u8>>>, GitError> {
    let call = engine.call("merge-tree").args(["--write-tree", "-z", "--name-only", "--no-messages"]);
    let done = call.args([ours, theirs]).or_code(&[1]).run()?;
    let mut pieces = done.pieces();
    let tree = pieces.next().map(|id| String::from_utf8_lossy(id).trim().to_owned()).unwrap_or_default();
    if done.code == 0 {
        return Ok(Ok(tree));
    }
    // Where a file and a folder meet, git moves the file aside and appends `~` and the commit.
    let aside = |path: &[u8]| {
        let text = String::from_utf8_lossy(path);
        let own = [ours, theirs].iter().find_map(|id| text.strip_suffix(&format!("~{id}")).map(str::len));
        own.map_or(path.to_vec(), |len| path[..len].to_vec())
    };
    Ok(Err(pieces.map(aside).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sides(ids: &[&str]) -> Vec<Side> {
        ids.iter().map(|id| Side { name: id.to_string(), id: id.to_string() }).collect()
    }

    fn known(edges: &[(&str, &[&str])]) -> HashMap<String, Vec<String>> {
        edges.iter().map(|(c, p)| (c.to_string(), p.iter().map(|p| p.to_string()).collect())).collect()
    }

    fn change(path: &str, mode: &str, object: &str) -> Change {
        Change { path: path.into(), mode: mode.into(), object: object.into() }
    }

    #[test]
    fn tips_that_others_contain_are_left_out() {
        let graph = known(&[("a", &["base"]), ("b", &["a"]), ("c", &["base"]), ("d", &["a"])]);
        let shape = shape_from(&graph, &sides(&["base", "a", "b", "c"])).unwrap();
        assert_eq!((shape.maximal, shape.disjoint), (vec![2, 3], true));
        let shape = shape_from(&graph, &sides(&["base", "b", "d"])).unwrap();
        assert_eq!((shape.maximal, shape.disjoint), (vec![1, 2], false), "both are built on a");
        let shape = shape_from(&graph, &sides(&["base"])).unwrap();
        assert_eq!(shape.maximal, vec![0]);
        assert!(shape_from(&graph, &sides(&["base", "unknown"])).is_none());
    }

    #[test]
    fn only_changes_that_do_not_meet_are_laid_over_one_another() {
        let parents = ["one".to_owned(), "two".to_owned()];
        let file = |path| change(path, "100644", "1");
        let gone = |path| change(path, "000000", "0");
        let merge = overlay(&parents, &[vec![file("a")], vec![file("b/c"), gone("d")]]).unwrap();
        assert_eq!((merge.puts.len(), merge.deletes.len()), (1, 1));
        let same = overlay(&parents, &[vec![file("a")], vec![file("a")]]);
        assert!(same.is_some(), "the same change twice is no conflict");
        for (one, two) in [
            (file("a"), change("a", "100644", "2")),
            (file("a"), change("a", "100755", "1")),
            (file("a"), gone("a")),
            (file("a"), file("a/b")),
            (file("a/b/c"), file("a")),
        ] {
            assert!(overlay(&parents, &[vec![one.clone()], vec![two.clone()]]).is_none(), "{one:?} {two:?}");
        }
        assert!(overlay(&parents, &[vec![file("a-b")], vec![file("a/b")]]).is_some());
    }
}
