//! The Markdown pages of the repository: every link leads somewhere, and every file, test, command and setting that a
//! page names exists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, mem,
    path::{Path, PathBuf},
};

/// The size limit of the README, in bytes.
const MAX_README_BYTES: usize = 6 * 1024;
/// The largest number of rows in the README's table of the repository layout.
const MAX_LAYOUT_ROWS: usize = 10;
/// Info strings of fenced blocks that contain shell commands.
const SHELL: [&str; 3] = ["sh", "bash", "console"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads the file at a path relative to the repository's root.
fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Returns the entries of a folder in order, or none if there is no such folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a file name").to_string_lossy().into_owned()
}

/// Calls `visit` for each file below `folder`, except in hidden folders and in those for build output and npm packages.
fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    for path in entries(folder) {
        let name = file_name(&path);
        if !path.is_dir() {
            visit(&path);
        } else if !name.starts_with('.') && name != "target" && name != "node_modules" {
            walk(&path, visit);
        }
    }
}

/// A Markdown file.
struct Page {
    /// Relative to the repository's root.
    path: String,
    text: String,
}

/// Returns all Markdown files. Those in `src` folders are parts of programs and not pages.
fn pages() -> Vec<Page> {
    let root = root();
    let mut pages = Vec::new();
    walk(&root, &mut |file| {
        let path = file.strip_prefix(&root).expect("a path below the root");
        let is_in_src = path.components().any(|folder| folder.as_os_str() == "src");
        if path.extension().is_some_and(|extension| extension == "md") && !is_in_src {
            let path = path.to_string_lossy().into_owned();
            pages.push(Page { text: read(&path), path });
        }
    });
    for page in
        ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "tests/ASVS.md", "docs/operations.md"]
    {
        assert!(pages.iter().any(|found| found.path == page), "{page} was not found");
    }
    pages
}

/// A text of Markdown, divided by what its parts mean.
#[derive(Default)]
struct Parts {
    /// The text outside of code. Each span of code is replaced by a space.
    prose: String,
    /// The content of code spans.
    spans: Vec<String>,
    /// The content of fenced blocks of shell commands.
    shell: Vec<String>,
    /// The text of headings, with their markup.
    headings: Vec<String>,
}

impl Parts {
    fn of(markdown: &str) -> Self {
        let mut parts = Self::default();
        let mut paragraph = String::new();
        let mut lines = markdown.lines();
        while let Some(line) = lines.next() {
            let content = line.trim_start();
            if let Some(fence) = ["```", "~~~"].into_iter().find(|fence| content.starts_with(fence)) {
                let info = content.trim_start_matches(&fence[..1]).trim();
                let block: Vec<_> =
                    lines.by_ref().take_while(|line| !line.trim_start().starts_with(fence)).collect();
                if SHELL.contains(&info) {
                    parts.shell.push(block.join("\n"));
                }
            } else if content.is_empty() {
                parts.add_paragraph(&mem::take(&mut paragraph));
            } else {
                let hashes = line.len() - line.trim_start_matches('#').len();
                if (1..=6).contains(&hashes) && line[hashes..].starts_with(' ') {
                    parts.headings.push(line[hashes..].trim().to_owned());
                }
                paragraph.push_str(line);
                paragraph.push('\n');
            }
        }
        parts.add_paragraph(&paragraph);
        parts
    }

    /// Separates the code spans of a paragraph from its prose. A span ends at as many backticks as it starts with.
    fn add_paragraph(&mut self, paragraph: &str) {
        let mut rest = paragraph;
        while let Some(start) = rest.find('`') {
            let (before, from) = rest.split_at(start);
            self.prose.push_str(before);
            let ticks = from.len() - from.trim_start_matches('`').len();
            let after = &from[ticks..];
            if let Some(end) = closing_ticks(after, ticks) {
                self.spans.push(after[..end].trim().to_owned());
                self.prose.push(' ');
                rest = &after[end + ticks..];
            } else {
                rest = after;
            }
        }
        self.prose.push_str(rest);
        self.prose.push('\n');
    }

