//! The dashboard in a real browser, against the gateway: each test is a person who clicks and types, and finds things
//! by the names that a screen reader says. They need Chromium and its driver: `bash .ci/browser` installs both, and runs
//! them.
//!
//! Whatever the browser logs fails a test that did not expect it: an exception, a request that failed, or what the
//! page's policy refused.

mod audit_events;
mod chromedriver;
mod create_key;
mod each_screen;
mod keys;
mod login;
mod members;
mod password;
mod revoke_key;
mod rotate_key;
mod safety;
mod sessions;
mod stage;

use std::{collections::BTreeSet, thread, time::Duration};

use fantoccini::{
    Client,
    elements::{Element, ElementRef},
};
use serde_json::{Value, json};
use shared::primitives::clock::Clock;
use tokio::time::sleep;

use crate::{
    browser::chromedriver::{Chromedriver, Execute, TakeLog},
    service::{Account, OwnService, PASSWORD},
};

/// A browser that looks at a service of its own.
pub struct Browser {
    pub service: OwnService,
    pub driver: Client,
    has_ended: bool,
    _chromedriver: Chromedriver,
}

/// How often something is looked for before a test fails, 50 milliseconds apart.
const POLL_ATTEMPTS: usize = 200;

/// The element of a kind that is called `name`, among those that can be seen: in the dialog that is open, or on the page.
const FIND: &str = r#"
    const [selector, name] = arguments;
    const root = [...document.querySelectorAll("dialog[open]")].at(-1) ?? document;
    const words = (text) => text.replace(/\s+/g, " ").trim();
    const label = (element) => element.labels?.[0];
    const nameOf = (element) => words(element.ariaLabel
      ?? (label(element)?.querySelector(".choice-label") ?? label(element) ?? element).textContent);
    return [...root.querySelectorAll(selector)]
      .find((element) => nameOf(element) === name && element.checkVisibility({ visibilityProperty: true })) ?? null;
"#;
/// How `WebDriver` calls a reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const BUTTONS: &str = "button, a[href]";
const FIELDS: &str = "input, select";

impl Browser {
    /// Opens the dashboard of a service of its own, whose clock is the browser's.
    pub async fn open() -> Self {
        let service = OwnService::start_with(|options| options.clock = Clock::system()).await;
        let url = format!("{}/", service.url);
        Self::open_at(service, &url).await
    }

    /// Opens the dashboard of `service` at `url`.
    pub async fn open_at(service: OwnService, url: &str) -> Self {
        let (chromedriver, driver) = Chromedriver::start().await;
        driver.goto(url).await.expect("the page");
        Self { service, driver, has_ended: false, _chromedriver: chromedriver }
    }

    /// The same, with an account, whose first member logs in.
    pub async fn logged_in() -> (Self, Account) {
        let browser = Self::open().await;
        let account = browser.service.account().await;
        browser.log_in(&account.email).await;
        browser.wait_for_text("Your servers use these keys to authenticate to the API.").await;
        (browser, account)
    }

    /// Logs somebody in who has the usual password.
    pub async fn log_in(&self, email: &str) {
        self.log_in_with(email, PASSWORD).await;
    }

    /// Logs somebody in.
    pub async fn log_in_with(&self, email: &str, password: &str) {
        self.fill("Email", email).await;
        self.fill("Password", password).await;
        self.click("Log in").await;
    }

    /// Looks at another screen.
    pub async fn go(&self, screen: &str) {
        self.click(screen).await;
        self.wait_until(
            &format!("the screen {screen}"),
            "return document.querySelector('h1')?.textContent === arguments[0]",
            &[json!(screen)],
        )
        .await;
    }

    /// Ends the test. The browser must have logged nothing but `expected`.
    #[track_caller]
    pub fn end(mut self, expected: &[&str]) -> impl Future<Output = ()> {
        self.has_ended = true;
        let expected: BTreeSet<String> = expected.iter().map(|&line| line.to_owned()).collect();
        async move {
            assert_eq!(self.take_log().await, expected);
            self.driver.clone().close().await.expect("the browser ends");
        }
    }

