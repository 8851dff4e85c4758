//! The layers of `shared`: a module uses only the layers below its own.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The layers from top to bottom. Modules of one layer do not use each other.
const LAYERS: [&[&str]; 10] = [
    &["http"],
    &["runtime"],
    &["error"],
    &["store"],
    &["idempotency"],
    &["authorization"],
    &["model", "rate_limit"],
    &["credentials"],
    &["primitives"],
    &["telemetry"],
];

/// The modules that hold pure rules, without I/O.
const PURE: [&str; 6] = ["idempotency", "authorization", "model", "rate_limit", "credentials", "primitives"];

/// The crates that pure modules must not use: those for HTTP, the asynchronous runtime and the AWS SDK. The last two
/// names are prefixes.
const IMPURE_CRATES: [&str; 6] =
    ["lambda_http::", "lambda_runtime::", "tokio::", "aws_config::", "aws_sdk_", "aws_smithy_"];

/// The modules of the crate that `store/dynamodb` may use. None of them defines an entity.
const DYNAMODB_USES: [&str; 6] = [
    "store::dynamodb",
    "store::error",
    "primitives::pagination",
    "primitives::random",
    "primitives::timestamp",
    "telemetry",
];

/// A source file of `shared`, without its comments.
struct Source {
    /// Relative to `shared/src`.
    path: PathBuf,
    code: String,
}

impl Source {
    /// The top-level module that the file belongs to.
    fn module(&self) -> String {
        let first = self.path.components().next().expect("a path").as_os_str().to_string_lossy();
        first.trim_end_matches(".rs").to_owned()
    }

    /// The paths within the crate that the file refers to, such as `store::error::StoreError`.
    fn references(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (at, root) in self.code.match_indices("crate::") {
            // Skips the names of other crates that end with `crate`.
            if !self.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                add_paths(&self.code[at + root.len()..], "", &mut found);
            }
        }
        found
    }
}

/// Adds the paths of the `use` tree, or the single path, at the beginning of `tree`. Returns the rest of the text.
fn add_paths<'a>(tree: &'a str, prefix: &str, found: &mut BTreeSet<String>) -> &'a str {
    let tree = tree.trim_start();
    if let Some(mut group) = tree.strip_prefix('{') {
        loop {
            group = group.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            if let Some(rest) = group.strip_prefix('}') {
                return rest;
            }
            group = add_paths(group, prefix, found);
        }
    }
    let end = tree.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '*')).unwrap_or(tree.len());
    let (name, rest) = tree.split_at(end);
    assert!(!name.is_empty(), "a path that cannot be read: {}", &tree[..tree.len().min(60)]);
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    let Some(below) = rest.strip_prefix("::").filter(|below| !below.starts_with('<')) else {
        found.insert(path);
        // Skips the new name in `path as name`.
        return rest
            .trim_start()
            .strip_prefix("as ")
            .map_or(rest, |alias| alias.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'));
    };
    add_paths(below, &path, found)
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src");
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("a source file");
                let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
                let path = path.strip_prefix(&root).expect("a path below the root").to_owned();
                sources.push(Source { path, code: code.collect::<Vec<_>>().join("\n") });
            }
        }
    }
    assert!(sources.len() > 60, "only {} files were found", sources.len());
    sources
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

#[test]
fn add_paths_finds_all_paths_of_nested_use_trees() {
    let mut found = BTreeSet::new();
    let rest = add_paths("{a::{self, b::C as D}, e::F,\n g}; more", "", &mut found);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a::b::C", "a::self", "e::F", "g"]);
    assert_eq!(rest, "; more");
}

#[test]
fn each_module_uses_only_the_layers_below_its_own() {
    let mut upward = Vec::new();
    for source in sources() {
        let module = source.module();
        if module == "lib" {
            continue;
        }
        let own = layer_of(&module).unwrap_or_else(|| panic!("{module} is in no layer"));
        for reference in source.references() {
            let used = reference.split("::").next().expect("a module");
            let is_below = layer_of(used).unwrap_or_else(|| panic!("{used} is in no layer")) > own;
            if used != module && !is_below {
                upward.push(format!("{} uses {reference}", source.path.display()));
            }
        }
        let path = source.path.display();
        assert!(!source.code.contains("super::super"), "{path} leaves its folder");
        // In a top-level file, `super` is the crate, except in the module with the file's tests.
        let without_tests = source.code.split("#[cfg(test)]").next().expect("the code before the tests");
        let is_top_level = source.path.components().count() == 1;
        assert!(
            !is_top_level || !without_tests.contains("super::"),
            "{path} uses another module through `super`"
        );
    }
    assert!(upward.is_empty(), "{upward:#?}");
}

#[test]
fn pure_modules_do_not_use_http_the_runtime_or_the_sdk() {
    let mut impure = Vec::new();
    for source in sources().iter().filter(|source| PURE.contains(&source.module().as_str())) {
        let crates = IMPURE_CRATES.iter().filter(|name| source.code.contains(**name));
        impure.extend(crates.map(|name| format!("{} refers to {name}", source.path.display())));
    }
    assert!(impure.is_empty(), "{impure:#?}");
}

#[test]
fn dynamodb_module_does_not_depend_on_entities() {
    let mut known = Vec::new();
    for source in sources() {
        if source.path.starts_with("store/dynamodb") || source.path == Path::new("store/dynamodb.rs") {
            let of_entities = source
                .references()
                .into_iter()
                .filter(|reference| !DYNAMODB_USES.iter().any(|allowed| reference.starts_with(allowed)));
            known.extend(of_entities.map(|reference| format!("{} uses {reference}", source.path.display())));
        }
    }
    assert!(known.is_empty(), "{known:#?}");
}

#[test]
fn error_module_does_not_render_responses() {
    let error = sources().into_iter().find(|source| source.path == Path::new("error.rs")).expect("error.rs");
    let http: Vec<_> = error.code.lines().filter(|line| line.contains("lambda_http")).collect();
    assert_eq!(http, ["use lambda_http::http::StatusCode;"]);
}
