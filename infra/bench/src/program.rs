//! The programs that are measured, and one of them as it runs.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    fs::File,
    io::{BufReader, Read, Seek},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use procfs::process::Process;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    process::{Child, Command as AsyncCommand},
    time::timeout,
};

use crate::{
    Error,
    cpus::ProgramCpu,
    runtime_api::{Answered, RuntimeApi},
};

/// Lambda gives a program as long to start.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Builds the programs of `packages` as they are deployed, though for this machine. Returns where each is, by its name.
pub fn build(packages: &[String]) -> Result<BTreeMap<String, PathBuf>, Error> {
    let named = packages.iter().flat_map(|package| ["--package", package]);
    let mut cargo = Command::new("cargo");
    // What `cargo run` says of this package would have some build scripts run again.
    for (name, _) in env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
        {
            cargo.env_remove(name);
        }
    }
    let mut cargo = cargo
        .args(["build", "--release", "--locked", "--message-format", "json-render-diagnostics"])
        .args(named)
        .stdout(Stdio::piped())
        .spawn()?;
    let mut programs = BTreeMap::new();
    let messages = cargo.stdout.take().ok_or("cargo says nothing")?;
    for message in serde_json::Deserializer::from_reader(BufReader::new(messages)).into_iter::<Value>() {
        let message = message?;
        if let (Some(name), Some(path)) = (message["target"]["name"].as_str(), message["executable"].as_str())
        {
            programs.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    if !cargo.wait()?.success() {
        return Err("the programs can't be built".into());
    }
    if let Some(missing) = packages.iter().find(|package| !programs.contains_key(*package)) {
        return Err(format!("{missing} has no program of that name").into());
    }
    Ok(programs)
}

/// A program that runs and waits for its next invocation.
pub struct Program {
    runtime_api: RuntimeApi,
    child: Child,
    process: Process,
    log: File,
    /// How long it took from its start to its first poll.
    pub start: Duration,
}

impl Program {
    /// Starts `path`, as an argument of `under` where that is a command, with nothing in its environment but what Lambda
    /// sets and `environment`.
    pub async fn start(
        path: &Path,
        function_name: &str,
        environment: &BTreeMap<&str, &str>,
        cpu: ProgramCpu,
        under: &[String],
    ) -> Result<Self, Error> {
        let mut runtime_api = RuntimeApi::serve().await?;
        // In memory: Lambda reads the log from a pipe, and no disk has a part in it.
        let log = tempfile::tempfile_in("/dev/shm")?;
        let mut words = under.iter().map(OsStr::new).chain([path.as_os_str()]);
        let mut command = AsyncCommand::new(words.next().ok_or("no program")?);
        command
            .args(words)
            .env_clear()
            .envs(environment)
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", function_name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "bench")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "bench")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.try_clone()?)
            .kill_on_drop(true);
        let began = Instant::now();
        let mut child = command.spawn()?;
        let id = child.id().ok_or("the program has ended")?;
        cpu.give_to(id)?;
        let polled = tokio::select! {
            polled = timeout(START_LIMIT, runtime_api.polled()) => polled??,
            ended = child.wait() => return Err(format!("{} ended: {}", path.display(), ended?).into()),
        };
        let process = Process::new(i32::try_from(id)?)?;
        Ok(Self { runtime_api, child, process, log, start: polled - began })
    }

    /// Invokes it, and waits until it polls again.
    pub async fn invoke(&mut self, event: &str) -> Result<Answered, Error> {
        self.runtime_api.invoke(event).await
    }

    /// How long it has used a CPU, by itself and by the kernel for it.
    pub fn cpu(&self) -> Result<Duration, Error> {
        let stat = self.process.stat()?;
        Ok(Duration::from_secs(stat.utime + stat.stime) / u32::try_from(procfs::ticks_per_second())?)
    }

    /// The most memory that it ever had.
    pub fn peak_memory_kib(&self) -> Result<u32, Error> {
        let peak = self.process.status()?.vmhwm.ok_or("the kernel does not tell the peak")?;
        Ok(u32::try_from(peak)?)
    }

    /// Ends it. Returns its log.
    pub async fn end(mut self) -> Result<String, Error> {
        // So that what it runs under can say what it saw.
        kill_process(Pid::from_raw(self.process.pid()).ok_or("no process")?, Signal::TERM)?;
        self.child.wait().await?;
        let mut log = String::new();
        self.log.rewind()?;
        self.log.read_to_string(&mut log)?;
        Ok(log)
    }
}
