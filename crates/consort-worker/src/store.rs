//! Content by its SHA-256: `<store>/abcdef…`. Plans, prompts, answers, records and texts that
//! are too long for an event live here, flushed before the event that names them.
//!
//! One directory for all: a new name costs one flush of it, and folders by the first letters would
//! cost one more each; file systems of today find a name among a million as quickly.
//!
//! Objects are never changed and never deleted by a run. Two processes may put the same
//! content at once: both write the same bytes and one rename wins.

use crate::drill;
use crate::durable;
use consort_core::ids::ContentHash;
use sha2::{Digest as _, Sha256};
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

/// No object is larger than this, in bytes (64 MiB).
pub const OBJECT_BYTES_MAX: u64 = 64 << 20;

/// What can go wrong with stored content.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The bytes on disk are not those that the name promises.
    #[error(
        "stored content {path} is damaged: its bytes have the hash {found}. Restore this file from a \
         backup, or move it away: work that needs it runs again"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What its bytes hash to, or what else it is.
        found: String,
    },
    /// More than [`OBJECT_BYTES_MAX`] bytes.
    #[error("content of {bytes} bytes is too large for the store (at most {OBJECT_BYTES_MAX})")]
    TooLarge {
        /// How many.
        bytes: u64,
    },
    /// Not 64 lower-case hex digits: never turned into a path.
    #[error("`{0}` is not a SHA-256 in lower-case hex")]
    NotAHash(String),
    /// The file system said no.
    #[error("{doing} {path}: {source}")]
    Io {
        /// Such as `cannot write stored content`.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<StoreError> for io::Error {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Io { source, .. } => source.kind(),
            StoreError::Corrupt { .. } => io::ErrorKind::InvalidData,
            StoreError::TooLarge { .. } => io::ErrorKind::FileTooLarge,
            StoreError::NotAHash(_) => io::ErrorKind::InvalidInput,
        };
        io::Error::new(kind, error)
    }
}

/// So many flushes of one call go on side by side.
const FLUSHERS: usize = 4;

/// Files that are flushed, and the names they are to get.
type Staged<'a> = Vec<(tempfile::NamedTempFile, &'a Path)>;

/// The content store of one repository. Calls block: from async code use `spawn_blocking`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// The store in this directory, which is created with the first object.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The name that these bytes have in any store.
    pub fn hash_of(bytes: &[u8]) -> ContentHash {
        ContentHash(hex(&Sha256::digest(bytes)))
    }

    /// Where an object lies or would lie. Refuses what is not a hash: hashes come from files
    /// that someone may have edited.
    pub fn path_of(&self, hash: &ContentHash) -> Result<PathBuf, StoreError> {
        let text = hash.as_str();
        let is_hash = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_hash {
            return Err(StoreError::NotAHash(text.chars().take(80).collect()));
        }
        Ok(self.root.join(text))
    }

    /// Stores bytes. When it returns they survive a power cut.
    pub fn put(&self, bytes: &[u8]) -> Result<ContentHash, StoreError> {
        let mut hashes = self.put_many([bytes])?;
        Ok(hashes.pop().expect("one object gives one hash"))
    }

    /// Stores several objects: one flush per new object, side by side, and one of the directory.
    /// If it fails some of them may be stored, each whole.
    pub fn put_many<'a>(
        &self,
        objects: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Vec<ContentHash>, StoreError> {
        drill::site("store.put.before");
        let mut hashes = Vec::new();
        let mut new = Vec::new();
        for bytes in objects {
            if bytes.len() as u64 > OBJECT_BYTES_MAX {
                return Err(StoreError::TooLarge { bytes: bytes.len() as u64 });
            }
            let hash = Self::hash_of(bytes);
            let path = self.path_of(&hash)?;
            if !is_there(&path, bytes.len() as u64)? {
                new.push((bytes, path));
            }
            hashes.push(hash);
        }
        if hashes.is_empty() {
            return Ok(hashes);
        }
        durable::create_dirs(&self.root).map_err(io_at("cannot create", &self.root))?;
        for (file, path) in self.stage_all(&new)? {
            file.persist(path).map_err(|e| io_at("cannot name stored content", path)(e.error))?;
        }
        // Also where all objects are there: another process may have renamed one and not yet
        // flushed its name. Flushing a clean directory costs nothing.
        durable::sync_dir(&self.root).map_err(io_at("cannot flush", &self.root))?;
        drill::site("store.put.after");
        Ok(hashes)
    }

    /// Flushed files without their names. Flushes that go on side by side share what the file system
    /// does for them.
    fn stage_all<'a>(&self, new: &'a [(&[u8], PathBuf)]) -> Result<Staged<'a>, StoreError> {
        let stage = |(bytes, path): &'a (&[u8], PathBuf)| {
            let file = durable::stage(&self.root, bytes, 0o444);
            let file = file.map_err(io_at("cannot write stored content", path))?;
            Ok((file, path.as_path()))
        };
        if new.len() <= 1 {
            return new.iter().map(stage).collect();
        }
        let stage = &stage;
        std::thread::scope(|scope| {
            let parts = new.chunks(new.len().div_ceil(FLUSHERS));
            let threads: Vec<_> =
                parts.map(|part| scope.spawn(|| part.iter().map(stage).collect())).collect();
            let staged: Result<Vec<Staged<'a>>, StoreError> =
                threads.into_iter().map(|t| t.join().unwrap_or_else(|p| resume_unwind(p))).collect();
            Ok(staged?.into_iter().flatten().collect())
        })
    }

    /// The bytes of an object; `None` if it is not there. Never returns other bytes than
    /// those that were asked for.
    pub fn get(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path_of(hash)?;
        let read = io_at("cannot read stored content", &path);
        // A link or a pipe in the object's place is damage, and must not block us.
        let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
        let file = match OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) if e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                return Err(StoreError::Corrupt { path, found: "of a symbolic link".into() });
            }
            Err(e) => return Err(read(e)),
        };
        let meta = file.metadata().map_err(&read)?;
        if !meta.is_file() || meta.len() > OBJECT_BYTES_MAX {
            let found = format!("of something else ({} bytes, file: {})", meta.len(), meta.is_file());
            return Err(StoreError::Corrupt { path, found });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
        file.take(OBJECT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(&read)?;
        let found = Self::hash_of(&bytes);
        if found != *hash {
            return Err(StoreError::Corrupt { path, found: found.0 });
        }
        Ok(Some(bytes))
    }
}

