//! `ASVS.md`, which says of each requirement of OWASP ASVS 5.0.0 whether it holds: it leaves none out, and what it and
//! `SECURITY.md` name as proof is there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, mem,
    path::{Path, PathBuf},
};

/// The level of each requirement, chapter by chapter and section by section: 1.1 has two, both of level 2.
///
/// Source: OWASP ASVS 5.0.0, <https://github.com/OWASP/ASVS/tree/v5.0.0/5.0/en>.
const STANDARD: [&[&str]; 17] = [
    &["22", "1111122223", "112222222223", "222", "123"],
    &["122", "112", "12223", "23"],
    &["3", "113", "12223", "11222233", "11122333", "3", "22333"],
    &["12233", "23333", "22", "1222"],
    &["2", "112333", "113", "222"],
    &["122", "111111112222", "11223333", "112233", "22222333", "2223", "33", "2222"],
    &["222", "1111", "22", "11222", "223", "22"],
    &["1233", "1123", "133", "23"],
    &["111", "1222"],
    &["22", "223", "22223", "1111122222233333", "22222", "22", "222"],
    &["2233", "22233", "11233", "1222", "23", "23", "33"],
    &["12233", "11", "22223"],
    &["2333", "222223", "2233", "1222233"],
    &["22", "12223333", "122"],
    &["12233", "12233", "1222222", "3333"],
    &["2", "22222", "2222", "222", "2223"],
    &["23", "22223333", "22"],
];

/// What can be said of a requirement, in the order of the summary's columns.
const VERDICTS: [&str; 4] = ["holds", "rests on AWS", "does not hold", "does not apply"];

/// Each requirement, such as `6.2.1`, with its level.
fn standard() -> BTreeMap<String, char> {
    let mut all = BTreeMap::new();
    for (chapter, sections) in (1..).zip(STANDARD) {
        for (section, levels) in (1..).zip(sections) {
            for (number, level) in (1..).zip(levels.chars()) {
                all.insert(format!("{chapter}.{section}.{number}"), level);
            }
        }
    }
    all
}

/// A row of the map.
struct Row {
    /// A requirement, or a section or chapter that stands for all of its own.
    id: String,
    level: String,
    verdict: String,
    /// Why that is so, and what proves it.
    why: String,
}

impl Row {
    fn covers(&self, requirement: &str) -> bool {
        requirement.strip_prefix(&self.id).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

fn rows() -> Vec<Row> {
    let map = read("tests/ASVS.md");
    let lines = map.lines().filter_map(|line| line.strip_prefix("| "));
    lines
        .filter(|line| line.starts_with(|first: char| first.is_ascii_digit()))
        .map(|line| {
            let cells: Vec<_> =
                line.trim_end_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
            let [id, level, verdict, why] = <[String; 4]>::try_from(cells).expect(line);
            Row { id, level, verdict, why }
        })
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).expect(file)
}

/// Something in the repository that a text names as proof.
#[derive(Debug)]
enum Proof<'a> {
    /// Such as `tests::login::wrong_password_is_401`, or `clients/python/tests/test_secrets.py::test_…`.
    Test(&'a str),
    /// A value in a YAML file by its JSON pointer, such as `template.yaml#/Resources/Table/Type = AWS::DynamoDB::Table`.
    Setting { file: &'a str, pointer: &'a str, value: &'a str },
    /// A piece of a file, such as `Cargo.toml: unsafe_code = "forbid"`.
    Text { file: &'a str, text: &'a str },
    /// A link to a file, or to a heading of one.
    Link { file: &'a str, heading: Option<&'a str> },
}

impl<'a> Proof<'a> {
    /// Those in a text of Markdown.
    fn all_in(text: &'a str) -> Vec<Self> {
        let quoted = text.split('`').skip(1).step_by(2).filter_map(Self::quoted);
        let links = text.split("](").skip(1).filter_map(|rest| Self::link(rest.split_once(')')?.0));
        quoted.chain(links).collect()
    }

    fn quoted(code: &'a str) -> Option<Self> {
        let is_file = |file: &str| file.contains('.') && !file.contains([' ', '(', '=', '<']);
        if let Some((file, setting)) = code.split_once("#/")
            && is_file(file)
        {
            let (pointer, value) = setting.split_once(" = ").expect(code);
            return Some(Self::Setting { file, pointer, value });
        }
        match code.split_once(": ") {
            Some((file, text)) if is_file(file) => Some(Self::Text { file, text }),
            _ => code.contains("::").then_some(Self::Test(code)),
        }
    }

    fn link(target: &'a str) -> Option<Self> {
        if target.starts_with("https://") {
            return None;
        }
        let (file, heading) = target.split_once('#').map_or((target, None), |(file, id)| (file, Some(id)));
        Some(Self::Link { file, heading })
    }

    /// Whether it is there, where it is named in a file of `folder`.
    fn is_there(&self, folder: &str, tests: &BTreeSet<String>) -> bool {
        match *self {
            Self::Test(name) => tests.contains(name),
            Self::Setting { file, pointer, value } => {
                let document = gateway::yaml::parse(&read(file)).expect(file);
                let set = document.pointer(&format!("/{pointer}"));
                set.is_some_and(|set| set.as_str().map_or_else(|| set.to_string(), str::to_owned) == value)
            }
            Self::Text { file, text } => read(file).contains(text),
            Self::Link { file, heading } => {
                let linked = root().join(folder).join(file);
                heading.map_or(linked.exists(), |id| {
                    let text = fs::read_to_string(linked).expect(file);
                    text.lines().filter(|line| line.starts_with('#')).any(|line| id_of(line) == id)
                })
            }
        }
    }
}

/// What a heading is known as in links.
fn id_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Every test of the repository by its path, that of Rust as `cargo test -- --list` has it behind the package's name.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let packages = [root().join("shared"), root().join("tests")].into_iter();
    for package in packages.chain(within(&root().join("functions"))).chain(within(&root().join("infra"))) {
        let name = package.file_name().expect("a name").to_string_lossy().replace('-', "_");
        add_tests_below(&package.join("src"), &name, &mut found);
    }
    for file in within(&root().join("clients/python/tests")) {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        if name.starts_with("test_") {
            let text = fs::read_to_string(&file).expect(&name);
            let functions =
                text.lines().filter_map(|line| line.trim_start_matches("async ").strip_prefix("def test_"));
            found.extend(functions.map(|rest| {
                let function = rest.split('(').next().expect("a name");
                format!("clients/python/tests/{name}::test_{function}")
            }));
        }
    }
    found
}

/// What is in a folder, where there is one.
fn within(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map_or_else(|_| Vec::new(), |entries| entries.map(|entry| entry.expect("an entry").path()).collect())
}

fn add_tests_below(folder: &Path, module: &str, found: &mut BTreeSet<String>) {
    for path in within(folder) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let module = match name.as_str() {
            "lib" | "main" => module.to_owned(),
            _ => format!("{module}::{name}"),
        };
        if path.is_dir() {
            add_tests_below(&path, &module, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            add_tests_of(&fs::read_to_string(&path).expect("a text"), module, found);
        }
    }
}

/// Adds the tests in a source file, which rustfmt has laid out: what opens a module and what closes it are indented alike.
fn add_tests_of(source: &str, module: String, found: &mut BTreeSet<String>) {
    let mut modules = vec![(usize::MAX, module)];
    let mut is_test = false;
    for line in source.lines() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let (opened_at, module) = modules.last().expect("the file's own");
        let word =
            |before: &str| code.strip_prefix(before).and_then(|rest| rest.split(['(', ' ', '<']).next());
        if code == "}" && indent == *opened_at {
            modules.pop();
        } else if code.ends_with('{')
            && let Some(name) = word("mod ").or_else(|| word("pub mod ")).or_else(|| word("pub(crate) mod "))
        {
            let inner = format!("{module}::{name}");
            modules.push((indent, inner));
        } else if code.starts_with("#[test]") || code.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(name) = word("fn ").or_else(|| word("async fn "))
            && mem::take(&mut is_test)
        {
            found.insert(format!("{module}::{name}"));
        }
    }
}

