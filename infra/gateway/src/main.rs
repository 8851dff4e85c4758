//! `cargo run`: runs the whole service on this machine.

use std::{
    fmt::Display,
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

use clap::{Parser, ValueEnum};
use gateway::{Data, Gateway, Options, default_template, text_log};
use shared::{primitives::random::Random, telemetry::log};
use tracing::level_filters::LevelFilter;

/// Runs the whole service on this machine, as the template deploys it to AWS.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The port to listen on, at 127.0.0.1. 0 chooses a free port.
    #[arg(long, default_value_t = 3000)]
    port: u16,
    /// The folder to store data in.
    #[arg(long, value_name = "FOLDER", default_value = ".medtwin", conflicts_with = "ephemeral")]
    data: PathBuf,
    /// Keep all data in memory.
    #[arg(long)]
    ephemeral: bool,
    /// The URL of a DynamoDB to use instead of the embedded one.
    #[arg(long, value_name = "URL")]
    dynamodb: Option<String>,
    /// The URL of a Lambda Invoke API that runs the functions, instead of this process. The file `functions.env` in the
    /// data folder contains their environment. With --ephemeral, it is in a temporary folder.
    #[arg(long, value_name = "URL")]
    lambda: Option<String>,
    /// The SAM template [default: template.yaml].
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// The value of a template parameter, such as LogLevel=debug. Can be repeated.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = name_and_value)]
    parameters: Vec<(String, String)>,
    /// The format of the log on standard error [default: text on a terminal, json otherwise].
    #[arg(long, value_name = "FORMAT")]
    log: Option<LogFormat>,
    /// Log nothing.
    #[arg(long, conflicts_with = "log")]
    quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    /// One short line per request.
    Text,
    /// One JSON object per event, as functions log on AWS.
    Json,
}

fn name_and_value(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut stop_signal = pin!(stop_signal()?);
    let has_remote_functions = arguments.lambda.is_some();
    let temporary = (has_remote_functions && arguments.ephemeral).then(tempfile::tempdir).transpose()?;
    let folder = temporary.as_ref().map_or(&*arguments.data, |temporary| temporary.path());
    let environment_file = has_remote_functions.then(|| folder.join("functions.env"));
    let log_format = arguments.log_format();
    let options = Options::from(arguments);
    if let Some(format) = log_format {
        start_log(format, options.log_level()?);
    }
    let gateway = tokio::select! {
        gateway = Gateway::start(options) => gateway?,
        () = &mut stop_signal => return Ok(()),
    };
    print(format_args!("listening on {}", gateway.url()));
    if let Some(file) = environment_file {
        write_environment(&gateway, &file)?;
        print(format_args!("waiting for the functions. Their environment is in {}", file.display()));
    }
    let random = Random::system();
    tokio::select! {
        demo = gateway.create_demo_account(&random) => match demo {
            Ok(demo) => print(demo),
            Err(error) => eprintln!("gateway: the demo account is missing or incomplete: {error}"),
        },
        () = &mut stop_signal => {
            gateway.stop().await;
            return Ok(());
        }
    }
    print(format_args!("\nDashboard:      {}/dashboard", gateway.url()));
    print(format_args!("API reference:  {}/docs\n", gateway.url()));
    finish_instructions();
    stop_signal.await;
    gateway.stop().await;
    Ok(())
}

fn start_log(format: LogFormat, level: LevelFilter) {
    match format {
        LogFormat::Text => text_log::init(level),
        LogFormat::Json => log::init(level),
    }
}

/// Writes a file for the option `--env-file` of `cargo lambda watch`.
fn write_environment(gateway: &Gateway, file: &Path) -> Result<(), String> {
    let lines = gateway.environment().into_iter().map(|(name, value)| format!("{name}={value}\n"));
    fs::write(file, lines.collect::<String>())
        .map_err(|error| format!("cannot write {}: {error}", file.display()))
}

/// Writes a line to standard output. If standard output is closed, nobody reads the line, and the gateway continues.
fn print(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

impl Arguments {
    /// The format of the log, or `None` for no log.
    fn log_format(&self) -> Option<LogFormat> {
        let default = if io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json };
        (!self.quiet).then(|| self.log.unwrap_or(default))
    }
}

impl From<Arguments> for Options {
    fn from(arguments: Arguments) -> Self {
        Self {
            parameters: arguments.parameters.into_iter().collect(),
            template: arguments.template.unwrap_or_else(default_template),
            port: arguments.port,
            data: if arguments.ephemeral { Data::Ephemeral } else { Data::Folder(arguments.data) },
            dynamodb: arguments.dynamodb,
            mail: Some(announce_mail),
            lambda: arguments.lambda,
            event_sources: true,
            ..Self::ephemeral()
        }
    }
}

/// Whether the instructions are printed. Mails about the demo account are not announced between them. It is read and set while standard
/// output is locked: whoever has read the last instruction gets the announcement of each later mail.
static HAS_STARTED: AtomicBool = AtomicBool::new(false);

fn finish_instructions() {
    let mut output = io::stdout().lock();
    let _ = writeln!(output, "Ctrl-C stops the gateway.");
    HAS_STARTED.store(true, Ordering::SeqCst);
}

fn announce_mail(to: &str, subject: &str) {
    let mut output = io::stdout().lock();
    if HAS_STARTED.load(Ordering::SeqCst) {
        let _ = writeln!(output, "mail to {to}: {subject}");
    }
}

/// Returns a future that completes when the process receives SIGINT or SIGTERM.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
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

/// Returns a future that completes when the user presses Ctrl+C.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
