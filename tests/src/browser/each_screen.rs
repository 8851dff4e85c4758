//! Checks every screen in both themes and at several widths: that its content fits, and that axe finds no violation. Saves a
//! picture of each in `target/dashboard`.

use std::{fs, path::PathBuf};

use fantoccini::key::Key;
use serde_json::json;
use shared::primitives::clock::Clock;
use time::Duration;

use crate::{
    browser::{
        Browser,
        authenticator::{Authenticator, OFFER_NO_PASSKEY},
    },
    response::text,
    service::{Credential, OwnService, key_path},
};

/// The widths of the window in CSS pixels, from a small phone to a large monitor.
const WIDTHS: [u32; 4] = [360, 768, 1280, 1600];
const THEMES: [&str; 2] = ["light", "dark"];

/// A script that shows each key as busy on all days but two, because the tests can't send requests on earlier days.
const BUSY_KEYS: &str = "const send = window.fetch;
    window.fetch = async (url, request) => {
      const response = await send(url, request);
      if (!url.includes('/usage?')) return response;
      const days = Number(new URL(url).searchParams.get('days'));
      const data = Array.from({ length: days }, (_, index) => ({
        date: new Date(Date.now() - index * 86400000).toISOString().slice(0, 10),
        requests: (index * 7919) % 1300 + 40,
        rate_limited: index % 6 === 0 ? index * 37 % 401 * 3 : 0,
      }));
      return Response.json({ data: data.filter((_, index) => index !== 4 && index !== 11) });
    }";

/// The script axe-core, which checks a page by the rules of WCAG. The environment variable `AXE` contains its path.
#[expect(clippy::disallowed_methods, reason = "only the environment of the test run names it")]
fn axe() -> String {
    let file = std::env::var("AXE").expect("`AXE`, which `bash .ci/browser` sets");
    fs::read_to_string(&file).expect(&file)
}

/// The folder for the pictures.
fn pictures() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/dashboard");
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

struct Inspector<'a> {
    browser: &'a Browser,
    axe: String,
    problems: Vec<String>,
}

