//! The page and its files, which are compiled into the program.
//!
//! The URL of each file contains one hash over the content of all files. Modules can therefore import each other by
//! relative names, and a URL never refers to two versions of a file.

use std::{fmt::Write, sync::LazyLock};

use sha2::{Digest, Sha256};
use shared::http::caching::EntityTag;

#[derive(Debug)]
pub(crate) struct Asset {
    name: &'static str,
    pub(crate) text: &'static str,
}

pub(crate) struct Assets {
    /// First 64 bits of the SHA-256 hash over the names and contents of all files, in hexadecimal.
    hash: String,
    page: String,
    page_tag: EntityTag,
}

/// The page, with the placeholder `ASSETS` for the URL of the folder with its files.
const PAGE: &str = include_str!("../static/page.html");

macro_rules! files {
    ($($name:literal)*) => {
        &[$(Asset { name: $name, text: include_str!(concat!("../static/", $name)) }),*]
    };
}

const FILES: &[Asset] = files! {
    "accept-invitation.js"
    "account-form.js"
    "account-names.js"
    "account-usage.js"
    "account.js"
    "add-passkey.js"
    "addresses-field.js"
    "api-keys.js"
    "api.js"
    "audit-event-filters.js"
    "audit-event-list.js"
    "audit-events.js"
    "base.css"
    "busy-button.js"
    "confirm-dialog.js"
    "controls.css"
    "copy-field.js"
    "create-key.js"
    "denial-reasons.js"
    "details.css"
    "details.js"
    "dialog.js"
    "dialogs.css"
    "disable-key.js"
    "edit-key.js"
    "edit-member.js"
    "element.js"
    "end-old-secret.js"
    "expiry-field.js"
    "forgot-password.js"
    "form.js"
    "grace-period-field.js"
    "heading.js"
    "icon.svg"
    "in-parallel.js"
    "invite-member.js"
    "key-actions.js"
    "key-details.js"
    "key-filters.js"
    "key-history.js"
    "key-name.js"
    "key-order.js"
    "key-page.js"
    "key-selection.js"
    "key-usage.js"
    "known-passkey.js"
    "layout.css"
    "layout.js"
    "links.js"
    "list.js"
    "lists.css"
    "logged-out.js"
    "login-errors.js"
    "login-form.js"
    "login.js"
    "main.js"
    "member-sessions.js"
    "members.js"
    "menu.js"
    "names.js"
    "new-login.js"
    "new-password-field.js"
    "passkey-login.js"
    "passkeys.js"
    "password.js"
    "permissions.js"
    "previous-secret.js"
    "previous-session.js"
    "projects-field.js"
    "recovery-codes.js"
    "rejected-requests.js"
    "reset-password.js"
    "revoke-key.js"
    "revoke-keys.js"
    "rotate-key.js"
    "second-factor-step.js"
    "secret-dialog.js"
    "session-end.js"
    "session-list.js"
    "session.js"
    "sessions.js"
    "shown-once-dialog.js"
    "simulator.js"
    "time.js"
    "toast.js"
    "usage-chart.js"
    "usage-days.js"
    "usage-period.js"
    "webauthn.js"
};

pub(crate) static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    for Asset { name, text } in FILES {
        hasher.update(format!("{name} {}\n{text}", text.len()));
    }
    let mut hash = String::new();
    for byte in &hasher.finalize()[..8] {
        write!(hash, "{byte:02x}").expect("writing to a String never fails");
    }
    let page = PAGE.replace("ASSETS", &format!("./dashboard/assets/{hash}"));
    let page_tag = EntityTag::of(&page);
    Assets { hash, page, page_tag }
});

impl Assets {
    pub(crate) fn page(&self) -> &str {
        &self.page
    }

    pub(crate) fn page_tag(&self) -> &EntityTag {
        &self.page_tag
    }

    /// Returns the file with this name if `hash` is the current hash.
    pub(crate) fn find(&self, hash: &str, name: &str) -> Option<&'static Asset> {
        FILES.iter().filter(|_| hash == self.hash).find(|file| file.name == name)
    }
}

