//! Why a gateway can't start.

use std::{io, path::PathBuf};

use crate::{data::FolderError, template_error::TemplateError};

/// Why a gateway can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The template can't be used.
    #[error("{}: {error}", path.display())]
    Template {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        error: TemplateError,
    },
    /// The template has a function that is not linked in.
    #[error("the function `{0}` is in the template, but not linked into the gateway")]
    NotLinked(String),
    /// The port can't be had.
    #[error("cannot listen on 127.0.0.1:{port}: {error}")]
    Listen {
        /// The port.
        port: u16,
        /// Why not.
        error: io::Error,
    },
    /// The data folder can't be used.
    #[error("cannot use the data folder {}: {error}", path.display())]
    Folder {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        error: FolderError,
    },
    /// The secrets can't be read or written.
    #[error("cannot use the secrets of the data folder: {0}")]
    Secrets(io::Error),
    /// The embedded DynamoDB doesn't start.
    #[error("cannot start the embedded DynamoDB: {0}")]
    DynamoDb(String),
    /// A table can't be made.
    #[error("cannot make the table {table} in the DynamoDB at {url}: {error}")]
    Table {
        /// The table.
        table: String,
        /// The DynamoDB.
        url: String,
        /// Why not.
        error: String,
    },
    /// A function doesn't start.
    #[error("cannot start the function {function}: {error}")]
    Function {
        /// The function.
        function: String,
        /// Why not.
        error: shared::runtime::app::StartError,
    },
    /// What should be a URL is none, or not one of the kind that can be used.
    #[error("`{url}` is not {expected}")]
    Url {
        /// What it is.
        url: String,
        /// What it should be.
        expected: &'static str,
    },
}