impl Inspector<'_> {
    /// Checks the current screen in each theme and at each width. `name` is used in messages and file names.
    async fn inspect(&mut self, name: &str) {
        for theme in THEMES {
            let features = json!([{"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": "reduce"}]);
            self.browser.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
            for width in WIDTHS {
                let height = if width == 360 { 740 } else { 900 };
                let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
                self.browser.devtools("Emulation.setDeviceMetricsOverride", size).await;
                self.inspect_at_width(&format!("{name}-{theme}-{width}"), width).await;
            }
        }
        self.browser.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    }

    async fn inspect_at_width(&mut self, name: &str, width: u32) {
        // The elements whose content is wider than they are.
        let fits = "const all = [document.documentElement, ...document.querySelectorAll('dialog, main, .table-wrapper, tbody, tbody tr, td, .field')];
            return all.filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0).map((one) => one.outerHTML.slice(0, 120))";
        let wide = self.browser.value(fits, &[]).await;
        if wide != json!([]) {
            self.problems.push(format!("{name} is too wide: {wide}"));
        }
        let picture = pictures().join(format!("{name}.png"));
        fs::write(picture, self.browser.driver.screenshot().await.expect("a picture"))
            .expect("the picture is saved");
        if width == 360 || width == 1280 {
            self.browser.value(&self.axe, &[]).await;
            let run = "const done = arguments[0]; axe.run().then(({ violations, passes }) =>
                done(passes.length < 10 ? ['axe ran fewer than 10 checks'] : violations.map(({ id, nodes }) => `${id}: ${nodes.map((one) => `${one.html} ${one.failureSummary}`).join(' | ')}`)),
                (error) => done([String(error)]))";
            let violations = self.browser.async_value(run).await;
            for violation in violations.as_array().expect("violations") {
                self.problems.push(format!("{name}: {violation}"));
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn every_screen_fits_and_has_no_axe_violations() {
    let service = Box::pin(OwnService::start_with(|options| options.clock = Clock::system())).await;
    let browser = Browser::open_at_localhost(service).await;
    let account = browser.service.account_with_email("ada@example.com".to_owned()).await;
    let mut inspector = Inspector { browser: &browser, axe: axe(), problems: Vec::new() };
    browser.wait_for_text("Log in to MedTWIN").await;
    inspector.inspect("login").await;
    browser.log_in_with(&account.email, "wrong").await;
    browser.wait_for_text("Incorrect email or password.").await;
    inspector.inspect("login-refused").await;
    browser.click("Forgot password?").await;
    browser.wait_for_text("Forgot your password?").await;
    inspector.inspect("forgot-password").await;
    browser.fill("Email", "ada@example.com").await;
    browser.click("Send link").await;
    browser.wait_for_text("is on its way").await;
    inspector.inspect("forgot-password-sent").await;
    for link in ["reset-password", "accept-invitation"] {
        browser.value("location.hash = `#/${arguments[0]}/token`", &[json!(link)]).await;
        browser.wait_for_text("15 to 128 characters.").await;
        inspector.inspect(link).await;
    }
    browser.reload().await;
    browser.log_in(&account.email).await;
    browser.wait_for_text("No API keys").await;
    inspector.inspect("keys-none").await;
    create_typical_data(&browser, &account.session).await;

    browser.reload().await;
    browser.wait_for_rows(5).await;
    inspector.inspect("keys").await;
    create_long_names(&browser, &account.session).await;
    browser.choose("Filter by status", "Any status").await;
    browser.wait_for_rows(8).await;
    inspector.inspect("keys-long-names").await;
    browser.fill("Search by name, last 4 characters or project", "nothing").await;
    browser.wait_for_text("No matching API keys").await;
    inspector.inspect("keys-none-found").await;
    browser.click("Clear filters").await;

    browser.click("Create API key").await;
    browser.fill("Name", "Production Server").await;
    inspector.inspect("create-key").await;
    browser.check("Selected projects").await;
    browser.fill("Project to add", "Sleep and memory").await;
    browser.click("Add").await;
    browser.fill("Project to add", "proj_abc123").await;
    browser.click("Add").await;
    browser.fill("Project to add", "wrong").await;
    browser.click("Add").await;
    browser.wait_for_text("“wrong” is not a project name or ID.").await;
    inspector.inspect("create-key-projects").await;
    browser.fill("Project to add", "").await;
    browser.click("Create key").await;
    browser.wait_for_text("You won’t see it again").await;
    inspector.inspect("secret").await;
    browser.click("Done").await;
    inspector.inspect("secret-saved").await;
    browser.click("Yes, I saved it").await;

    inspect_actions(&mut inspector).await;
    inspect_key_and_usage(&mut inspector, &account.session).await;
    inspect_other_screens(&mut inspector).await;
    inspect_passkeys(&mut inspector, &account.email).await;

    let narrow = json!({"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": false});
    browser.devtools("Emulation.setDeviceMetricsOverride", narrow).await;
    browser.click("Menu").await;
    browser.wait_for_text("Log out").await;
    inspector.inspect_at_width("menu-dark-360", 360).await;
    let problems = inspector.problems;
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    browser.end(&["401 /v1/auth/login", "401 /v1/auth/login/second-factor"]).await;
}

/// The menu of a key, and the dialogs of its actions.
async fn inspect_actions(inspector: &mut Inspector<'_>) {
    let browser = inspector.browser;
    browser.click("Actions for Nightly export").await;
    inspector.inspect("keys-menu").await;
    browser.press(&Key::Escape).await;
    browser.check("Select Nightly export").await;
    browser.check("Select Continuous integration").await;
    inspector.inspect("keys-selected").await;
    browser.click("Revoke selected keys").await;
    inspector.inspect("revoke-keys").await;
    browser.click("Cancel").await;

    browser.act("Rotate", "Ward server").await;
    inspector.inspect("rotate").await;
    browser.click("Rotate key").await;
    browser.wait_for_text("The old secret works until").await;
    inspector.inspect("rotated").await;
    browser.click("Done").await;
    browser.click("Yes, I saved it").await;
    browser.act("Revoke", "Ward server").await;
    browser.click("Revoke key").await;
    browser.wait_for_text("The name doesn’t match.").await;
    inspector.inspect("revoke").await;
    browser.click("Cancel").await;
}

async fn inspect_key_and_usage(inspector: &mut Inspector<'_>, session: &Credential) {
    let browser = inspector.browser;
    browser.value(BUSY_KEYS, &[]).await;
    browser.click("Ward server").await;
    browser.wait_for_text("This key has two secrets").await;
    browser.wait_for_text("1,848 more exceeded the rate limit.").await;
    browser.rows().await;
    browser.value("document.querySelector('.usage-chart').scrollIntoView()", &[]).await;
    inspector.inspect("key-usage").await;
    browser.click("Show the numbers as a table").await;
    browser.choose("Method", "DELETE").await;
    browser.click("Test").await;
    browser.wait_for_text("Denied with 403.").await;
    inspector.inspect("key").await;
    browser.click("End the old secret now").await;
    inspector.inspect("end-old-secret").await;
    browser.click("Cancel").await;
    browser.click("Disable").await;
    inspector.inspect("disable").await;
    browser.click("Cancel").await;
    open_key_with_long_values(browser, session).await;
    inspector.inspect("key-long-values").await;

    browser.go("Usage").await;
    browser.wait_for_text("keys were used in this period.").await;
    browser.rows().await;
    inspector.inspect("usage").await;
}

async fn inspect_other_screens(inspector: &mut Inspector<'_>) {
    let browser = inspector.browser;
    browser.go("Account").await;
    browser.fill("Days until an unused API key becomes idle", "1").await;
    browser.submit("Save").await;
    browser.wait_for_text("Enter a whole number from 7 to 3650.").await;
    inspector.inspect("account").await;
    browser.go("Team members").await;
    browser.wait_for_rows(3).await;
    inspector.inspect("members").await;
    browser.click("Invite member").await;
    inspector.inspect("invite-member").await;
    browser.fill("Email", "barbara@example.com").await;
    browser.submit("Invite member").await;
    browser.wait_for_text("You won’t see it again.").await;
    inspector.inspect("invitation").await;
    browser.click("Done").await;
    browser.act("Revoke all keys", "grace@example.com").await;
    inspector.inspect("revoke-keys-of-member").await;
    browser.click("Cancel").await;
    browser.act("Edit", "grace@example.com").await;
    inspector.inspect("change-member").await;
    browser.press(&Key::Escape).await;
    browser.service.login("grace@example.com").await;
    browser.act("Sessions…", "grace@example.com").await;
    // Four members, and the sessions of the acceptance and of the login.
    browser.wait_for_rows(6).await;
    inspector.inspect("member-sessions").await;
    browser.press(&Key::Escape).await;
    browser.go("Audit events").await;
    browser.rows().await;
    inspector.inspect("audit-events").await;
    browser.go("Sessions").await;
    browser.rows().await;
    inspector.inspect("sessions").await;
    browser.click("End all other sessions").await;
    inspector.inspect("end-other-sessions").await;
    browser.click("Cancel").await;
    browser.go("Password").await;
    inspector.inspect("password").await;
}

/// Adds a passkey, logs out and in again.
async fn inspect_passkeys(inspector: &mut Inspector<'_>, email: &str) {
    let browser = inspector.browser;
    Authenticator::add(browser, "internal").await;
    browser.value(OFFER_NO_PASSKEY, &[]).await;
    browser.go("Passkeys").await;
    browser.rows().await;
    inspector.inspect("passkeys-none").await;
    browser.click("Add passkey").await;
    inspector.inspect("add-passkey").await;
    browser.submit("Add passkey").await;
    browser.wait_for_text("You won’t see them again.").await;
    inspector.inspect("recovery-codes").await;
    browser.click("Done").await;
    inspector.inspect("recovery-codes-saved").await;
    browser.click("Yes, I saved them").await;
    browser.wait_for_rows(1).await;
    inspector.inspect("passkeys").await;
    browser.click("Log out").await;
    browser.wait_for_text("Log in to MedTWIN").await;
    inspector.inspect("login-with-passkey").await;
    browser.log_in(email).await;
    browser.wait_for_text("Use a recovery code instead").await;
    inspector.inspect("second-factor").await;
    browser.click("Use a recovery code instead").await;
    browser.fill("Recovery code", "wrong").await;
    browser.click("Use recovery code").await;
    browser.wait_for_text("This recovery code is not valid, or it took too long.").await;
    inspector.inspect("recovery-code").await;
    browser.click("Start over").await;
    browser.log_in(email).await;
    browser.wait_for_text("Use a recovery code instead").await;
    browser.spoil_passkey().await;
    browser.click("Use passkey").await;
    browser.wait_for_text("This passkey is not valid here, or it took too long.").await;
    inspector.inspect("passkey-rejected").await;
    browser.click("Start over").await;
    browser.log_in(email).await;
    browser.click("Use passkey").await;
    browser.wait_for_rows(1).await;
}

/// Creates the data of an account that has been in use for some months.
async fn create_typical_data(browser: &Browser, session: &Credential) {
    let service = &browser.service;
    for name in ["Sleep and memory", "Ward 7"] {
        service.post("/v1/projects", session, json!({"name": name})).await.expect(201);
    }
    for (email, permissions) in
        [("grace@example.com", &["read", "write"][..]), ("alan@example.com", &["read"])]
    {
        let (_, id) = service.member_with_email(session, email, permissions).await;
        if email.starts_with("alan") {
            let path = format!("/v1/members/{id}");
            service.patch(&path, session, json!({"status": "suspended"})).await.expect(200);
        }
    }
    let (_, old) = service.key(session, json!({"name": "Old importer"})).await;
    service.delete(&key_path(&old), session).await.expect(204);
    service.key(session, json!({"name": "Laptop", "type": "test", "permissions": ["read"]})).await;
    let in_90_days = (Clock::system().now_utc() + Duration::days(90)).date();
    for key in [
        json!({"name": "Nightly export", "permissions": ["read"], "expires_at": format!("{in_90_days}T12:00:00Z")}),
        json!({"name": "Continuous integration", "type": "test", "permissions": ["read", "write", "delete"]}),
        json!({"name": "Ward server", "permissions": ["read", "write"], "scope": {"projects": ["proj_ward7"]}}),
        json!({"name": "Production Server"}),
    ] {
        let (credential, _) = service.key(session, key).await;
        service.me(&credential).await.expect(200);
    }
}

/// Creates an API key whose name, projects and addresses are very long, and opens its page.
async fn open_key_with_long_values(browser: &Browser, session: &Credential) {
    let projects: Vec<_> = (0..9).map(|number| format!("proj_{number}{}", "a".repeat(63))).collect();
    let addresses: Vec<_> =
        (0..9).map(|number| format!("2001:db8:aaaa:bbbb:cccc:dddd:{number}::/112")).collect();
    let fields = json!({"name": "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverwaltung",
        "scope": {"projects": projects}, "allowed_ips": addresses});
    let (_, key) = browser.service.key(session, fields).await;
    browser.value("location.hash = `#/api-keys/${arguments[0]}`", &[json!(text(&key, "id"))]).await;
    browser.wait_for_text("in 30 days.").await;
    browser.rows().await;
}

/// Creates API keys with very long names and project ids.
async fn create_long_names(browser: &Browser, session: &Credential) {
    let name = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverwaltung";
    let projects = json!({"projects": [format!("proj_{}", "a".repeat(64)), "proj_b"]});
    browser.service.key(session, json!({"name": name, "scope": projects})).await;
    browser
        .service
        .key(session, json!({"name": "Export of everything that was measured ".repeat(3).trim()[..100]}))
        .await;
}