    /// Returns the targets of links, of images and of reference definitions.
    fn links(&self) -> Vec<String> {
        let mut links = Vec::new();
        for after in self.prose.split("](").skip(1) {
            links.extend(after.split([')', ' ', '\n']).next().map(|link| link.trim_matches(['<', '>'])));
        }
        for attribute in [" href=\"", " src=\"", " srcset=\""] {
            links.extend(self.prose.split(attribute).skip(1).filter_map(|after| after.split('"').next()));
        }
        let definitions = self.prose.lines().filter(|line| line.starts_with('['));
        links.extend(definitions.filter_map(|line| line.split_once("]: ")?.1.split(' ').next()));
        links.into_iter().map(str::to_owned).collect()
    }

    /// Returns the anchors that GitHub gives to headings, and those that HTML sets.
    fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        let mut count = BTreeMap::<String, u32>::new();
        for heading in &self.headings {
            let slug = slug(heading);
            let repeated = count.entry(slug.clone()).and_modify(|count| *count += 1).or_default();
            anchors.insert(if *repeated == 0 { slug } else { format!("{slug}-{repeated}") });
        }
        for attribute in [" id=\"", " name=\""] {
            let set = self.prose.split(attribute).skip(1).filter_map(|after| after.split('"').next());
            anchors.extend(set.map(str::to_owned));
        }
        anchors
    }

    /// Returns the names of tests that code spans cite: Rust paths in lower case, and tests of Python.
    fn cited_tests(&self) -> Vec<&str> {
        let is_name = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let is_test = |span: &&str| {
            span.contains(".py::")
                || (span.contains("::") && !span.starts_with("std::") && span.split("::").all(is_name))
        };
        self.spans.iter().map(String::as_str).filter(is_test).collect()
    }
}

/// Returns where the run of exactly `ticks` backticks starts that closes a code span.
fn closing_ticks(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        let start = at + found;
        let run = text[start..].len() - text[start..].trim_start_matches('`').len();
        if run == ticks {
            return Some(start);
        }
        at = start + run;
    }
    None
}

/// Returns the anchor that GitHub makes of a heading: lower case, without markup and punctuation, with hyphens for
/// spaces.
fn slug(heading: &str) -> String {
    let mut text = String::new();
    let mut rest = heading;
    // A link is replaced by its text.
    while let Some((before, (link, after))) =
        rest.split_once('[').and_then(|(before, from)| Some((before, from.split_once("](")?)))
    {
        text.push_str(before);
        text.push_str(link);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    let kept =
        text.to_lowercase().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>();
    kept.replace(' ', "-")
}

/// Returns the tests that a text cites.
pub(crate) fn cited_tests(markdown: &str) -> Vec<String> {
    Parts::of(markdown).cited_tests().into_iter().map(str::to_owned).collect()
}

/// Returns the links of a text to files of the repository and to headings.
pub(crate) fn relative_links(markdown: &str) -> Vec<String> {
    let mut links = Parts::of(markdown).links();
    links.retain(|link| !link.contains("://") && !link.starts_with("mailto:"));
    links
}

/// Resolves a link in a page. Returns the path of the file and the anchor.
fn resolve(page: &str, link: &str) -> (PathBuf, Option<String>) {
    let (file, anchor) = match link.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor.to_owned())),
        None => (link, None),
    };
    let page = root().join(page);
    let path = if file.is_empty() { page } else { page.parent().expect("a folder").join(file) };
    (path, anchor)
}

/// Returns true if an anchor exists in a file: a heading of a page, or `L` and the number of a line of another file.
fn has_anchor(file: &Path, anchor: &str) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    if file.extension().is_some_and(|extension| extension == "md") {
        return Parts::of(&text).anchors().contains(anchor);
    }
    let line = anchor.strip_prefix('L').and_then(|line| line.parse().ok());
    line.is_some_and(|line: usize| (1..=text.lines().count()).contains(&line))
}

/// Returns the package name in the manifest of a folder.
fn package_name(manifest: &Path) -> Option<String> {
    let text = fs::read_to_string(manifest).ok()?;
    let package = text.split("[package]").nth(1)?;
    let name = package.lines().find_map(|line| line.strip_prefix("name = "))?;
    Some(name.trim_matches('"').to_owned())
}

