//! `cargo run`: the whole service on this machine.

use std::{
    fmt::Display,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
};

use clap::Parser;
use gateway::{Data, Gateway, Options, default_template};
use shared::{primitives::random::Random, telemetry::log};
use tracing::level_filters::LevelFilter;

/// Runs the whole service on this machine, as AWS would from the template.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The port of 127.0.0.1 to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// Where to keep data.
    #[arg(long, value_name = "FOLDER", default_value = ".medtwin", conflicts_with = "ephemeral")]
    data: PathBuf,
    /// Keep everything in memory.
    #[arg(long)]
    ephemeral: bool,
    /// Use this DynamoDB instead of an embedded one.
    #[arg(long, value_name = "URL")]
    dynamodb: Option<String>,
    /// Run the functions behind this server of Lambda's Invoke API instead of in this process. Their environment is
    /// then in `functions.env` in the data folder, or in one that ends with this process.
    #[arg(long, value_name = "URL")]
    lambda: Option<String>,
    /// The SAM template [default: template.yaml].
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// A parameter of the template that is not to have its default; may be repeated.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = name_and_value)]
    parameters: Vec<(String, String)>,
}

fn name_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("no `=`")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    log::init(LevelFilter::INFO);
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut ended = pin!(end()?);
    let is_elsewhere = arguments.lambda.is_some();
    let temporary = (is_elsewhere && arguments.ephemeral).then(tempfile::tempdir).transpose()?;
    let folder = temporary.as_ref().map_or(&*arguments.data, |temporary| temporary.path());
    let environment = is_elsewhere.then(|| folder.join("functions.env"));
    let gateway = tokio::select! {
        gateway = Gateway::start(arguments.into()) => gateway?,
        () = &mut ended => return Ok(()),
    };
    say(format_args!("listening on {}", gateway.url()));
    if let Some(file) = environment {
        write_environment(&gateway, &file)?;
        say(format_args!("waiting for the functions, whose environment is in {}", file.display()));
    }
    say(format_args!("the dashboard is at {}/dashboard", gateway.url()));
    say(format_args!("the API's reference is at {}/docs", gateway.url()));
    let random = Random::system();
    tokio::select! {
        demo = gateway.make_demo(&random) => match demo {
            Ok(demo) => say(demo),
            Err(error) => eprintln!("gateway: the demo account is missing or not whole: {error}"),
        },
        () = &mut ended => {
            gateway.stop().await;
            return Ok(());
        }
    }
    say("Ctrl-C ends it.");
    ended.await;
    gateway.stop().await;
    Ok(())
}

/// Writes what `cargo lambda watch --env-file` takes.
fn write_environment(gateway: &Gateway, file: &Path) -> Result<(), String> {
    let lines = gateway.environment().into_iter().map(|(name, value)| format!("{name}={value}\n"));
    fs::write(file, lines.collect::<String>())
        .map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// Says something on standard output. Whoever has closed it doesn't want to know, which is no reason to end.
fn say(what: impl Display) {
    let _ = writeln!(io::stdout(), "{what}");
}

impl From<Arguments> for Options {
    fn from(arguments: Arguments) -> Self {
        Self {
            parameters: arguments.parameters.into_iter().collect(),
            template: arguments.template.unwrap_or_else(default_template),
            port: arguments.port,
            data: if arguments.ephemeral { Data::Ephemeral } else { Data::Folder(arguments.data) },
            dynamodb: arguments.dynamodb,
            lambda: arguments.lambda,
            ..Self::ephemeral()
        }
    }
}

/// A future that ends when the user or the system wants the program to.
#[cfg(unix)]
fn end() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// A future that ends when the user wants the program to.
#[cfg(not(unix))]
fn end() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
