//! The embedded DynamoDB.

use std::path::Path;

use dynoxide::{Database, server};
use shared::telemetry::log::TARGET;
use tokio::net::TcpListener;

use crate::loopback::Server;

/// Serves the database in `file`, or an empty database in memory, on `listener`.
pub(crate) fn serve(listener: TcpListener, file: Option<&Path>) -> Result<Server, String> {
    let database = match file {
        Some(file) => {
            let path = file.to_str().ok_or_else(|| format!("{} is not UTF-8", file.display()))?;
            Database::new(path)
        }
        None => Database::memory(),
    };
    let database = database.map_err(|error| error.to_string())?;
    Ok(Server::spawn(|stopped| async move {
        if let Err(error) = server::serve_with_shutdown(listener, database, stopped).await {
            tracing::error!(target: TARGET, error, "the embedded DynamoDB failed");
        }
    }))
}