/// Returns the packages of the workspace by name, with their folders.
fn packages() -> BTreeMap<String, PathBuf> {
    let mut packages = BTreeMap::new();
    walk(&root(), &mut |file| {
        if file.ends_with("Cargo.toml")
            && let Some(name) = package_name(file)
        {
            packages.insert(name, file.parent().expect("a folder").to_owned());
        }
    });
    packages
}

/// Returns each test of the repository by its path: the crate and the path that `cargo test -- --list` prints, or the
/// file and the function of a test in Python.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, folder) in packages() {
        let name = name.replace('-', "_");
        add_tests_below(&folder.join("src"), &name, &mut found);
        // Integration tests. The package `tests` has none: its tests are in its library.
        if folder.join("src/lib.rs").exists() && !folder.ends_with("tests") {
            add_tests_below(&folder.join("tests"), &name, &mut found);
        }
    }
    for file in entries(&root().join("clients/python/tests")) {
        let name = file_name(&file);
        if name.starts_with("test_") {
            let text = fs::read_to_string(&file).expect("a text");
            let functions =
                text.lines().filter_map(|line| line.trim_start_matches("async ").strip_prefix("def test_"));
            found.extend(
                functions
                    .filter_map(|rest| rest.split('(').next())
                    .map(|function| format!("clients/python/tests/{name}::test_{function}")),
            );
        }
    }
    found
}

fn add_tests_below(folder: &Path, module: &str, found: &mut BTreeSet<String>) {
    for path in entries(folder) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let module = match name.as_str() {
            "lib" | "main" | "mod" => module.to_owned(),
            _ => format!("{module}::{name}"),
        };
        if path.is_dir() {
            add_tests_below(&path, &module, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            add_tests_of(&fs::read_to_string(&path).expect("a text"), module, found);
        }
    }
}

/// Adds the tests of a source file. rustfmt gives the line that opens a module and the one that closes it the same
/// indentation.
fn add_tests_of(source: &str, module: String, found: &mut BTreeSet<String>) {
    let mut modules = vec![(usize::MAX, module)];
    let mut is_test = false;
    for line in source.lines() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let (opened_at, module) = modules.last().expect("the module of the file");
        let name_after =
            |keyword: &str| code.strip_prefix(keyword).and_then(|rest| rest.split(['(', ' ', '<']).next());
        if code == "}" && indent == *opened_at {
            modules.pop();
        } else if code.ends_with('{')
            && let Some(name) = ["mod ", "pub mod ", "pub(crate) mod "].into_iter().find_map(name_after)
        {
            let inner = format!("{module}::{name}");
            modules.push((indent, inner));
        } else if code.starts_with("#[test]") || code.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(name) = ["fn ", "async fn "].into_iter().find_map(name_after)
            && mem::take(&mut is_test)
        {
            found.insert(format!("{module}::{name}"));
        }
    }
}

/// Divides shell text into commands and each command into words, without quotes, comments and assignments. Text in
/// quotes may be divided too, which is harmless: it only yields words that name nothing.
fn commands(shell: &str) -> Vec<Vec<String>> {
    let joined = shell.replace("\\\n", " ");
    let without_comments = joined.lines().map(|line| {
        let comment = if line.trim_start().starts_with('#') { Some(0) } else { line.find(" #") };
        &line[..comment.unwrap_or(line.len())]
    });
    let text = without_comments.collect::<Vec<_>>().join("\n");
    let text = text.replace(['"', '\'', ')', '}'], " ").replace(['(', '{', ';', '|', '&', '`'], "\n");
    let is_assignment = |word: &str| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    text.lines()
        .map(|line| {
            let words = line.split_whitespace();
            let words =
                words.skip_while(|word| is_assignment(word) || ["!", "export", "exec"].contains(word));
            words.map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|command| !command.is_empty())
        .collect()
}

/// Returns the path that a word names if it is in a folder of the repository: not a placeholder, and not a file that
/// a command creates elsewhere.
fn path_in_repository(word: &str) -> Option<PathBuf> {
    let word = word.strip_prefix("file://").unwrap_or(word);
    let word = word.strip_prefix("./").unwrap_or(word);
    let is_plain = word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b));
    let (first, _) = word.split_once('/')?;
    let is_ours =
        !["", ".", "..", "target", ".git", ".medtwin"].contains(&first) && root().join(first).is_dir();
    (is_plain && is_ours).then(|| root().join(word))
}

