//! How a gateway is to run.

use std::path::PathBuf;

use shared::{clock::Clock, random::Random};

use crate::data::Data;

/// How a gateway is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The SAM template.
    pub template: PathBuf,
    /// The port to listen on, or 0 for a free one.
    pub port: u16,
    /// Where to keep data.
    pub data: Data,
    /// The URL of a DynamoDB to use instead of the embedded one.
    pub dynamodb: Option<String>,
    /// The URL of an Invoke API behind which the functions run, instead of in this process.
    pub lambda: Option<String>,
    /// The time that functions see.
    pub clock: Clock,
    /// The randomness that functions see.
    pub random: Random,
    /// Whether to make a demo account when there is nothing in the table.
    pub demo: bool,
}

impl Options {
    /// A gateway for a test: on a free port, with everything in memory and nothing in the table.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self {
            template: default_template(),
            port: 0,
            data: Data::Ephemeral,
            dynamodb: None,
            lambda: None,
            clock: Clock::system(),
            random: Random::system(),
            demo: false,
        }
    }
}

/// The template in the working directory, or that of the workspace where there is none.
#[must_use]
pub fn default_template() -> PathBuf {
    let here = PathBuf::from("template.yaml");
    if here.exists() {
        here
    } else {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml"))
    }
}