impl Asset {
    pub(crate) fn media_type(&self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn exactly_the_files_in_static_are_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
        let files =
            fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let served = FILES.iter().map(|file| file.name.to_owned()).chain(["page.html".to_owned()]);
        assert_eq!(files.collect::<BTreeSet<_>>(), served.collect());
    }

    #[test]
    fn imported_and_linked_files_exist() {
        let imported_name = |line: &str| {
            let (_, rest) = line.split_once(" from \"./")?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let imported = FILES.iter().flat_map(|file| file.text.lines().filter_map(imported_name));
        let linked = PAGE.split("ASSETS/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        let names: BTreeSet<String> = imported.chain(linked).collect();
        assert!(names.len() > 10, "{names:?}");
        for name in names {
            assert!(ASSETS.find(&ASSETS.hash, &name).is_some(), "{name}");
        }
    }

    #[test]
    fn every_reason_of_a_denial_is_explained() {
        let document: serde_json::Value =
            serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
        let reasons = document["components"]["schemas"]["DenialReason"]["oneOf"].as_array().unwrap();
        assert!(reasons.len() > 10, "{reasons:?}");
        let explanations = ASSETS.find(&ASSETS.hash, "denial-reasons.js").unwrap().text;
        for reason in reasons {
            let reason = reason["const"].as_str().unwrap();
            assert!(explanations.contains(&format!("\n  {reason}: \"")), "{reason}");
        }
    }

    /// The filter offers exactly the types of the API, because it rejects others.
    #[test]
    fn every_type_of_audit_events_is_offered_and_described() {
        let document: serde_json::Value =
            serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
        let parameters = document["paths"]["/v1/audit-events"]["get"]["parameters"].as_array().unwrap();
        let parameter = parameters.iter().find(|parameter| parameter["name"] == "type").unwrap();
        let types = parameter["schema"]["enum"].as_array().unwrap();
        let types: BTreeSet<&str> = types.iter().map(|name| name.as_str().unwrap()).collect();
        assert!(types.len() > 10, "{types:?}");
        let text = |name| ASSETS.find(&ASSETS.hash, name).unwrap().text;
        let offered = text("audit-event-filters.js").split("[\"").filter_map(|rest| rest.split_once("\", "));
        let offered: BTreeSet<&str> =
            offered.map(|(name, _)| name).filter(|name| name.contains('.')).collect();
        assert_eq!(offered, types);
        for name in types {
            assert!(text("audit-event-list.js").contains(&format!("\n    \"{name}\": ()")), "{name}");
        }
    }

    #[test]
    fn find_with_unknown_hash_or_name_returns_none() {
        assert!(ASSETS.find(&ASSETS.hash, "main.js").is_some());
        assert!(ASSETS.find("0000000000000000", "main.js").is_none());
        assert!(ASSETS.find("", "main.js").is_none());
        assert!(ASSETS.find(&ASSETS.hash, "page.html").is_none());
    }

    #[test]
    fn files_use_no_feature_that_the_policy_forbids() {
        for Asset { name, text } in FILES {
            for forbidden in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage"]
            {
                // It remembers that a passkey exists, and nothing about whose it is.
                let is_allowed = *name == "known-passkey.js" && forbidden == "localStorage";
                assert!(is_allowed || !text.contains(forbidden), "{name}: {forbidden}");
            }
        }
        for forbidden in ["<script>", "style=", " onclick", "<style", "http:", "https:"] {
            assert!(!PAGE.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn modules_never_write_to_computed_property_names() {
        let modules = FILES.iter().filter(|file| file.media_type().starts_with("text/javascript"));
        for Asset { name, text } in modules {
            for forbidden in ["__proto__", "prototype", "Object.assign", "fromEntries"] {
                assert!(!text.contains(forbidden), "{name}: {forbidden}");
            }
            for line in text.lines().filter(|line| line.contains("] = ")) {
                let is_destructuring = line.trim_start().starts_with("const [");
                assert!(is_destructuring, "{name}: {line}");
            }
        }
    }
}