/// Returns the values of `-p` and `--package` of a Cargo command.
fn cargo_packages(command: &[String]) -> Vec<&str> {
    if command.first().is_none_or(|program| program != "cargo") {
        return Vec::new();
    }
    let is_flag = |word: &str| word == "-p" || word == "--package";
    let ours = command.split(|word| word == "--").next().unwrap_or_default();
    ours.windows(2).filter(|pair| is_flag(&pair[0])).map(|pair| pair[1].as_str()).collect()
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

/// Fails with the list of `problems` if there are any, or if nothing was checked.
#[track_caller]
fn assert_none(problems: &[String], checked: usize) {
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(checked > 0, "nothing was checked");
}

#[test]
fn each_relative_link_leads_to_a_file() {
    let (mut missing, mut checked) = (Vec::new(), 0);
    for Page { path, text } in pages() {
        for link in relative_links(&text) {
            checked += 1;
            if !resolve(&path, &link).0.exists() {
                missing.push(format!("{path}: {link}"));
            }
        }
    }
    assert_none(&missing, checked);
}

#[test]
fn each_anchor_leads_to_a_heading() {
    let (mut missing, mut checked) = (Vec::new(), 0);
    for Page { path, text } in pages() {
        for link in relative_links(&text) {
            if let (file, Some(anchor)) = resolve(&path, &link) {
                checked += 1;
                if !has_anchor(&file, &anchor) {
                    missing.push(format!("{path}: {link}"));
                }
            }
        }
    }
    assert_none(&missing, checked);
}

#[test]
fn each_cited_test_exists() {
    let tests = tests();
    let exists =
        |name: &str| tests.contains(name) || tests.iter().any(|test| test.ends_with(&format!("::{name}")));
    let (mut missing, mut checked) = (Vec::new(), 0);
    for Page { path, text } in pages() {
        for name in cited_tests(&text) {
            checked += 1;
            if !exists(&name) {
                missing.push(format!("{path}: {name}"));
            }
        }
    }
    assert_none(&missing, checked);
}

#[test]
fn each_path_in_a_code_span_exists() {
    let (mut missing, mut checked) = (Vec::new(), 0);
    for Page { path, text } in pages() {
        for span in Parts::of(&text).spans {
            for file in span.split_whitespace().filter_map(path_in_repository) {
                checked += 1;
                if !file.exists() {
                    missing.push(format!("{path}: {span}"));
                }
            }
        }
    }
    assert_none(&missing, checked);
}

#[test]
fn each_script_in_a_shell_block_exists_and_is_executable() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for Page { path, text } in pages() {
        for command in Parts::of(&text).shell.iter().flat_map(|block| commands(block)) {
            for (position, word) in command.iter().enumerate() {
                let Some(file) = path_in_repository(word) else { continue };
                checked += 1;
                // The first word is run directly. The others are arguments, or a script that an interpreter reads.
                if !file.exists() || (position == 0 && !is_executable(&file)) {
                    wrong.push(format!("{path}: {}", command.join(" ")));
                }
            }
        }
    }
    assert_none(&wrong, checked);
}

#[test]
fn each_cargo_package_in_a_command_is_in_the_workspace() {
    let packages = packages();
    let (mut missing, mut checked) = (Vec::new(), 0);
    for Page { path, text } in pages() {
        let parts = Parts::of(&text);
        for command in parts.shell.iter().chain(&parts.spans).flat_map(|shell| commands(shell)) {
            for name in cargo_packages(&command) {
                checked += 1;
                if !packages.contains_key(name) {
                    missing.push(format!("{path}: {}", command.join(" ")));
                }
            }
        }
    }
    assert_none(&missing, checked);
}

