//! Tests of the dashboard in Chromium. A test clicks and types like a user, and finds elements by their accessible names.
//!
//! The tests need Chromium and its driver. `bash .ci/browser` installs both and runs the tests.
//!
//! A test fails if the browser logs a message that the test does not expect: an exception, a failed request, or a
//! violation of the content security policy.

mod account;
mod account_usage;
mod audit_events;
mod authenticator;
mod chromedriver;
mod create_key;
mod each_screen;
mod forgotten_password;
mod invitations;
mod key_list;
mod key_page;
mod keys;
mod login;
mod members;
mod menus;
mod network;
mod new_login;
mod passkeys;
mod password;
mod revoke_key;
mod revoke_keys;
mod rotate_key;
mod safety;
mod session_end;
mod sessions;
mod stage;
mod step_up;

use std::{collections::BTreeSet, thread, time::Duration};

use fantoccini::{
    Client,
    elements::{Element, ElementRef},
    key::Key,
};
use serde_json::{Value, json};
use shared::primitives::clock::Clock;
use tokio::time::sleep;

use crate::{
    browser::chromedriver::{Chromedriver, Execute, TakeLog},
    service::{Account, Credential, OwnService, PASSWORD},
};

/// A browser that displays the dashboard of a service of its own.
pub struct Browser {
    pub service: OwnService,
    pub driver: Client,
    /// Whether the test has called [`Browser::end`].
    has_ended: bool,
    _chromedriver: Chromedriver,
}

/// The number of attempts to find an element or text before a test fails. They are 50 milliseconds apart.
const POLL_ATTEMPTS: usize = 200;

/// A script that returns the visible element with this selector and name, or null. It searches the open dialog or, if there
/// is none, the page.
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
/// The field that contains the id in `WebDriver`'s reference to an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const BUTTONS: &str = "button, a[href], summary";
const FIELDS: &str = "input, select, textarea";

impl Browser {
    /// Starts a service with the real time and opens its dashboard.
    pub async fn open() -> Self {
        // Boxed, because it is too large for the stack.
        let service = Box::pin(OwnService::start_with(|options| options.clock = Clock::system())).await;
        let url = format!("{}/", service.url);
        Box::pin(Self::open_at(service, &url)).await
    }

    /// Opens the dashboard of `service` at `url`.
    pub async fn open_at(service: OwnService, url: &str) -> Self {
        let (chromedriver, driver) = Chromedriver::start().await;
        driver.goto(url).await.expect("the page");
        Self { service, driver, has_ended: false, _chromedriver: chromedriver }
    }

    /// Opens the dashboard of `service` at `localhost`, because browsers accept no passkeys for an IP address.
    pub async fn open_at_localhost(service: OwnService) -> Self {
        let url = format!("{}/", service.url.replace("127.0.0.1", "localhost"));
        Box::pin(Self::open_at(service, &url)).await
    }

    /// Starts a service with an account, opens its dashboard, and logs in as the account's first member.
    pub async fn logged_in() -> (Self, Account) {
        let browser = Box::pin(Self::open()).await;
        let account = browser.service.account().await;
        browser.log_in(&account.email).await;
        browser.wait_for_text("Your servers use these keys to authenticate to the API.").await;
        (browser, account)
    }

    /// Logs in as a member whose password is [`PASSWORD`].
    pub async fn log_in(&self, email: &str) {
        self.log_in_with(email, PASSWORD).await;
    }

    pub async fn log_in_with(&self, email: &str, password: &str) {
        self.fill("Email", email).await;
        self.fill("Password", password).await;
        self.click("Log in").await;
    }

    /// The session of the page.
    pub async fn session(&self) -> Credential {
        let token = self.value("return sessionStorage.session", &[]).await;
        Credential::session(token.as_str().expect("a token"))
    }

    /// Moves the clock of the page, but not that of the service, by this many minutes. Waits first until the screen has loaded: a
    /// response that came later would be another use of the session.
    pub async fn move_clock(&self, minutes: u32) {
        const HAS_LOADED: &str = "return document.querySelector('main [aria-busy=true]:not(form)') === null";
        self.wait_until("the screen to load", HAS_LOADED, &[]).await;
        let script =
            "const [minutes] = arguments; const now = Date.now; Date.now = () => now() + minutes * 60_000";
        self.value(script, &[json!(minutes)]).await;
    }

