//! The program as a user runs it.
#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use gateway::{Gateway, Options};
use reqwest::{Client, StatusCode};

const SERVICE: &str = include_str!("../../../template.yaml");

fn gateway(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(arguments).stdout(Stdio::piped());
    command
}

/// A gateway that runs. It ends with the test.
struct Running {
    process: Child,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut process = gateway(arguments).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let url = first.strip_prefix("listening on ").expect(&first).trim_end().to_owned();
        Self { process, stdout, url }
    }

    /// What it says after the first line.
    fn greeting(&mut self) -> String {
        let lines = self.stdout.by_ref().lines().map(Result::unwrap);
        lines.take_while(|line| line != "Ctrl-C ends it.").map(|line| line + "\n").collect()
    }

    /// Sends a signal, and gives the code that the gateway ends with.
    fn end(mut self, signal: &str) -> Option<i32> {
        let kill = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(kill.success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The one line with which a gateway refuses to start.
fn refusal(arguments: &[&str]) -> String {
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

/// The live key in a greeting.
fn live_key(greeting: &str) -> &str {
    greeting.lines().find_map(|line| line.strip_prefix("  LIVE_KEY=")).unwrap()
}

#[tokio::test]
async fn it_serves_once_it_says_so() {
    let gateway = Running::start(&["--port", "0", "--ephemeral"]);
    assert!(gateway.url.starts_with("http://127.0.0.1:"));
    assert!(!gateway.url.ends_with(":0"));
    assert_eq!(status(&gateway.url, "/v1/health", "").await, 200);
}

#[tokio::test]
async fn it_says_where_the_dashboard_is() {
    let mut gateway = Running::start(&["--port", "0", "--ephemeral"]);
    let greeting = gateway.greeting();
    let dashboard =
        greeting.lines().next().and_then(|line| line.strip_prefix("the dashboard is at ")).unwrap();
    let page = Client::new().get(dashboard).send().await.unwrap();
    assert_eq!(
        (page.status(), &page.headers()["content-type"]),
        (StatusCode::OK, &"text/html; charset=utf-8".parse().unwrap())
    );
}

#[tokio::test]
async fn it_says_where_the_reference_is() {
    let mut gateway = Running::start(&["--port", "0", "--ephemeral"]);
    let greeting = gateway.greeting();
    let mut lines = greeting.lines();
    let page = lines.find_map(|line| line.strip_prefix("the API's reference is at ")).unwrap();
    let answer = Client::new().get(page).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
}

#[test]
fn signals_end_it_cleanly() {
    for signal in ["-TERM", "-INT"] {
        let gateway = Running::start(&["--port", "0", "--ephemeral"]);
        assert_eq!(gateway.end(signal), Some(0), "{signal}");
    }
}

#[test]
fn the_demo_works_as_it_stands() {
    let mut gateway = Running::start(&["--port", "0", "--ephemeral"]);
    let greeting = gateway.greeting();
    let session = &greeting[greeting.find("  API=").unwrap()..];
    let output = Command::new("sh").args(["-euc", session]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let output = String::from_utf8(output.stdout).unwrap();
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
async fn a_restart_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let arguments = ["--port", "0", "--data", text(&data)];

    let mut gateway = Running::start(&arguments);
    let greeting = gateway.greeting();
    let key = live_key(&greeting);
    assert_eq!(gateway.end("-TERM"), Some(0));

    let mut gateway = Running::start(&arguments);
    assert!(gateway.greeting().contains("\nThere is something in the table already"));
    assert_eq!(status(&gateway.url, "/v1/projects", key).await, 200);
}

#[test]
fn a_folder_belongs_to_one_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--port", "0", "--data", text(folder.path())];
    let first = Running::start(&arguments);
    let expected = format!("cannot use the data folder {}: another gateway uses it", folder.path().display());
    assert_eq!(refusal(&arguments), expected);
    assert_eq!(first.end("-TERM"), Some(0));
    assert_eq!(Running::start(&arguments).end("-TERM"), Some(0));
}

#[test]
fn a_folder_that_cannot_be_made_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let data = file.join("data");
    let message = refusal(&["--port", "0", "--data", text(&data)]);
    assert!(message.starts_with(&format!("cannot use the data folder {}: ", data.display())), "{message}");
}

#[test]
fn a_taken_port_is_refused() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let message = refusal(&["--port", &port, "--ephemeral"]);
    assert!(message.starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")), "{message}");
}

#[test]
fn a_broken_template_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template.yaml");
    for (from, to, expected) in [
        ("Resources:\n", "Resources: [\n", "line "),
        (
            "TABLE_NAME: !Ref Table",
            "TABLE_NAME: !Ref Tabel",
            "Globals.Function.Environment.Variables.TABLE_NAME: unknown reference `Tabel`",
        ),
        ("ReauthorizeEvery: 0", "ReauthorizeEvery: 60", "Resources.Api."),
        ("RestApiId: !Ref Api", "RestApiId: elsewhere", "Resources.HealthFunction.Properties.Events."),
    ] {
        assert!(SERVICE.contains(from), "{from}");
        fs::write(&template, SERVICE.replacen(from, to, 1)).unwrap();
        let message = refusal(&["--port", "0", "--ephemeral", "--template", text(&template)]);
        assert!(message.starts_with(&format!("{}: {expected}", template.display())), "{message}");
    }

    fs::write(&template, SERVICE.replacen("Binary: health }", "Binary: wealth }", 1)).unwrap();
    let message = refusal(&["--port", "0", "--ephemeral", "--template", text(&template)]);
    assert_eq!(message, "the function `wealth` is in the template, but not linked into the gateway");

    let missing = folder.path().join("missing.yaml");
    let message = refusal(&["--port", "0", "--ephemeral", "--template", text(&missing)]);
    assert!(message.starts_with(&format!("{}: cannot be read: ", missing.display())), "{message}");
}

#[tokio::test]
async fn a_parameter_of_the_template_can_be_given() {
    let origin = "http://localhost:5173";
    let parameter = format!("AllowedOrigin={origin}");
    let running = Running::start(&["--port", "0", "--ephemeral", "--parameter", &parameter]);
    for path in ["/v1/health", "/v1/nothing"] {
        let answer = Client::new().get(format!("{}{path}", running.url)).send().await.unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], origin, "{path}");
    }
}

