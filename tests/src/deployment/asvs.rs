//! `ASVS.md`, which states for each requirement of OWASP ASVS 5.0.0 whether the service meets it. The page covers every
//! requirement, and every proof that it or `SECURITY.md` names exists.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::pages;

/// The levels of all requirements. Each list is a chapter, each string a section, and each digit the level of a
/// requirement. For example, section 1.1 has two requirements, both of level 2.
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

/// The possible results for a requirement, in the order of the summary's columns.
const RESULTS: [&str; 4] = ["holds", "rests on AWS", "does not hold", "does not apply"];

/// Returns the level of each requirement, by its number, such as `6.2.1`.
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

/// A row of a table in `ASVS.md`.
struct Row {
    /// The number of a requirement, or of a section or chapter whose requirements the row covers.
    id: String,
    level: String,
    result: String,
    /// The reason for the result, with its proofs.
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
            let [id, level, result, why] = <[String; 4]>::try_from(cells).expect(line);
            Row { id, level, result, why }
        })
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).expect(file)
}

/// A setting or a passage of a file that a text names as proof.
#[derive(Debug)]
enum Proof<'a> {
    /// A value in a YAML file by its JSON pointer, such as `template.yaml#/Resources/Table/Type = AWS::DynamoDB::Table`.
    Setting { file: &'a str, pointer: &'a str, value: &'a str },
    /// A passage of a file, such as `Cargo.toml: unsafe_code = "forbid"`.
    Passage { file: &'a str, text: &'a str },
}

impl<'a> Proof<'a> {
    /// Returns the settings and passages that a Markdown text names.
    fn all_in(text: &'a str) -> Vec<Self> {
        text.split('`').skip(1).step_by(2).filter_map(Self::parse).collect()
    }

    fn parse(code: &'a str) -> Option<Self> {
        let is_file = |file: &str| file.contains('.') && !file.contains([' ', '(', '=', '<']);
        if let Some((file, setting)) = code.split_once("#/")
            && is_file(file)
        {
            let (pointer, value) = setting.split_once(" = ").expect(code);
            return Some(Self::Setting { file, pointer, value });
        }
        let (file, text) = code.split_once(": ").filter(|(file, _)| is_file(file))?;
        Some(Self::Passage { file, text })
    }

    fn exists(&self) -> bool {
        match *self {
            Self::Setting { file, pointer, value } => {
                let document = gateway::yaml::parse(&read(file)).expect(file);
                let set = document.pointer(&format!("/{pointer}"));
                set.is_some_and(|set| set.as_str().map_or_else(|| set.to_string(), str::to_owned) == value)
            }
            Self::Passage { file, text } => read(file).contains(text),
        }
    }
}

#[test]
fn each_requirement_has_exactly_one_result() {
    let rows = rows();
    for (id, level) in standard() {
        let about: Vec<_> = rows.iter().filter(|row| row.covers(&id)).collect();
        let [row] = about[..] else { panic!("{} rows cover {id}", about.len()) };
        if row.id == id {
            assert_eq!(row.level, level.to_string(), "{id}");
        }
    }
    let known = standard();
    for Row { id, level, result, why } in &rows {
        assert!(known.keys().any(|known| known.starts_with(id.as_str())), "the standard has no {id}");
        assert!(RESULTS.contains(&result.as_str()), "{id}: {result}");
        assert!(!why.is_empty(), "{id} has no reason");
        assert!(
            known.contains_key(id) || level.is_empty(),
            "{id} covers several requirements, so its level must be empty"
        );
    }
}

#[test]
fn row_of_a_requirement_that_holds_names_a_proof() {
    for row in rows().iter().filter(|row| row.result == "holds") {
        let has_proof = !Proof::all_in(&row.why).is_empty()
            || !pages::cited_tests(&row.why).is_empty()
            || !pages::relative_links(&row.why).is_empty();
        assert!(has_proof, "{}: {}", row.id, row.why);
    }
}

#[test]
fn each_named_setting_and_passage_exists() {
    let mut missing = Vec::new();
    for file in ["tests/ASVS.md", "SECURITY.md"] {
        let text = read(file);
        let proofs = Proof::all_in(&text);
        assert!(!proofs.is_empty(), "{file} names no proof");
        missing
            .extend(proofs.iter().filter(|proof| !proof.exists()).map(|proof| format!("{file}: {proof:?}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn summary_counts_the_results() {
    let rows = rows();
    let standard = standard();
    let row = |name: &str, levels: &[char]| {
        let of = |result: &str| {
            let ids = standard.iter().filter(|(_, level)| levels.contains(level)).map(|(id, _)| id);
            ids.filter(|id| rows.iter().any(|row| row.covers(id) && row.result == result)).count()
        };
        let counts: Vec<_> = RESULTS.iter().map(|result| of(result).to_string()).collect();
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
