//! What the engine puts into a checkpoint so that the run can go on from it elsewhere.

use super::objects::pack;
use super::{OBJECTS_FILE, RESUME_FILE};
use crate::store::Store;
use crate::workspace::stored_by;
use consort_core::ids::{CheckpointId, ContentHash, RunId};
use consort_core::run::{ResumePoint, State, resume_point};
use std::collections::{BTreeMap, BTreeSet};

/// Stored content of one checkpoint, in bytes: it is in every one of them.
pub const OBJECTS_BYTES_MAX: usize = 32 << 20;

/// The two files, beside `files`: none where a run works in plain directories, which nobody else can reach.
///
/// # Errors
/// The plan is not in the store, or something cannot be written as JSON.
pub fn carried(
    state: &State,
    head: &str,
    base_path: &str,
    files: &[(String, Vec<u8>)],
    store: &Store,
) -> Result<Vec<(String, Vec<u8>)>, String> {
    let Some(mut point) = resume_point(state, head).filter(|point| point.base.is_some()) else {
        return Ok(Vec::new());
    };
    let objects = gathered(&mut point, store)?;
    point.objects = objects.keys().cloned().collect();
    let packed = pack(objects.iter().map(|(hash, bytes)| (hash, bytes.as_slice())));
    let packed = (format!("{base_path}/{OBJECTS_FILE}"), packed);
    let hashed = files.iter().chain([&packed]).map(|(path, bytes)| (path.clone(), Store::hash_of(bytes)));
    point.files = hashed.collect();
    let json = serde_json::to_vec_pretty(&point).map_err(|e| e.to_string())?;
    Ok(vec![packed, (format!("{base_path}/{RESUME_FILE}"), json)])
}

/// The plan, then work that was done outside git, then answers that reports quote, as long as there is room.
fn gathered(point: &mut ResumePoint, store: &Store) -> Result<BTreeMap<ContentHash, Vec<u8>>, String> {
    let get = |hash: &ContentHash| store.get(hash).map_err(|e| e.to_string());
    let plan = get(&point.plan)?.ok_or_else(|| format!("the plan {} is not in the store", point.plan))?;
    let mut room = OBJECTS_BYTES_MAX.saturating_sub(plan.len());
    let mut objects = BTreeMap::from([(point.plan.clone(), plan)]);
    let mut left_out = BTreeSet::new();
    let source = point.source.as_ref().map(get).transpose()?.flatten();
    if let Some((hash, bytes)) = point.source.clone().zip(source) {
        room = room.saturating_sub(bytes.len());
        objects.insert(hash, bytes);
    }
    let revisions = point.tasks.values().filter_map(|it| it.candidate.as_ref()).map(|it| &it.revision);
    for revision in revisions.filter(|revision| revision.is_plain()) {
        for hash in stored_by(store, revision).unwrap_or_default() {
            match get(&hash)?.filter(|bytes| bytes.len() <= room) {
                _ if objects.contains_key(&hash) => {}
                Some(bytes) => {
                    room -= bytes.len();
                    objects.insert(hash, bytes);
                }
                None => drop(left_out.insert(hash)),
            }
        }
    }
    // Without an answer a report lacks it, and nothing else.
    for hash in point.answers() {
        let bytes = get(&hash).ok().flatten().filter(|bytes| bytes.len() <= room);
        if let Some(bytes) = bytes.filter(|_| !objects.contains_key(&hash)) {
            room -= bytes.len();
            objects.insert(hash, bytes);
        }
    }
    point.left_out = left_out.into_iter().collect();
    Ok(objects)
}

/// What a checkpoint's commit says of itself: the number and the hash of the record that prepared it, and which view
/// rendered its files.
pub fn checkpoint_message(
    run: &RunId,
    id: &CheckpointId,
    (record, head): (u64, &str),
    view: &str,
    resume: &str,
) -> String {
    format!(
        "{id} of {run}\n\nConsort-Run: {run}\nConsort-Checkpoint: {id}\nConsort-Record: {record}\nConsort-Journal: {head}\nConsort-View: {view}\n{resume}"
    )
}

/// The line of a checkpoint's message that binds its files; none where there are no such files.
pub fn resume_line(files: &[(String, Vec<u8>)]) -> String {
    let end = format!("/{RESUME_FILE}");
    let own = files.iter().find(|(path, _)| path.ends_with(&end));
    own.map(|(path, bytes)| format!("Consort-Resume: {} {path}\n", Store::hash_of(bytes))).unwrap_or_default()
}
