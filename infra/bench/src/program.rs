//! Builds the measured programs and runs them.

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
    runtime_api::{Response, RuntimeApi},
};

/// Lambda's limit for the start of a program.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Builds the programs of `packages` with the settings of the deployment, but for this machine. Returns the path of
/// each program by its name.
pub fn build(packages: &[String]) -> Result<BTreeMap<String, PathBuf>, Error> {
    let named = packages.iter().flat_map(|package| ["--package", package]);
    let mut cargo = Command::new("cargo");
    // `cargo run` sets these variables for this package. They would make some build scripts run again.
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
    let messages = cargo.stdout.take().ok_or("cargo has no standard output")?;
    for message in serde_json::Deserializer::from_reader(BufReader::new(messages)).into_iter::<Value>() {
        let message = message?;
        if let (Some(name), Some(path)) = (message["target"]["name"].as_str(), message["executable"].as_str())
        {
            programs.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    if !cargo.wait()?.success() {
        return Err("the programs could not be built".into());
    }
    if let Some(missing) = packages.iter().find(|package| !programs.contains_key(*package)) {
        return Err(format!("the package {missing} has no program of the same name").into());
    }
    Ok(programs)
}

/// A running program that waits for its next invocation.
pub struct Program {
    runtime_api: RuntimeApi,
    child: Child,
    process: Process,
    log: File,
    /// The time from the start of the process to its first request for an event.
    pub start: Duration,
}

impl Program {
    /// Starts the program at `path`. If `under` is not empty, runs it with that command. The process gets only the
    /// environment variables that Lambda sets and those of `environment`.
    pub async fn start(
        path: &Path,
        function_name: &str,
        environment: &BTreeMap<&str, &str>,
        cpu: ProgramCpu,
        under: &[String],
    ) -> Result<Self, Error> {
        let mut runtime_api = RuntimeApi::serve().await?;
        // The log is a file in memory, because Lambda reads it from a pipe and does not write it to a disk.
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
        let started_at = Instant::now();
        let mut child = command.spawn()?;
        let id = child.id().ok_or("the program has exited")?;
        cpu.assign_to(id)?;
        let polled_at = tokio::select! {
            polled_at = timeout(START_LIMIT, runtime_api.wait_for_poll()) => polled_at??,
            status = child.wait() => return Err(format!("{} exited: {}", path.display(), status?).into()),
        };
        let process = Process::new(i32::try_from(id)?)?;
        Ok(Self { runtime_api, child, process, log, start: polled_at - started_at })
    }

    /// Invokes the program, and waits until it requests the next event.
    pub async fn invoke(&mut self, event: &str) -> Result<Response, Error> {
        self.runtime_api.invoke(event).await
    }

    /// Returns the CPU time that the process has used, in user mode and in the kernel.
    pub fn cpu(&self) -> Result<Duration, Error> {
        let stat = self.process.stat()?;
        Ok(Duration::from_secs(stat.utime + stat.stime) / u32::try_from(procfs::ticks_per_second())?)
    }

    /// Returns the largest resident memory of the process.
    pub fn peak_memory_kib(&self) -> Result<u32, Error> {
        let peak = self.process.status()?.vmhwm.ok_or("the kernel does not report the peak memory")?;
        Ok(u32::try_from(peak)?)
    }

    /// Ends the process and returns its log.
    pub async fn end(mut self) -> Result<String, Error> {
        // SIGTERM and not SIGKILL, so that a tool such as valgrind can write its report.
        kill_process(Pid::from_raw(self.process.pid()).ok_or("the process id is 0")?, Signal::TERM)?;
        self.child.wait().await?;
        let mut log = String::new();
        self.log.rewind()?;
        self.log.read_to_string(&mut log)?;
        Ok(log)
    }
}
