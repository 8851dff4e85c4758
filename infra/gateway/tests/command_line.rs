//! The gateway as a program, with its options and its output.
#![cfg(unix)]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use gateway::{Gateway, Options};
use regex::Regex;
use reqwest::{Client, StatusCode};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

const SERVICE: &str = include_str!("../../../template.yaml");

fn gateway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(arguments).stdout(Stdio::piped());
    command
}

/// A running gateway. It is killed when it is dropped.
struct Running {
    process: Child,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        Self::start_with_stderr(arguments, Stdio::null())
    }

    fn start_with_stderr(arguments: &[&str], stderr: Stdio) -> Self {
        let mut process = gateway(arguments).stderr(stderr).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let url = first.strip_prefix("listening on ").expect(&first).trim_end().to_owned();
        Self { process, stdout, url }
    }

    /// Waits until the gateway has started completely, and returns its output after the first line, without the last
    /// line.
    fn instructions(&mut self) -> String {
        let lines = self.stdout.by_ref().lines().map(Result::unwrap);
        lines.take_while(|line| line != "Ctrl-C stops the gateway.").map(|line| line + "\n").collect()
    }

    /// Sends a signal and returns the exit code of the gateway.
    fn stop(mut self, signal: &str) -> Option<i32> {
        let kill = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(kill.success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Returns an error if the process has already exited.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asserts that a gateway with these arguments does not start, and returns the error that it prints.
fn start_error(arguments: &[&str]) -> String {
    let output = gateway(arguments).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(output.stdout.is_empty());
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr.strip_prefix("gateway: ").expect(&stderr).trim_end().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn status(url: &str, path: &str, key: &str) -> StatusCode {
    let request = Client::new().get(format!("{url}{path}")).bearer_auth(key);
    request.send().await.unwrap().status()
}

/// Runs the indented lines of `instructions` that start with `first`, as a user pastes them into a shell.
fn paste(instructions: &str, first: &str) -> String {
    let lines = instructions[instructions.find(first).expect(instructions)..].lines();
    let script: Vec<_> = lines.take_while(|line| line.is_empty() || line.starts_with(' ')).collect();
    let output = Command::new("sh").args(["-euc", &script.join("\n")]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the live key in the instructions of a new demo account.
fn live_key(instructions: &str) -> &str {
    instructions.lines().find_map(|line| line.strip_prefix("  LIVE_KEY=")).unwrap()
}

#[tokio::test]
async fn gateway_accepts_requests_after_the_first_line() {
    let gateway = Running::start(&["--port", "0", "--ephemeral"]);
    assert!(gateway.url.starts_with("http://127.0.0.1:"));
    assert!(!gateway.url.ends_with(":0"));
    assert_eq!(status(&gateway.url, "/v1/health", "").await, 200);
}

#[tokio::test]
async fn last_lines_contain_the_account_and_working_links() {
    let mut gateway = Running::start(&["--port", "0", "--ephemeral"]);
    let instructions = gateway.instructions();
    let lines: Vec<_> = instructions.lines().collect();
    let [.., email, password, live_key, test_key, "", dashboard, reference, ""] = lines.as_slice() else {
        panic!("{instructions}")
    };
    for (line, start) in [
        (email, "  email     demo@example.com"),
        (password, "  password  "),
        (live_key, "  live key  mt_live_"),
        (test_key, "  test key  mt_test_"),
    ] {
        assert!(line.starts_with(start), "{line}");
    }
    let dashboard = dashboard.strip_prefix("Dashboard:      ").expect(dashboard);
    let reference = reference.strip_prefix("API reference:  ").expect(reference);
    for url in [dashboard, reference] {
        let response = Client::new().get(url).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{url}");
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8", "{url}");
    }
}

#[test]
fn signals_stop_the_gateway_with_exit_code_0() {
    for signal in ["-TERM", "-INT"] {
        let gateway = Running::start(&["--port", "0", "--ephemeral"]);
        assert_eq!(gateway.stop(signal), Some(0), "{signal}");
    }
}

#[test]
fn demo_session_works_when_pasted_into_a_shell() {
    let mut gateway = Running::start(&["--port", "0", "--ephemeral"]);
    let output = paste(&gateway.instructions(), "  API=");
    let mut parts = output.split("== ").map(|part| part.split_once('\n').unwrap_or_default().1.trim_end());
    assert_eq!(parts.next(), Some(""));
    assert!(parts.next().unwrap().contains(r#""name":"Demo""#), "{output}");
    assert!(parts.next().unwrap().contains(r#""email":"demo@example.com""#), "{output}");
    assert!(parts.next().unwrap().contains(r#""name":"Demo""#), "{output}");
    assert!(parts.next().unwrap().ends_with("} 403"), "{output}");
    assert!(parts.next().unwrap().contains(r#""name":"Demo""#), "{output}");
    let revoked = parts.next().unwrap();
    assert!(revoked.starts_with("204\n") && revoked.ends_with("} 401"), "{output}");
    assert_eq!(parts.next(), None);
}

#[tokio::test]
async fn second_start_keeps_the_data_and_explains_how_to_log_in() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let arguments = ["--port", "0", "--data", text(&data)];

    let mut gateway = Running::start(&arguments);
    let first = gateway.instructions();
    assert_eq!(gateway.stop("-TERM"), Some(0));

    let mut gateway = Running::start(&arguments);
    let second = gateway.instructions();
    assert_eq!(status(&gateway.url, "/v1/projects", live_key(&first)).await, 200);
    let path = fs::canonicalize(&data).unwrap();
    for expected in [
        format!(
            "\nThe data folder {} already contains data, so no demo account was created.\n",
            path.display()
        ),
        "\nTo log in, use demo@example.com and the password that the first start printed.\n".to_owned(),
        format!("\nTo delete all data, stop the gateway and delete the folder {}.\n", path.display()),
        format!("\nDashboard:      {}/dashboard\n", gateway.url),
    ] {
        assert!(second.contains(&expected), "{second}");
    }
    let password = first.lines().find_map(|line| line.strip_prefix("  password  ")).unwrap();
    assert!(!second.contains(password));
    let login = json!({"email": "demo@example.com", "password": password});
    assert_eq!(log_in(&gateway.url, &login).await, 200);

    // The instructions also work for a user who does not have the password.
    let created: Value = serde_json::from_str(&paste(&second, "  curl ")).unwrap();
    assert!(created["account_id"].is_string(), "{created}");
    let command = second.split_once("-d '").unwrap().1.split_once('\'').unwrap().0;
    let mut account = serde_json::from_str::<Value>(command).unwrap()["create_account"].take();
    account.as_object_mut().unwrap().remove("name");
    assert_eq!(log_in(&gateway.url, &account).await, 200);
    assert_eq!(gateway.stop("-TERM"), Some(0));

    // After the data is deleted, there is a new demo account.
    fs::remove_dir_all(&data).unwrap();
    let mut gateway = Running::start(&arguments);
    assert!(gateway.instructions().contains("A demo account was created."));
}

async fn log_in(url: &str, credentials: &Value) -> StatusCode {
    let request = Client::new().post(format!("{url}/v1/auth/login")).json(credentials);
    request.send().await.unwrap().status()
}

/// Starts a gateway with these arguments, sends some requests, and returns its output on standard error.
async fn logged(arguments: &[&str]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let arguments = [&["--port", "0", "--ephemeral"], arguments].concat();
    let mut gateway = Running::start_with_stderr(&arguments, file.reopen().unwrap().into());
    gateway.instructions();
    assert_eq!(status(&gateway.url, "/v1/health", "").await, 200);
    assert_eq!(status(&gateway.url, "/v1/projects", "mt_live_wrong").await, 401);
    assert_eq!(status(&gateway.url, "/v1/a-secret/projects?a-secret", "a-secret").await, 404);
    let invocations = format!("{}/2015-03-31/functions/operator/invocations", gateway.url);
    let response = Client::new().post(invocations).json(&json!({"a-secret": {}})).send().await.unwrap();
    assert!(response.headers().contains_key("x-amz-function-error"));
    assert_eq!(gateway.stop("-TERM"), Some(0));
    let mut log = String::new();
    file.read_to_string(&mut log).unwrap();
    assert!(!log.contains("a-secret"), "{log}");
    log
}

/// Asserts that `log` is text: one line per request.
fn assert_text(log: &str) {
    let request = r"^\d\d:\d\d:\d\dZ [A-Z]+ .* [1-5]\d\d \d+ ms .*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";
    let request = Regex::new(request).unwrap();
    assert!(log.lines().all(|line| request.is_match(line)), "{log}");
    let mut expected = [
        r"POST /v1/auth/login 200 \d+ ms [^(]*\n",
        r"GET /v1/health 200 \d+ ms [^(]*\n",
        r"GET /v1/projects 401 \d+ ms \(malformed credential.*\) [^(]*\n",
        r"GET \[unknown path, 21 bytes, v1\] 404 \d+ ms [^(]*\n",
        r"POST /2015-03-31/functions/operator/invocations 200 \d+ ms \(BAD_REQUEST\) [^(]*\n",
    ]
    .map(|line| Regex::new(line).unwrap())
    .into_iter();
    assert!(expected.all(|line| line.is_match(log)), "{log}");
}

/// Asserts that `log` is JSON, and returns its records.
fn records(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[tokio::test]
async fn log_is_json_by_default_without_a_terminal() {
    let is_not_found = |record: &&Value| record["message"] == "request" && record["status"] == 404;
    for arguments in [&[][..], &["--log", "json"]] {
        let records = records(&logged(arguments).await);
        let not_found = records.iter().find(is_not_found).unwrap();
        assert_eq!(not_found["level"], "INFO", "{not_found}");
        assert_eq!(not_found["method"], "GET", "{not_found}");
        assert_eq!(not_found["path_length"], 21, "{not_found}");
        assert_eq!(not_found["known_segment"], "v1", "{not_found}");
        assert_eq!(not_found["resource"], Value::Null, "{not_found}");
        let invocation = records.iter().find(|record| record["Outcome"] == "unauthenticated").unwrap();
        let reason = invocation["reason"].as_str().unwrap();
        assert!(reason.starts_with("malformed credential"), "{invocation}");
    }
}

#[tokio::test]
async fn log_is_text_with_log_option_text() {
    assert_text(&logged(&["--log", "text"]).await);
}

#[tokio::test]
async fn log_is_text_by_default_on_a_terminal() {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let stderr = File::options().read(true).write(true).open(name).unwrap();
    let mut gateway = Running::start_with_stderr(&["--port", "0", "--ephemeral"], stderr.into());
    gateway.instructions();
    let mut line = String::new();
    BufReader::new(File::from(terminal)).read_line(&mut line).unwrap();
    assert!(line.contains("Z POST /v1/auth/login 200 "), "{line}");
}

#[tokio::test]
async fn quiet_logs_nothing() {
    assert_eq!(logged(&["--quiet"]).await, "");
    let message = start_error(&["--quiet", "--port", "0", "--ephemeral", "--parameter", "LogLevel=loud"]);
    assert!(
        message.ends_with(": Parameters.LogLevel: `loud` is not one of error, warn, info, debug"),
        "{message}"
    );
}

#[tokio::test]
async fn log_level_parameter_sets_the_level_of_the_functions_in_the_gateway() {
    let invocations = |records: &[Value]| records.iter().filter(|record| record["_aws"].is_object()).count();
    for (level, has_info, has_debug) in
        [("error", false, false), ("warn", false, false), ("info", true, false), ("debug", true, true)]
    {
        let records = records(&logged(&["--parameter", &format!("LogLevel={level}")]).await);
        let has = |level: &str| {
            records.iter().any(|record| record["level"] == level && record["target"].is_string())
        };
        assert_eq!((has("INFO"), has("DEBUG")), (has_info, has_debug), "{level}: {records:?}");
        // The line of each invocation is logged at each level.
        assert!(invocations(&records) >= 6, "{level}: {records:?}");
    }
}

#[test]
fn data_folder_of_a_running_gateway_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--port", "0", "--data", text(folder.path())];
    let first = Running::start(&arguments);
    let expected =
        format!("cannot use the data folder {}: another gateway is using it", folder.path().display());
    assert_eq!(start_error(&arguments), expected);
    assert_eq!(first.stop("-TERM"), Some(0));
    assert_eq!(Running::start(&arguments).stop("-TERM"), Some(0));
}

#[test]
fn data_folder_below_a_file_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let data = file.join("data");
    let message = start_error(&["--port", "0", "--data", text(&data)]);
    assert!(message.starts_with(&format!("cannot use the data folder {}: ", data.display())), "{message}");
}

#[test]
fn port_in_use_is_rejected() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let message = start_error(&["--port", &port, "--ephemeral"]);
    assert!(message.starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")), "{message}");
}

#[test]
fn invalid_template_is_rejected_with_the_location_of_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template.yaml");
    for (from, to, expected) in [
        ("Resources:\n", "Resources: [\n", "line "),
        (
            "ALLOWED_ORIGIN: !Ref AllowedOrigin",
            "ALLOWED_ORIGIN: !Ref AllowedOrigen",
            "Globals.Function.Environment.Variables.ALLOWED_ORIGIN: unknown reference `AllowedOrigen`",
        ),
        ("ReauthorizeEvery: 0", "ReauthorizeEvery: 60", "Resources.Api."),
        ("RestApiId: !Ref Api", "RestApiId: another", "Resources.HealthFunction.Properties.Events."),
    ] {
        assert!(SERVICE.contains(from), "{from}");
        fs::write(&template, SERVICE.replacen(from, to, 1)).unwrap();
        let message = start_error(&["--port", "0", "--ephemeral", "--template", text(&template)]);
        assert!(message.starts_with(&format!("{}: {expected}", template.display())), "{message}");
    }

    fs::write(&template, SERVICE.replacen("Binary: health }", "Binary: wealth }", 1)).unwrap();
    let message = start_error(&["--port", "0", "--ephemeral", "--template", text(&template)]);
    assert_eq!(message, "the template declares the function `wealth`, but the gateway does not contain it");

    let missing = folder.path().join("missing.yaml");
    let message = start_error(&["--port", "0", "--ephemeral", "--template", text(&missing)]);
    assert!(message.starts_with(&format!("{}: cannot read the template: ", missing.display())), "{message}");
}

#[tokio::test]
async fn template_parameter_overrides_the_default() {
    let origin = "http://localhost:5173";
    let parameter = format!("AllowedOrigin={origin}");
    let running = Running::start(&["--port", "0", "--ephemeral", "--parameter", &parameter]);
    for path in ["/v1/health", "/v1/unknown"] {
        let response = Client::new().get(format!("{}{path}", running.url)).send().await.unwrap();
        assert_eq!(response.headers()["access-control-allow-origin"], origin, "{path}");
    }
}

#[test]
fn unknown_template_parameter_and_invalid_value_are_rejected() {
    let message = start_error(&["--port", "0", "--ephemeral", "--parameter", "AlowedOrigin=https://a"]);
    assert!(message.ends_with(": Parameters: unknown parameter `AlowedOrigin`"), "{message}");
    let message = start_error(&["--port", "0", "--ephemeral", "--parameter", "AllowedOrigin=*"]);
    assert!(message.contains(": Parameters.AllowedOrigin: `*` does not match "), "{message}");
}

#[tokio::test]
async fn mail_is_announced_without_its_text_and_stored_in_the_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut gateway = Running::start(&["--port", "0", "--data", text(folder.path())]);
    gateway.instructions();
    let mail = json!({
        "account_id": "acct_0000000000000001",
        "to": {"address": "ada@example.com"},
        "message": {"password_changed": {"at": "2026-01-30T12:00:00Z", "ip_address": null}},
    });
    let url = format!("{}/2015-03-31/functions/mail/invocations", gateway.url);
    let response = Client::new().post(url).json(&mail).send().await.unwrap();
    assert!(!response.headers().contains_key("x-amz-function-error"));
    // The demo account's mails may be late.
    let mut lines = gateway.stdout.by_ref().lines().map(Result::unwrap);
    let announced = lines.find(|line| !line.contains("demo@example.com")).unwrap();
    assert_eq!(announced, "mail to ada@example.com: Your MedTWIN password was changed");
    let files = fs::read_dir(folder.path().join("mail")).unwrap().map(Result::unwrap);
    let mails = files.map(|file| serde_json::from_slice::<Value>(&fs::read(file.path()).unwrap()).unwrap());
    let mails: Vec<_> = mails.filter(|mail| mail["to"] == "ada@example.com").collect();
    let [stored] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(stored["from"], "medtwin@example.com");
    let status = status(&gateway.url, "/_local/mail", "").await;
    assert_eq!(status, 404, "only an ephemeral gateway shows mails");
}

#[test]
fn contradictory_arguments_are_rejected() {
    for arguments in [&["--ephemeral", "--data", "x"][..], &["--quiet", "--log", "text"], &["--log", "xml"]] {
        let output = gateway(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_waits_for_remote_functions_and_writes_their_environment_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for data in [&["--data", text(folder.path())][..], &["--ephemeral"]] {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let lambda = format!("http://127.0.0.1:{port}");
        let mut gateway = Running::start(&[&["--port", "0", "--lambda", &lambda], data].concat());
        let mut line = String::new();
        gateway.stdout.read_line(&mut line).unwrap();
        let file = line.strip_prefix("waiting for the functions. Their environment is in ").expect(&line);
        let file = Path::new(file.trim_end());
        let environment = fs::read_to_string(file).unwrap();
        for name in ["AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:", "TABLE_NAME=", "PEPPER_SECRET_ID=arn:"] {
            assert!(environment.lines().any(|line| line.starts_with(name)), "{environment}");
        }

        let _functions = Gateway::start(Options { port, ..Options::ephemeral() }).await.unwrap();
        let instructions = gateway.instructions();
        assert_eq!(status(&gateway.url, "/v1/projects", live_key(&instructions)).await, 200);
        assert_eq!(gateway.stop("-TERM"), Some(0));
        assert_eq!(file.parent() == Some(folder.path()), file.exists(), "{}", file.display());
    }
    assert!(folder.path().join("functions.env").exists());
}