/// True if an object of this length is there. One of another length is damage that the
/// caller's bytes mend.
fn is_there(path: &Path, bytes: u64) -> Result<bool, StoreError> {
    match std::fs::symlink_metadata(path) {
        Ok(meta) => Ok(meta.is_file() && meta.len() == bytes),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(io_at("cannot look at stored content", path)(e)),
    }
}

fn io_at(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> StoreError + use<> {
    let path = path.to_path_buf();
    move |source| StoreError::Io { doing, path: path.clone(), source }
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().join("a store"));
        (dir, store)
    }

    fn overwrite(path: &Path, bytes: &[u8]) {
        fs::remove_file(path).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn content_comes_back_under_its_hash() {
        let (_dir, store) = store();
        let hash = store.put(b"abc").unwrap();
        assert_eq!(hash.as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(store.get(&hash).unwrap().unwrap(), b"abc");
        assert_eq!(
            store.path_of(&hash).unwrap().strip_prefix(store.root()).unwrap(),
            Path::new("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        );
        assert_eq!(store.get(&Store::hash_of(b"other")).unwrap(), None);
        let empty = store.put(b"").unwrap();
        assert_eq!(store.get(&empty).unwrap().unwrap(), b"");
    }

    #[test]
    fn existing_content_is_left_and_equal_content_in_one_batch_is_fine() {
        use std::os::unix::fs::MetadataExt as _;
        let (_dir, store) = store();
        let hash = store.put(b"same").unwrap();
        let inode = fs::metadata(store.path_of(&hash).unwrap()).unwrap().ino();
        let many = store.put_many([&b"same"[..], b"new", b"new"]).unwrap();
        assert_eq!(many[0], hash);
        assert_eq!(many[1], many[2]);
        assert_eq!(fs::metadata(store.path_of(&hash).unwrap()).unwrap().ino(), inode);
        assert_eq!(store.get(&many[1]).unwrap().unwrap(), b"new");
        assert_eq!(fs::read_dir(store.root()).unwrap().count(), 2);
    }

    #[test]
    fn damage_is_an_error_that_names_the_file_and_is_never_returned() {
        let (_dir, store) = store();
        let hash = store.put(b"precious").unwrap();
        let path = store.path_of(&hash).unwrap();
        for damaged in [&b"Precious"[..], b"", b"precious and more"] {
            overwrite(&path, damaged);
            let error = store.get(&hash).unwrap_err();
            assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
            assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
        }
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(matches!(store.get(&hash).unwrap_err(), StoreError::Corrupt { .. }));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(matches!(store.get(&hash).unwrap_err(), StoreError::Corrupt { .. }));
    }

    #[test]
    fn putting_mends_a_cut_object_and_a_link() {
        let (_dir, store) = store();
        let hash = store.put(b"precious").unwrap();
        let path = store.path_of(&hash).unwrap();
        overwrite(&path, b"prec");
        store.put(b"precious").unwrap();
        assert_eq!(store.get(&hash).unwrap().unwrap(), b"precious");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/nowhere", &path).unwrap();
        store.put(b"precious").unwrap();
        assert_eq!(store.get(&hash).unwrap().unwrap(), b"precious");
    }

    #[test]
    fn what_is_not_a_hash_never_becomes_a_path() {
        let (_dir, store) = store();
        let upper = Store::hash_of(b"x").0.to_uppercase();
        for wrong in ["", "ab", "../../../../etc/passwd", &upper, &"é".repeat(32)] {
            assert!(matches!(store.get(&wrong.into()), Err(StoreError::NotAHash(_))), "{wrong}");
        }
    }

    #[test]
    fn too_large_is_refused_before_anything_is_written() {
        let (_dir, store) = store();
        let bytes = vec![0; usize::try_from(OBJECT_BYTES_MAX).unwrap() + 1];
        assert!(matches!(store.put(&bytes), Err(StoreError::TooLarge { .. })));
        assert!(!store.root().exists());
    }

    #[test]
    fn a_store_that_cannot_be_made_says_where() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("store"), b"a file").unwrap();
        let error = Store::new(dir.path().join("store")).put(b"x").unwrap_err();
        assert!(error.to_string().contains("store"), "{error}");
        let as_io: io::Error = error.into();
        assert!(as_io.to_string().starts_with("cannot "), "{as_io}");
    }

    #[test]
    fn many_threads_may_put_the_same_content() {
        let (_dir, store) = store();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for n in 0..20u8 {
                        store.put(&[n; 100]).unwrap();
                    }
                });
            }
        });
        for n in 0..20u8 {
            assert_eq!(store.get(&Store::hash_of(&[n; 100])).unwrap().unwrap(), [n; 100]);
        }
    }
}