    /// Opens a screen by its link in the menu.
    pub async fn go(&self, screen: &str) {
        self.click(screen).await;
        self.wait_until(
            &format!("the screen {screen}"),
            "return document.querySelector('h1')?.textContent === arguments[0]",
            &[json!(screen)],
        )
        .await;
    }

    /// Ends the test. Panics unless the browser's log consists of exactly the messages in `expected`.
    #[track_caller]
    pub fn end(mut self, expected: &[&str]) -> impl Future<Output = ()> {
        self.has_ended = true;
        let expected: BTreeSet<String> = expected.iter().map(|&line| line.to_owned()).collect();
        async move {
            assert_eq!(self.take_log().await, expected);
            self.driver.clone().close().await.expect("the browser closes");
        }
    }

    /// Takes the messages that the browser has logged since the last call. A failed request is `STATUS PATH`. Leaves out the advice about
    /// forms without an address: the screens that a link with a token opens cannot know whose it is.
    pub async fn take_log(&self) -> BTreeSet<String> {
        let log = self.driver.issue_cmd(TakeLog).await.expect("the log");
        let entries = log.as_array().expect("entries");
        let messages = entries.iter().map(|entry| entry["message"].as_str().expect("a message"));
        let is_advice = |message: &&str| message.contains("(optionally hidden) username fields");
        messages.filter(|message| !is_advice(message)).map(shortened).collect()
    }

    /// Waits until the browser has logged messages, and takes them.
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

    /// Runs a script and returns its result.
    pub async fn value(&self, script: &str, arguments: &[Value]) -> Value {
        self.driver.execute(script, arguments.to_vec()).await.expect("the script runs")
    }

    /// Runs a script and returns the value that it passes to its last argument, a callback.
    pub async fn async_value(&self, script: &str) -> Value {
        self.driver.execute_async(script, Vec::new()).await.expect("the script runs")
    }

    /// Sends a command of the Chrome `DevTools` Protocol.
    pub async fn devtools(&self, method: &'static str, parameters: Value) {
        self.driver.issue_cmd(Execute { method, parameters }).await.expect(method);
    }

    pub async fn reload(&self) {
        self.driver.refresh().await.expect("the page");
    }

    pub async fn title(&self) -> String {
        self.driver.title().await.expect("a title")
    }

    /// Waits until `script` returns true. `description` says what it waits for, in case of a timeout.
    pub async fn wait_until(&self, description: &str, script: &str, arguments: &[Value]) {
        for _ in 0..POLL_ATTEMPTS {
            if self.value(script, arguments).await == true {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("timed out waiting for {description}. {}", self.page_content().await);
    }

    /// The text of the page and the browser's log, for the message of a failed test.
    async fn page_content(&self) -> String {
        let text = self.value("return document.body.innerText", &[]).await;
        format!("The page contains: {text}. The log contains: {:?}", self.take_log().await)
    }

    /// Waits until the page contains this text.
    pub async fn wait_for_text(&self, text: &str) {
        const CONTAINS: &str = "return document.body.innerText.replace(/\\s+/g, ' ').includes(arguments[0])";
        self.wait_until(&format!("“{text}”"), CONTAINS, &[json!(text)]).await;
    }

    /// Waits until the page does not contain this text.
    pub async fn wait_until_gone(&self, text: &str) {
        const LACKS: &str = "return !document.body.innerText.replace(/\\s+/g, ' ').includes(arguments[0])";
        self.wait_until(&format!("a page without “{text}”"), LACKS, &[json!(text)]).await;
    }

    /// Returns true if there is a visible button or link with this name.
    pub async fn has_button(&self, name: &str) -> bool {
        !self.value(FIND, &[json!(BUTTONS), json!(name)]).await.is_null()
    }

    /// Returns true if there is a visible field with this label.
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
        panic!("no visible element is named “{name}”. {}", self.page_content().await);
    }

    /// Scrolls the element to the center of the window, so that nothing covers it, and clicks it.
    async fn click_on(element: &Element) {
        let scroll = "arguments[0].scrollIntoView({ block: 'center' })";
        let reference = json!({ELEMENT: String::from(element.element_id())});
        element.clone().client().execute(scroll, vec![reference]).await.expect("the element exists");
        element.click().await.expect("the element can be clicked");
    }

    /// Clicks a button or link.
    pub async fn click(&self, name: &str) {
        Self::click_on(&self.find(BUTTONS, name).await).await;
    }

    /// Chooses an action from the menu of a row. `target` is what the row shows.
    pub async fn act(&self, action: &str, target: &str) {
        self.click(&format!("Actions for {target}")).await;
        Self::click_on(&self.find("[role=menuitem]", action).await).await;
    }

    /// Returns the actions in the menu of a row, without choosing one.
    pub async fn actions(&self, target: &str) -> Vec<String> {
        self.click(&format!("Actions for {target}")).await;
        let items = "return [...document.querySelectorAll('[role=menuitem]')].map((item) => item.innerText)";
        let items = serde_json::from_value(self.value(items, &[]).await).expect("texts");
        self.press(&Key::Escape).await;
        items
    }

    /// Clicks the submit button of a form. Unlike [`Self::click`], this ignores a button of the same name that opened the
    /// form.
    pub async fn submit(&self, name: &str) {
        Self::click_on(&self.find("form button[type=submit]", name).await).await;
    }

    /// Finds a field by its label.
    pub async fn field(&self, label: &str) -> Element {
        self.find(FIELDS, label).await
    }

    /// Replaces the content of a field by typing.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.expect("the field is editable");
        field.send_keys(text).await.expect("the field is editable");
    }

