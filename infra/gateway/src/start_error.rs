use std::{io, path::PathBuf};

use crate::{data::DataFolderError, template_error::TemplateError};

/// Why the gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{}: {error}", path.display())]
    Template { path: PathBuf, error: TemplateError },
    #[error("the template declares the function `{0}`, but the gateway does not contain it")]
    UnknownFunction(String),
    #[error("cannot listen on 127.0.0.1:{port}: {error}")]
    Listen { port: u16, error: io::Error },
    #[error("cannot use the data folder {}: {error}", path.display())]
    DataFolder { path: PathBuf, error: DataFolderError },
    #[error("cannot read or write the secrets in the data folder: {0}")]
    Secrets(io::Error),
    #[error("cannot create the folder for mails: {0}")]
    Mails(io::Error),
    #[error("cannot start the embedded DynamoDB: {0}")]
    DynamoDb(String),
    #[error("cannot create or read the table {table} in the DynamoDB at {url}: {error}")]
    Table { table: String, url: String, error: String },
    #[error("the DynamoDB at {url} does not contain the existing table {table}")]
    NoTable { table: String, url: String },
    #[error("cannot start the function {function}: {error}")]
    Function { function: String, error: shared::runtime::app::StartError },
    /// The value of an option is not a valid URL, or the scheme of the URL is not supported.
    #[error("`{url}` is not {expected}")]
    Url { url: String, expected: &'static str },
}
