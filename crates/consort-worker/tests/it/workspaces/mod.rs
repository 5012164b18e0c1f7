//! Real git in temporary directories.

mod captures;
mod crashes;
mod gits;
mod hostile;
mod integrations;
mod merges;
mod plain;
mod scene;
mod spaces;
