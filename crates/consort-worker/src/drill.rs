//! Numbered places where a crash is worth trying.

/// Every name that [`site`] is called with, so that a drill can visit each.
pub const SITES: &[&str] = &[
    "store.put.before",
    "store.put.after",
    "journal.create.before",
    "journal.create.after",
    "journal.append.before",
    "journal.append.after",
    "inbox.post.before",
    "inbox.post.after",
    "inbox.done.before",
    "inbox.done.after",
];

/// Marks a place where a drill may end the process. Does nothing outside a drill.
pub fn site(name: &'static str) {
    debug_assert!(SITES.contains(&name), "{name} is not in SITES");
}
