//! Every example ends COMPLETE in rehearsal, and its record holds.

use super::support::World;
use std::path::{Path, PathBuf};

pub(crate) fn examples() -> Vec<(String, PathBuf)> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let entries = std::fs::read_dir(all).unwrap().flatten();
    let files = entries.map(|e| (e.file_name().into_string().unwrap(), e.path().join("workflow.yaml")));
    files.filter(|(_, file)| file.exists()).collect()
}

/// A repository that holds an example, with the files beside it.
pub(crate) fn world(workflow: &Path) -> World {
    let world = World::new(&std::fs::read_to_string(workflow).unwrap());
    let mut folders = vec![workflow.parent().unwrap().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(workflow.parent().unwrap()).unwrap().to_owned();
            match path.is_dir() {
                true => folders.push(path),
                false => world.write(name.to_str().unwrap(), &std::fs::read_to_string(path).unwrap()),
            }
        }
    }
    world.git(&["add", "-A"]);
    world.git(&["commit", "-q", "--allow-empty", "-m", "What stands beside it"]);
    world
}

#[test]
fn all_of_them_run_to_their_ends() {
    let found = examples();
    assert!(found.len() >= 7, "{found:?}");
    for (name, file) in found {
        let world = world(&file);
        let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
        assert_eq!(said.code, 0, "{name}: {}{}", said.stdout, said.stderr);
        let list = world.consort(&["list", "--json"]).json()["runs"].clone();
        let id = list[0]["run"].as_str().unwrap_or_else(|| panic!("{name}: {list}")).to_owned();
        let verified = world.consort(&["verify", &id]);
        assert_eq!(verified.code, 0, "{name}: {}", verified.stdout);
        assert_eq!(world.git(&["status", "--porcelain"]), "", "{name}");
    }
}
