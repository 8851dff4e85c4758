//! `ChromeDriver`: its process, and its commands that are not part of `WebDriver`.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use axum::http::Method;
use fantoccini::{Client, ClientBuilder, wd::WebDriverCompatibleCommand};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::Url;
use serde_json::{Value, json};

/// A process of `ChromeDriver`, which controls the browser.
pub struct Chromedriver {
    process: Child,
    port: u16,
}

impl Chromedriver {
    /// Starts `ChromeDriver` and a browser.
    pub async fn start() -> (Self, Client) {
        // It chooses a free port for IPv4, and ends if another process has the same port for IPv6.
        let chromedriver =
            (0..5).find_map(|_| Self::start_process()).expect("a port that ChromeDriver can use");

        let arguments = [
            "--headless=new",
            "--window-size=1280,900",
            "--lang=en",
            "--force-prefers-reduced-motion",
            // The sandbox does not work for root, nor in some containers. The tests open only pages of this repository.
            "--no-sandbox",
            "--disable-dev-shm-usage",
        ];
        let capabilities =
            json!({"goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}});
        let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
        let mut client = ClientBuilder::new(HttpConnector::new());
        let client = client.capabilities(capabilities);
        let client = client.connect(&format!("http://127.0.0.1:{}", chromedriver.port)).await;
        (chromedriver, client.expect("a browser"))
    }

    /// Starts `ChromeDriver`. Returns `None` if it ends before it has a port.
    fn start_process() -> Option<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("chromedriver, which `bash .ci/browser` installs");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let port = lines.find_map(|line| {
            let line = line.expect("a line");
            let port = line.strip_prefix("ChromeDriver was started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        // ChromeDriver would block if nobody read its output.
        thread::spawn(move || lines.count());
        if port.is_none() {
            let _ = process.wait();
        }
        Some(Self { process, port: port? })
    }
}

impl Drop for Chromedriver {
    /// Requests a shutdown first, because a killed `ChromeDriver` would leave its browser running.
    fn drop(&mut self) {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let _ =
                stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
            let _ = stream.read_to_end(&mut Vec::new());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A command that takes the messages that the browser has logged since the last such command.
#[derive(Debug)]
pub struct TakeLog;

/// A command of the Chrome `DevTools` Protocol.
#[derive(Debug)]
pub struct Execute {
    pub method: &'static str,
    pub parameters: Value,
}

impl WebDriverCompatibleCommand for TakeLog {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as std::str::FromStr>::Err> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({"type": "browser"}).to_string()))
    }
}

impl WebDriverCompatibleCommand for Execute {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, <Url as std::str::FromStr>::Err> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({"cmd": self.method, "params": self.parameters}).to_string()))
    }
}