#[test]
fn readme_has_less_than_6_kib() {
    let bytes = read("README.md").len();
    assert!(bytes < MAX_README_BYTES, "{bytes} bytes");
}

#[test]
fn readme_layout_has_at_most_10_rows() {
    let readme = read("README.md");
    let (_, layout) = readme.split_once("\n## Repository layout\n").expect("the heading of the layout");
    let layout = layout.split("\n## ").next().unwrap_or_default();
    let rows = layout.lines().filter(|line| line.starts_with("| `")).count();
    assert!((1..=MAX_LAYOUT_ROWS).contains(&rows), "{rows} rows");
}

#[test]
fn readme_states_the_pinned_rust_version() {
    let toolchain = read("rust-toolchain.toml");
    let version = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).expect("a channel");
    let version = version.trim_matches('"');
    assert!(read("README.md").contains(&format!("Rust {version}")), "{version}");
    let minimum = format!("rust-version = \"{}\"", version.rsplit_once('.').expect("three numbers").0);
    assert!(read("Cargo.toml").lines().any(|line| line == minimum), "Cargo.toml has not {minimum}");
}

#[test]
fn configuration_lists_each_template_parameter_with_its_default() {
    let (page, template) = (read("docs/configuration.md"), read("template.yaml"));
    let (_, parameters) = template.split_once("\nParameters:\n").expect("parameters");
    let mut rows = Vec::new();
    let mut name = "";
    for line in parameters.lines().take_while(|line| line.is_empty() || line.starts_with(' ')) {
        if let Some(default) = line.strip_prefix("    Default: ") {
            let default = default.trim_matches('"');
            let default = if default.is_empty() { "empty".to_owned() } else { format!("`{default}`") };
            rows.push(format!("| `{name}` | {default} |"));
        } else if let Some(key) = line.strip_prefix("  ").filter(|key| !key.starts_with(' ')) {
            name = key.trim_end_matches(':');
        }
    }
    let missing: Vec<_> = rows.iter().filter(|row| !page.contains(*row)).cloned().collect();
    assert_none(&missing, rows.len());
}

#[test]
fn configuration_lists_each_environment_variable() {
    let (page, config) = (read("docs/configuration.md"), read("shared/src/runtime/config.rs"));
    let code = config.split("#[cfg(test)]").next().unwrap_or_default();
    let is_variable = |text: &&str| {
        text.len() > 3 && text.contains('_') && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    };
    let variables: BTreeSet<_> = code.split('"').filter(is_variable).collect();
    let missing = variables.iter().filter(|name| !page.contains(&format!("| `{name}` |")));
    assert_none(&missing.map(|name| (*name).to_owned()).collect::<Vec<_>>(), variables.len());
}

#[test]
fn configuration_lists_the_functions_of_each_environment_variable() {
    let (page, template) = (read("docs/configuration.md"), read("template.yaml"));
    let template = gateway::yaml::parse(&template).expect("YAML");
    let resources = template["Resources"].as_object().expect("resources").values();
    // A few functions override a variable that the template sets for all functions.
    let of_all = &template["Globals"]["Function"]["Environment"]["Variables"];
    let mut set: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for function in resources.filter(|resource| resource["Type"] == "AWS::Serverless::Function") {
        let name = function["Metadata"]["BuildProperties"]["Binary"].as_str().expect("a program");
        let variables = function["Properties"]["Environment"]["Variables"].as_object();
        for variable in variables.into_iter().flatten().map(|(variable, _)| variable.as_str()) {
            if of_all[variable].is_null() {
                set.entry(variable).or_default().insert(name);
            }
        }
    }
    let mut listed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in page.lines() {
        // The name, the default, and where the setting is used.
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, variable, _, functions, ..] = cells[..] else { continue };
        let variable = variable.trim_matches('`');
        if set.contains_key(variable) {
            listed.insert(variable, functions.split(", ").map(|name| name.trim_matches('`')).collect());
        }
    }
    assert!(set.contains_key("PEPPER_SECRET_ID"), "{set:?}");
    assert_eq!(listed, set);
}

