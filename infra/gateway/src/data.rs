//! The data folder, in which the gateway stores its data, so that it survives a restart.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// Where the gateway stores its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// In this folder, which the gateway creates if it does not exist.
    Folder(PathBuf),
    /// In memory. The data is lost when the gateway stops.
    Ephemeral,
}

/// An open data folder. A lock file prevents two gateways from using the same folder.
pub(crate) struct DataFolder {
    path: PathBuf,
    /// The lock is held while this file is open.
    _lock: File,
}

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("another gateway is using it")]
    InUse,
}

impl DataFolder {
    /// Opens the folder at `path` and locks it. A new folder is readable by its owner only.
    pub(crate) fn open(path: &Path) -> Result<Self, DataFolderError> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(path)?;
        let lock = File::options().write(true).create(true).truncate(false).open(path.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => DataFolderError::InUse,
            TryLockError::Error(error) => DataFolderError::Io(error),
        })?;
        // An absolute path stays valid if the working directory changes.
        Ok(Self { path: fs::canonicalize(path)?, _lock: lock })
    }

    /// The absolute path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the embedded DynamoDB.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("dynamodb.sqlite")
    }

    /// The file of the emulated Secrets Manager.
    pub(crate) fn secrets(&self) -> PathBuf {
        self.path.join("secrets.json")
    }

    /// The folder of the mails that functions have sent.
    pub(crate) fn mails(&self) -> PathBuf {
        self.path.join("mail")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_folder_cannot_be_opened_again_until_it_is_closed() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let first = DataFolder::open(&path).unwrap();
        assert!(matches!(DataFolder::open(&path), Err(DataFolderError::InUse)));
        drop(first);
        assert!(DataFolder::open(&path).is_ok());
    }

    #[test]
    fn folder_below_a_file_returns_an_io_error() {
        let parent = tempfile::tempdir().unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(DataFolder::open(&file.join("data")), Err(DataFolderError::Io(_))));
    }
}