    /// Clicks a checkbox or radio button.
    pub async fn check(&self, label: &str) {
        Self::click_on(&self.field(label).await).await;
    }

    /// Selects an option of a drop-down list.
    pub async fn choose(&self, label: &str, option: &str) {
        self.field(label).await.select_by_label(option).await.expect("the option exists");
    }

    /// The content of a field.
    pub async fn field_value(&self, label: &str) -> String {
        self.field(label).await.prop("value").await.expect("a value").unwrap_or_default()
    }

    /// Sends keys to the focused element.
    pub async fn press(&self, keys: &str) {
        let focused = self.driver.active_element().await.expect("a focused element");
        focused.send_keys(keys).await.expect("the keys are pressed");
    }

    /// The accessible name of the focused element.
    pub async fn focused(&self) -> String {
        const FOCUSED: &str = "const one = document.activeElement;
            return one.ariaLabel ?? (one.labels?.[0] ?? one).textContent.replace(/\\s+/g, ' ').trim()";
        self.value(FOCUSED, &[]).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits for the error message of a field, which `aria-describedby` refers to, and returns it.
    pub async fn field_error(&self, label: &str) -> String {
        let field = self.field(label).await;
        let id = field.attr("aria-describedby").await.expect("attributes").unwrap_or_default();
        let id = id.split(' ').next_back().unwrap_or_default().to_owned();
        let text = "return document.getElementById(arguments[0])?.innerText ?? ''";
        self.wait_until(
            "an error message",
            "return document.getElementById(arguments[0])?.innerText > ''",
            &[json!(id)],
        )
        .await;
        self.value(text, &[json!(id)]).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the list is loaded, and returns the texts of its cells by rows, without the checkboxes.
    pub async fn rows(&self) -> Vec<Vec<String>> {
        self.wait_until(
            "the list",
            "return document.querySelector('.list')?.getAttribute('aria-busy') === 'false'",
            &[],
        )
        .await;
        let rows = "return [...document.querySelectorAll('.list tbody tr')].map((row) =>
            [...row.querySelectorAll('td:not(.select) .cell-value')].map((cell) => cell.innerText))";
        serde_json::from_value(self.value(rows, &[]).await).expect("rows of cells")
    }

    /// Waits until the list has `count` rows, and returns the texts of their cells.
    pub async fn wait_for_rows(&self, count: usize) -> Vec<Vec<String>> {
        for _ in 0..POLL_ATTEMPTS {
            let rows = self.rows().await;
            if rows.len() == count {
                return rows;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the list does not have {count} rows: {:?}", self.rows().await);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        assert!(self.has_ended || thread::panicking(), "a test must end with `Browser::end`");
    }
}

/// Shortens the message of a failed request to `STATUS PATH`, because the rest differs between runs. Returns other messages
/// unchanged.
fn shortened(message: &str) -> String {
    let Some((url, reason)) = message.split_once(" - Failed to load resource: ") else {
        return message.to_owned();
    };
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let status = reason.split_once("a status of ").map_or(reason, |(_, status)| &status[..3]);
    format!("{status} /{path}")
}
