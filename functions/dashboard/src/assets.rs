//! The page and its files, which are a part of the program.
//!
//! All files lie in one folder that is named by the hash of all. So the modules import each other by plain relative
//! names, and still no address ever stands for two things.

use std::{fmt::Write, sync::LazyLock};

use sha2::{Digest, Sha256};

/// One file.
#[derive(Debug)]
pub(crate) struct Asset {
    name: &'static str,
    /// What is in it.
    pub(crate) text: &'static str,
}

/// The page and its files, with the hash of all.
pub(crate) struct Assets {
    hash: String,
    page: String,
}

/// The page, in which `ASSETS` stands for where its files are.
const PAGE: &str = include_str!("../static/page.html");

macro_rules! files {
    ($($name:literal)*) => {
        &[$(Asset { name: $name, text: include_str!(concat!("../static/", $name)) }),*]
    };
}

const FILES: &[Asset] = files! {
    "api.js"
    "audit-events.js"
    "base.css"
    "confirm.js"
    "controls.css"
    "copy.js"
    "create-key.js"
    "dialog.js"
    "dialogs.css"
    "element.js"
    "expiry.js"
    "form.js"
    "frame.css"
    "frame.js"
    "heading.js"
    "icon.svg"
    "keys.js"
    "list.js"
    "lists.css"
    "login.js"
    "main.js"
    "member-dialogs.js"
    "members.js"
    "names.js"
    "password.js"
    "permissions.js"
    "projects.js"
    "revoke-key.js"
    "rotate-key.js"
    "secret.js"
    "session.js"
    "sessions.js"
    "status.js"
    "time.js"
};

/// The page and its files.
pub(crate) static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let mut all = Sha256::new();
    for Asset { name, text } in FILES {
        all.update(format!("{name} {}\n{text}", text.len()));
    }
    let mut hash = String::new();
    for byte in &all.finalize()[..8] {
        write!(hash, "{byte:02x}").expect("a String takes all");
    }
    let page = PAGE.replace("ASSETS", &format!("./dashboard/assets/{hash}"));
    Assets { hash, page }
});

impl Assets {
    /// The page.
    pub(crate) fn page(&self) -> &str {
        &self.page
    }

    /// The file of this name, if it is asked for by the hash that the files have.
    pub(crate) fn find(&self, hash: &str, name: &str) -> Option<&'static Asset> {
        FILES.iter().filter(|_| hash == self.hash).find(|file| file.name == name)
    }
}

impl Asset {
    /// What a browser takes it for.
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
    fn each_file_of_the_folder_is_served_and_no_other() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
        let files =
            fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let served = FILES.iter().map(|file| file.name.to_owned()).chain(["page.html".to_owned()]);
        assert_eq!(files.collect::<BTreeSet<_>>(), served.collect());
    }

    #[test]
    fn all_that_a_file_names_is_there() {
        let name_of = |line: &str| {
            let (_, rest) = line.split_once(" from \"./")?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        let imported = FILES.iter().flat_map(|file| file.text.lines().filter_map(name_of));
        let linked = PAGE.split("ASSETS/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        let named: BTreeSet<String> = imported.chain(linked).collect();
        assert!(named.len() > 10, "{named:?}");
        for name in named {
            assert!(ASSETS.find(&ASSETS.hash, &name).is_some(), "{name}");
        }
    }

    #[test]
    fn under_another_hash_there_is_nothing() {
        assert!(ASSETS.find(&ASSETS.hash, "main.js").is_some());
        assert!(ASSETS.find("0000000000000000", "main.js").is_none());
        assert!(ASSETS.find("", "main.js").is_none());
        assert!(ASSETS.find(&ASSETS.hash, "page.html").is_none());
    }

    #[test]
    fn nothing_in_them_needs_what_the_policy_forbids() {
        for Asset { name, text } in FILES {
            for forbidden in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "localStorage"]
            {
                assert!(!text.contains(forbidden), "{name}: {forbidden}");
            }
        }
        for forbidden in ["<script>", "style=", " onclick", "<style", "http:", "https:"] {
            assert!(!PAGE.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn nothing_in_them_writes_to_a_name_out_of_data() {
        let modules = FILES.iter().filter(|file| file.media_type().starts_with("text/javascript"));
        for Asset { name, text } in modules {
            for forbidden in ["__proto__", "prototype", "Object.assign", "fromEntries"] {
                assert!(!text.contains(forbidden), "{name}: {forbidden}");
            }
            for line in text.lines().filter(|line| line.contains("] = ")) {
                let takes_apart = line.trim_start().starts_with("const [");
                assert!(takes_apart, "{name}: {line}");
            }
        }
    }
}
