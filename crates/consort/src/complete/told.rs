//! What `ORCHESTRATION.yaml` of a run tells of ids, as consort itself writes it: line by line, no more.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// A file that is larger is read so far.
const BYTES_MAX: u64 = 4 << 20;

/// What is told of a run. Ids, each with a word for people.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) status: String,
    pub(super) tasks: Vec<(String, String)>,
    pub(super) approvals: Vec<(String, String)>,
    pub(super) checkpoints: Vec<(String, String)>,
}

/// Nothing where there is no such file, or none that can be read.
pub(super) fn told(run: &Path) -> Told {
    let mut bytes = Vec::new();
    if let Ok(file) = std::fs::File::open(run.join("ORCHESTRATION.yaml")) {
        let _ = file.take(BYTES_MAX).read_to_end(&mut bytes);
    }
    read(&String::from_utf8_lossy(&bytes))
}

/// What the item is that is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    None,
    Task,
    Approval,
    Checkpoint,
}

fn read(text: &str) -> Told {
    let mut told = Told::default();
    // By indentation: the key whose value stands there.
    let mut keys: BTreeMap<usize, &str> = BTreeMap::new();
    let (mut item, mut depth) = (Item::None, 0);
    for line in text.lines() {
        let body = line.trim_start_matches(' ');
        let indent = line.len() - body.len();
        let (is_entry, body) = body.strip_prefix("- ").map_or((false, body), |rest| (true, rest));
        let Some((key, value)) = body.split_once(':') else { continue };
        let value = value.trim().trim_matches('"');
        let under = |n: usize| keys.get(&n).copied().unwrap_or_default();
        if is_entry && key == "id" {
            (item, depth) = (item_of(under(indent)), indent + 2);
            let of = match item {
                Item::None => continue,
                Item::Task => &mut told.tasks,
                Item::Approval => &mut told.approvals,
                Item::Checkpoint => &mut told.checkpoints,
            };
            of.push((value.to_owned(), String::new()));
            continue;
        }
        if !is_entry && indent >= 2 && under(indent - 2) == "tasks" && value.is_empty() {
            // Tasks without a pipeline are named by their keys, under their scores.
            (item, depth) = (Item::None, 0);
            told.tasks.push((key.to_owned(), String::new()));
        } else if item != Item::None && indent == depth {
            about(&mut told, item, key, value);
        } else if indent == 2 && under(0) == "workflow" && key == "status" {
            told.status = value.to_owned();
        }
        if indent < depth {
            item = Item::None;
        }
        if !is_entry {
            keys.retain(|n, _| *n < indent);
            keys.insert(indent, key);
        }
    }
    told.approvals.retain(|(_, question)| !question.is_empty());
    told
}

fn item_of(list: &str) -> Item {
    match list {
        "agents" => Item::Task,
        "approvals" => Item::Approval,
        "checkpoints" => Item::Checkpoint,
        _ => Item::None,
    }
}

/// What people are told of it; of questions only those that are open.
fn about(told: &mut Told, item: Item, key: &str, value: &str) {
    let last = match (item, key) {
        (Item::Task, "status") => told.tasks.last_mut(),
        (Item::Checkpoint, "description") => told.checkpoints.last_mut(),
        (Item::Approval, "subject") => told.approvals.last_mut(),
        (Item::Approval, "state") => {
            if let Some(last) = told.approvals.last_mut().filter(|_| value != "open") {
                last.1.clear();
            }
            return;
        }
        _ => return,
    };
    if let Some(last) = last {
        last.1 = value.chars().take(100).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
workflow:
  id: x-20260220-001
  status: ACTIVE
pipelines:
  a:
    id: a
    status: PENDING
    phases:
    - id: 1
      status: ACTIVE
      agents:
      - id: first
        name: writer
        task: >-
          status: not this one
        status: COMPLETE
        inputs:
        - id: neither
      - id: second
        status: ACTIVE
      artifacts: []
quality:
  phase_scores:
    tasks:
      loose:
        status: PENDING
checkpoints:
- id: CP-001
  description: After phase 1
approvals:
- id: A-001
  subject: PLAN.md
  state: approved
- id: A-002
  subject: \"second\"
  state: open
";

    #[test]
    fn ids_are_read_with_a_word_for_each() {
        let pair = |id: &str, word: &str| (id.to_owned(), word.to_owned());
        let told = read(TEXT);
        assert_eq!(told.status, "ACTIVE");
        let tasks = [pair("first", "COMPLETE"), pair("second", "ACTIVE"), pair("loose", "")];
        assert_eq!(told.tasks, tasks);
        assert_eq!(told.checkpoints, [pair("CP-001", "After phase 1")]);
        assert_eq!(told.approvals, [pair("A-002", "second")], "what is answered is not offered");
    }

    #[test]
    fn rubbish_tells_nothing_and_breaks_nothing() {
        for text in ["", ":", "- id", "- id:", "\u{0}\u{ff}: :", "agents:\n- id: \n  status"] {
            let told = read(text);
            assert!(told.status.is_empty() && told.tasks.len() <= 1, "{text:?}: {told:?}");
        }
        assert_eq!(super::told(Path::new("/nowhere")), Told::default());
    }
}
