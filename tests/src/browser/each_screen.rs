//! Each screen, in both themes and on screens of all sizes: what axe says of it, and whether it fits. Leaves a picture of
//! each in `target/dashboard`.

use std::{fs, path::PathBuf};

use fantoccini::key::Key;
use serde_json::json;
use shared::primitives::clock::Clock;
use time::Duration;

use crate::{
    browser::Browser,
    response::text,
    service::{Credential, PASSWORD, key_path},
};

/// Widths of screens, in CSS pixels, from a small phone to a large desk.
const WIDTHS: [u32; 4] = [360, 768, 1280, 1600];
const THEMES: [&str; 2] = ["light", "dark"];

/// Where axe-core is, which checks a page by the rules of WCAG.
#[expect(clippy::disallowed_methods, reason = "only those who run the tests know")]
fn axe() -> String {
    let file = std::env::var("AXE").expect("AXE, as bash .ci/browser sets it");
    fs::read_to_string(&file).expect(&file)
}

/// Where pictures go.
fn pictures() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/dashboard");
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

struct Looker<'a> {
    browser: &'a Browser,
    axe: String,
    faults: Vec<String>,
}

impl Looker<'_> {
    /// Looks at what there is, which is called `name`, in each theme and at each width.
    async fn look(&mut self, name: &str) {
        for theme in THEMES {
            let features = json!([{"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": "reduce"}]);
            self.browser.devtools("Emulation.setEmulatedMedia", json!({"features": features})).await;
            for width in WIDTHS {
                let height = if width == 360 { 740 } else { 900 };
                let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
                self.browser.devtools("Emulation.setDeviceMetricsOverride", size).await;
                self.judge(&format!("{name}-{theme}-{width}"), width).await;
            }
        }
        self.browser.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    }

    async fn judge(&mut self, name: &str, width: u32) {
        // What is wider than the screen, or hangs out of a dialog.
        let fits = "const all = [document.documentElement, ...document.querySelectorAll('dialog, main, .scroller, tbody, tbody tr, td, .field')];
            return all.filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0).map((one) => one.outerHTML.slice(0, 120))";
        let wide = self.browser.value(fits, &[]).await;
        if wide != json!([]) {
            self.faults.push(format!("{name} is too wide: {wide}"));
        }
        let picture = pictures().join(format!("{name}.png"));
        fs::write(picture, self.browser.driver.screenshot().await.expect("a picture")).expect("it is kept");
        if width == 360 || width == 1280 {
            self.browser.value(&self.axe, &[]).await;
            let run = "const done = arguments[0]; axe.run().then(({ violations, passes }) =>
                done(passes.length < 10 ? ['axe has hardly looked'] : violations.map(({ id, nodes }) => `${id}: ${nodes.map((one) => `${one.html} ${one.failureSummary}`).join(' | ')}`)),
                (error) => done([String(error)]))";
            let found = self.browser.later_value(run).await;
            for violation in found.as_array().expect("violations") {
                self.faults.push(format!("{name}: {violation}"));
            }
        }
    }
}

#[tokio::test]
#[ignore = "needs Chromium: bash .ci/browser"]
async fn fits_and_has_no_violation_that_axe_knows() {
    let browser = Browser::open().await;
    let account = browser.service.account_of("ada@example.com".to_owned()).await;
    let mut looker = Looker { browser: &browser, axe: axe(), faults: Vec::new() };
    browser.sees("Log in to MedTWIN").await;
    looker.look("login").await;
    browser.log_in_with(&account.email, "wrong").await;
    browser.sees("The e-mail address or the password is wrong.").await;
    looker.look("login-refused").await;
    browser.log_in(&account.email).await;
    browser.sees("No API keys").await;
    looker.look("keys-none").await;
    fill(&browser, &account.session).await;

    browser.reload().await;
    browser.sees_rows(5).await;
    looker.look("keys").await;
    fill_to_the_brim(&browser, &account.session).await;
    browser.check("Revoked ones too").await;
    browser.sees_rows(8).await;
    looker.look("keys-to-the-brim").await;
    browser.fill("Filter by name, hint or project", "nothing").await;
    browser.sees("No key is like that").await;
    looker.look("keys-none-found").await;
    browser.click("Show all keys").await;

    browser.click("Create API Key").await;
    browser.fill("Name", "Production Server").await;
    looker.look("create-key").await;
    browser.check("Only some").await;
    browser.fill("Project to add", "Sleep and memory").await;
    browser.click("Add").await;
    browser.fill("Project to add", "proj_abc123").await;
    browser.click("Add").await;
    browser.fill("Project to add", "wrong").await;
    browser.click("Add").await;
    browser.sees("“wrong” is neither").await;
    looker.look("create-key-projects").await;
    browser.fill("Project to add", "").await;
    browser.click("Create key").await;
    browser.sees("you won’t see it again").await;
    looker.look("secret").await;
    browser.click("Done").await;
    looker.look("secret-saved").await;
    browser.click("Yes, I have saved it").await;

    browser.click("Rotate Ward server").await;
    looker.look("rotate").await;
    browser.click("Rotate key").await;
    browser.sees("The old secret still works").await;
    looker.look("rotated").await;
    browser.click("Done").await;
    browser.click("Yes, I have saved it").await;
    browser.click("Revoke Ward server").await;
    browser.click("Revoke key").await;
    browser.sees("That is not its name.").await;
    looker.look("revoke").await;
    browser.click("Cancel").await;

    browser.go("Team Members").await;
    browser.sees_rows(3).await;
    looker.look("members").await;
    browser.click("Add member").await;
    looker.look("add-member").await;
    browser.click("Cancel").await;
    browser.click("Change grace@example.com").await;
    looker.look("change-member").await;
    browser.press(&Key::Escape).await;
    browser.go("Audit Events").await;
    browser.rows().await;
    looker.look("audit-events").await;
    browser.go("Sessions").await;
    browser.rows().await;
    looker.look("sessions").await;
    browser.go("Password").await;
    looker.look("password").await;

    let narrow = json!({"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": false});
    browser.devtools("Emulation.setDeviceMetricsOverride", narrow).await;
    browser.click("Menu").await;
    browser.sees("Log out").await;
    looker.judge("menu-dark-360", 360).await;
    let faults = looker.faults;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    browser.end(&["401 /v1/auth/login"]).await;
}

/// An account as one looks after some months.
async fn fill(browser: &Browser, session: &Credential) {
    let service = &browser.service;
    for name in ["Sleep and memory", "Ward 7"] {
        service.post("/v1/projects", session, json!({"name": name})).await.expect(201);
    }
    for (email, permissions) in
        [("grace@example.com", json!(["read", "write"])), ("alan@example.com", json!(["read"]))]
    {
        let member = json!({"email": email, "password": PASSWORD, "permissions": permissions});
        let member = service.post("/v1/members", session, member).await.expect(201);
        if email.starts_with("alan") {
            let path = format!("/v1/members/{}", text(&member, "id"));
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

/// Keys whose names and projects have no end.
async fn fill_to_the_brim(browser: &Browser, session: &Credential) {
    let name = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverwaltung";
    let projects = json!({"projects": [format!("proj_{}", "a".repeat(64)), "proj_b"]});
    browser.service.key(session, json!({"name": name, "scope": projects})).await;
    browser
        .service
        .key(session, json!({"name": "Export of everything that was measured ".repeat(3).trim()[..100]}))
        .await;
}