#[test]
fn a_parameter_that_the_template_lacks_or_refuses_is_refused() {
    let message = refusal(&["--port", "0", "--ephemeral", "--parameter", "AlowedOrigin=https://a"]);
    assert!(message.ends_with(": Parameters: no parameter `AlowedOrigin`"), "{message}");
    let message = refusal(&["--port", "0", "--ephemeral", "--parameter", "AllowedOrigin=*"]);
    assert!(message.contains(": Parameters.AllowedOrigin: `*` does not match "), "{message}");
}

#[test]
fn arguments_that_contradict_are_refused() {
    let output = gateway(&["--ephemeral", "--data", "x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_elsewhere_are_waited_for_and_find_their_environment() {
    let folder = tempfile::tempdir().unwrap();
    for kept in [&["--data", text(folder.path())][..], &["--ephemeral"]] {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let lambda = format!("http://127.0.0.1:{port}");
        let mut here = Running::start(&[&["--port", "0", "--lambda", &lambda], kept].concat());
        let mut waits = String::new();
        here.stdout.read_line(&mut waits).unwrap();
        let file = waits.strip_prefix("waiting for the functions, whose environment is in ").expect(&waits);
        let file = Path::new(file.trim_end());
        let environment = fs::read_to_string(file).unwrap();
        for name in ["AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:", "TABLE_NAME=", "PEPPER_SECRET_ID=arn:"] {
            assert!(environment.lines().any(|line| line.starts_with(name)), "{environment}");
        }

        let _there = Gateway::start(Options { port, ..Options::ephemeral() }).await.unwrap();
        let greeting = here.greeting();
        assert_eq!(status(&here.url, "/v1/projects", live_key(&greeting)).await, 200);
        assert_eq!(here.end("-TERM"), Some(0));
        assert_eq!(file.parent() == Some(folder.path()), file.exists(), "{}", file.display());
    }
    assert!(folder.path().join("functions.env").exists());
}
