//! Every example ends COMPLETE in rehearsal, and its record holds.

use super::support::World;
use std::path::{Path, PathBuf};

pub(crate) fn examples() -> Vec<(String, PathBuf)> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let entries = std::fs::read_dir(all).unwrap().flatten();
    let files = entries.map(|e| (e.file_name().into_string().unwrap(), e.path().join("workflow.yaml")));
    files.filter(|(_, file)| file.exists()).collect()
}

#[test]
fn all_of_them_run_to_their_ends() {
    let found = examples();
    assert!(found.len() >= 5, "{found:?}");
    for (name, file) in found {
        let world = World::new(&std::fs::read_to_string(file).unwrap());
        let said = world.consort(&["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
        assert_eq!(said.code, 0, "{name}: {}{}", said.stdout, said.stderr);
        let list = world.consort(&["list", "--json"]).json();
        let id = list[0]["run"].as_str().unwrap_or_else(|| panic!("{name}: {list}")).to_owned();
        let verified = world.consort(&["verify", &id]);
        assert_eq!(verified.code, 0, "{name}: {}", verified.stdout);
        assert_eq!(world.git(&["status", "--porcelain"]), "", "{name}");
    }
}