#[test]
fn each_requirement_has_one_verdict() {
    let rows = rows();
    for (id, level) in standard() {
        let about: Vec<_> = rows.iter().filter(|row| row.covers(&id)).collect();
        let [row] = about[..] else { panic!("{} rows are about {id}", about.len()) };
        if row.id == id {
            assert_eq!(row.level, level.to_string(), "{id}");
        }
    }
    let known = standard();
    for Row { id, level, verdict, why } in &rows {
        assert!(known.keys().any(|known| known.starts_with(id.as_str())), "the standard has no {id}");
        assert!(VERDICTS.contains(&verdict.as_str()), "{id}: {verdict}");
        assert!(!why.is_empty(), "{id} says nothing");
        assert!(known.contains_key(id) || level.is_empty(), "{id} is many, and has no level");
    }
}

#[test]
fn what_holds_names_its_proof() {
    for row in rows().iter().filter(|row| row.verdict == "holds") {
        assert!(!Proof::all_in(&row.why).is_empty(), "{}: {}", row.id, row.why);
    }
}

#[test]
fn each_proof_is_there() {
    let tests = tests();
    // The finder finds each kind: a module within a file, a file of tests, a property, and one of Python.
    for known in [
        "tests::asvs::each_proof_is_there",
        "shared::credentials::token::tests::no_text_makes_it_panic",
        "shared::authorization::decision::tests::what_no_rule_names_is_denied",
        "tests::browser::safety::hostile_names_are_text",
        "clients/python/tests/test_secrets.py::test_no_log_shows_a_secret",
    ] {
        assert!(tests.contains(known), "{known}");
    }
    let mut missing = Vec::new();
    for (file, folder) in [("tests/ASVS.md", "tests"), ("SECURITY.md", "")] {
        let text = read(file);
        let proofs = Proof::all_in(&text);
        assert!(proofs.len() > 20, "{file} names only {}", proofs.len());
        let absent = proofs.into_iter().filter(|proof| !proof.is_there(folder, &tests));
        missing.extend(absent.map(|proof| format!("{file}: {proof:?}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_summary_counts_the_verdicts() {
    let rows = rows();
    let standard = standard();
    let row = |name: &str, levels: &[char]| {
        let of = |verdict: &str| {
            let ids = standard.iter().filter(|(_, level)| levels.contains(level)).map(|(id, _)| id);
            ids.filter(|id| rows.iter().any(|row| row.covers(id) && row.verdict == verdict)).count()
        };
        let counts: Vec<_> = VERDICTS.iter().map(|verdict| of(verdict).to_string()).collect();
        format!("| {name} | {} |\n", counts.join(" | "))
    };
    let summary = [
        row("Level 1", &['1']),
        row("Level 2", &['2']),
        row("Level 3", &['3']),
        row("All", &['1', '2', '3']),
    ];
    let summary = summary.concat();
    assert!(read("tests/ASVS.md").contains(&summary), "the summary is\n{summary}");
}