    /// What the browser has logged since the last look, requests that failed as `STATUS PATH`.
    pub async fn take_log(&self) -> BTreeSet<String> {
        let log = self.driver.issue_cmd(TakeLog).await.expect("the log");
        let entries = log.as_array().expect("entries");
        entries.iter().map(|entry| shortened(entry["message"].as_str().expect("a message"))).collect()
    }

    /// The same, as soon as there is something.
    pub async fn wait_for_log(&self) -> String {
        for _ in 0..POLL_ATTEMPTS {
            let log = self.take_log().await;
            if !log.is_empty() {
                return log.into_iter().collect::<Vec<_>>().join("\n");
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the browser logs nothing");
    }

    /// What `script` returns.
    pub async fn value(&self, script: &str, arguments: &[Value]) -> Value {
        self.driver.execute(script, arguments.to_vec()).await.expect("the script runs")
    }

    /// What `script` hands to its last argument.
    pub async fn async_value(&self, script: &str) -> Value {
        self.driver.execute_async(script, Vec::new()).await.expect("the script runs")
    }

    /// Sends a command of the Chrome `DevTools` Protocol.
    pub async fn devtools(&self, method: &'static str, parameters: Value) {
        self.driver.issue_cmd(Execute { method, parameters }).await.expect(method);
    }

    /// Loads the page anew.
    pub async fn reload(&self) {
        self.driver.refresh().await.expect("the page");
    }

    /// The page's title.
    pub async fn title(&self) -> String {
        self.driver.title().await.expect("a title")
    }

    /// Waits until `script` returns true.
    pub async fn wait_until(&self, what: &str, script: &str, arguments: &[Value]) {
        for _ in 0..POLL_ATTEMPTS {
            if self.value(script, arguments).await == true {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("{what} never came. {}", self.page_content().await);
    }

    /// What there is, to tell in a test that failed.
    async fn page_content(&self) -> String {
        let text = self.value("return document.body.innerText", &[]).await;
        format!("There is: {text}, and in the log: {:?}", self.take_log().await)
    }

    /// Waits until this text can be read.
    pub async fn wait_for_text(&self, text: &str) {
        const SEES: &str = "return document.body.innerText.replace(/\\s+/g, ' ').includes(arguments[0])";
        self.wait_until(&format!("“{text}”"), SEES, &[json!(text)]).await;
    }

    /// Waits until this text can't be read any more.
    pub async fn wait_until_gone(&self, text: &str) {
        const LACKS: &str = "return !document.body.innerText.replace(/\\s+/g, ' ').includes(arguments[0])";
        self.wait_until(&format!("the end of “{text}”"), LACKS, &[json!(text)]).await;
    }

    /// Whether a button or link is called `name`.
    pub async fn has_button(&self, name: &str) -> bool {
        !self.value(FIND, &[json!(BUTTONS), json!(name)]).await.is_null()
    }

    /// Whether there is a field with this label.
    pub async fn has_field(&self, label: &str) -> bool {
        !self.value(FIND, &[json!(FIELDS), json!(label)]).await.is_null()
    }

    async fn find(&self, selector: &str, name: &str) -> Element {
        for _ in 0..POLL_ATTEMPTS {
            let found = self.value(FIND, &[json!(selector), json!(name)]).await;
            if let Some(id) = found.get(ELEMENT).and_then(Value::as_str) {
                return Element::from_element_id(self.driver.clone(), ElementRef::from(id.to_owned()));
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("nothing is called “{name}”. {}", self.page_content().await);
    }

    /// Clicks, once what is above is scrolled away.
    async fn click_on(element: &Element) {
        let scroll = "arguments[0].scrollIntoView({ block: 'center' })";
        let reference = json!({ELEMENT: String::from(element.element_id())});
        element.clone().client().execute(scroll, vec![reference]).await.expect("it is there");
        element.click().await.expect("it can be clicked");
    }

    /// Clicks on a button or link.
    pub async fn click(&self, name: &str) {
        Self::click_on(&self.find(BUTTONS, name).await).await;
    }

    /// Clicks on the button that sends a form, which what opened it may be called like.
    pub async fn submit(&self, name: &str) {
        Self::click_on(&self.find("form button[type=submit]", name).await).await;
    }

    /// A field, by its label.
    pub async fn field(&self, label: &str) -> Element {
        self.find(FIELDS, label).await
    }

    /// Types a text into a field, instead of what is in it.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.expect("it can be written to");
        field.send_keys(text).await.expect("it can be written to");
    }

    /// Clicks on a checkbox or radio button.
    pub async fn check(&self, label: &str) {
        Self::click_on(&self.field(label).await).await;
    }

    /// Chooses one of a list.
    pub async fn choose(&self, label: &str, option: &str) {
        self.field(label).await.select_by_label(option).await.expect("it can be chosen");
    }

    /// What stands in a field.
    pub async fn field_value(&self, label: &str) -> String {
        self.field(label).await.prop("value").await.expect("a value").unwrap_or_default()
    }

    /// Presses keys, wherever the focus is.
    pub async fn press(&self, keys: &str) {
        let focused = self.driver.active_element().await.expect("something has the focus");
        focused.send_keys(keys).await.expect("they are pressed");
    }

    /// What a screen reader says has the focus.
    pub async fn focused(&self) -> String {
        const FOCUSED: &str = "const one = document.activeElement;
            return one.ariaLabel ?? (one.labels?.[0] ?? one).textContent.replace(/\\s+/g, ' ').trim()";
        self.value(FOCUSED, &[]).await.as_str().unwrap_or_default().to_owned()
    }

    /// What the complaint about a field says, which a screen reader reads with the field.
    pub async fn field_error(&self, label: &str) -> String {
        let field = self.field(label).await;
        let id = field.attr("aria-describedby").await.expect("attributes").unwrap_or_default();
        let id = id.split(' ').next_back().unwrap_or_default().to_owned();
        let text = "return document.getElementById(arguments[0])?.innerText ?? ''";
        self.wait_until(
            "a complaint",
            "return document.getElementById(arguments[0])?.innerText > ''",
            &[json!(id)],
        )
        .await;
        self.value(text, &[json!(id)]).await.as_str().unwrap_or_default().to_owned()
    }

    /// The texts of a list's cells, row by row.
    pub async fn rows(&self) -> Vec<Vec<String>> {
        self.wait_until(
            "the list",
            "return document.querySelector('.list')?.getAttribute('aria-busy') === 'false'",
            &[],
        )
        .await;
        let rows = "return [...document.querySelectorAll('tbody tr')].map((row) =>
            [...row.querySelectorAll('.cell-value')].map((cell) => cell.innerText))";
        serde_json::from_value(self.value(rows, &[]).await).expect("rows of cells")
    }

    /// Waits until the list has so many rows.
    pub async fn wait_for_rows(&self, count: usize) -> Vec<Vec<String>> {
        for _ in 0..POLL_ATTEMPTS {
            let rows = self.rows().await;
            if rows.len() == count {
                return rows;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("there are never {count} rows: {:?}", self.rows().await);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        assert!(self.has_ended || thread::panicking(), "a test has to say what the browser may have logged");
    }
}

/// A line of the log, without what is different each time.
fn shortened(message: &str) -> String {
    let Some((url, failed)) = message.split_once(" - Failed to load resource: ") else {
        return message.to_owned();
    };
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let status = failed.split_once("a status of ").map_or(failed, |(_, status)| &status[..3]);
    format!("{status} /{path}")
}
