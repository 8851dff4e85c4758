//! The folder that keeps what must outlast the gateway.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// Where the gateway keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// In this folder, which is made if need be.
    Folder(PathBuf),
    /// In memory. It ends with the gateway.
    Ephemeral,
}

/// A data folder that no other gateway uses.
pub(crate) struct Folder {
    path: PathBuf,
    /// Holds the lock as long as it is open.
    _lock: File,
}

/// Why a folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It can't be made or written to.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It belongs to another process.
    #[error("another gateway uses it")]
    InUse,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self, FolderError> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(path)?;
        let lock = File::options().write(true).create(true).truncate(false).open(path.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => FolderError::InUse,
            TryLockError::Error(error) => FolderError::Io(error),
        })?;
        // Absolute, so that it stays the same whatever becomes of the working directory.
        Ok(Self { path: fs::canonicalize(path)?, _lock: lock })
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("dynamodb.sqlite")
    }

    pub(crate) fn secrets(&self) -> PathBuf {
        self.path.join("secrets.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_belongs_to_one() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let first = Folder::open(&path).unwrap();
        assert!(matches!(Folder::open(&path), Err(FolderError::InUse)));
        drop(first);
        assert!(Folder::open(&path).is_ok());
    }

    #[test]
    fn what_is_not_a_folder_cannot_be_one() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(Folder::open(&file.join("data")), Err(FolderError::Io(_))));
    }
}