#[test]
fn operations_explains_each_alarm() {
    let (page, template) = (read("docs/operations.md"), read("template.yaml"));
    let lines: Vec<_> = template.lines().collect();
    let is_alarm = |pair: &&[&str]| pair[1] == "    Type: AWS::CloudWatch::Alarm";
    let alarms: Vec<_> =
        lines.windows(2).filter(is_alarm).map(|pair| pair[0].trim().trim_end_matches(':')).collect();
    let (_, section) = page.split_once("\n## Alarms\n").expect("the section on alarms");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows: BTreeSet<_> =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(alarms.len() > 1, "{alarms:?}");
    assert_eq!(rows, BTreeSet::from_iter(alarms));
}

#[test]
fn operations_explains_each_reason_of_a_denial() {
    let (page, denial) = (read("docs/operations.md"), read("shared/src/authorization/denial.rs"));
    let code = denial.split("#[cfg(test)]").next().unwrap_or_default();
    let reasons: Vec<_> =
        code.split("#[error(\"").skip(1).filter_map(|rest| rest.split(['"', '{']).next()).collect();
    let missing = reasons.iter().filter(|reason| !page.contains(&format!("| `{reason}")));
    assert_none(&missing.map(|reason| (*reason).to_owned()).collect::<Vec<_>>(), reasons.len());
}

#[test]
fn links_are_found_in_prose_and_not_in_code() {
    let markdown = "A [link](a.md#one) and `[code](b.md)`, ![image](c.png \"title\").\n\n```sh\n[block](d.md)\n```\n\n\
                    <img src=\"e.svg\">\n[reference]: f.md\n[web](https://example.com)\n";
    assert_eq!(relative_links(markdown), ["a.md#one", "c.png", "e.svg", "f.md"]);
}

#[test]
fn anchors_follow_the_rules_of_github() {
    let markdown =
        "# A `call()` & [more](x.md)\n## Twice\n## Twice\n```sh\n# Comment\n```\n<a id=\"own\"></a> x\n";
    let anchors = ["a-call--more", "own", "twice", "twice-1"].map(str::to_owned);
    assert_eq!(Parts::of(markdown).anchors(), BTreeSet::from(anchors));
}

#[test]
fn cited_tests_are_paths_in_lower_case() {
    let markdown =
        "`tests::a::b_1`, `a.py::test_b`, ``c::d``, `Error::new`, `AWS::DynamoDB::Table`, `x::`, `one`";
    assert_eq!(cited_tests(markdown), ["tests::a::b_1", "a.py::test_b", "c::d"]);
}

#[test]
fn tests_are_found_in_modules_of_a_file() {
    let source = "#[test]\nfn one() {}\nmod tests {\n    #[tokio::test]\n    async fn two() {\n    }\n    fn none() {}\n\
                  }\n#[test]\nfn three() {}\n";
    let mut found = BTreeSet::new();
    add_tests_of(source, "file".to_owned(), &mut found);
    assert_eq!(found, ["file::one", "file::tests::two", "file::three"].map(str::to_owned).into());
}

#[test]
fn tests_of_each_kind_are_found() {
    let tests = tests();
    assert!(tests.iter().any(|test| test.ends_with("::pages::tests_of_each_kind_are_found")));
    for start in ["shared::", "authorizer::", "gateway::", "dashboard::", "tests::", "clients/python/tests/"]
    {
        assert!(tests.iter().any(|test| test.starts_with(start)), "{start}");
    }
}

#[test]
fn commands_are_divided_into_words() {
    let shell = "# comment\nA=1 infra/smoke \"$(output \\\n  Url)\" x  # why\nbash .ci/run | ! tail\ncargo run -p one -- -p x\n";
    let commands = commands(shell);
    assert_eq!(
        commands,
        [
            &["infra/smoke", "$"][..],
            &["output", "Url", "x"],
            &["bash", ".ci/run"],
            &["tail"],
            &["cargo", "run", "-p", "one", "--", "-p", "x"]
        ]
    );
    assert_eq!(cargo_packages(&commands[4]), ["one"]);
    assert!(cargo_packages(&commands[0]).is_empty());
}
