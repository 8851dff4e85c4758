#!/usr/bin/env bash
# A Rust library for DynamoDB writes a set of newtypes or of optional values, but cannot read the same set, although it reads lists of them.
#
# A good guess: serde treats a newtype such as `struct KeyId(u64)` as the number in it. What a library serializes, it deserializes, and
# a set differs from a list only in its type in DynamoDB.
# Seen: serde_dynamo 4.3.0 with number_set and string_set writes NS ["7"] and SS ["key_1"] for newtypes and options, and then fails to
# read each of them: "invalid type: integer `7`, expected tuple struct KeyId". The same values in a list are read. A newtype with
# #[serde(transparent)], an enum and a plain u64 are also read in a set.
# Why it matters: The compiler and all writes accept such a field. Each item that was written with it then fails to be read, and because
# the whole item fails, a scan that meets one such item fails too.
set -euo pipefail
T=$(mktemp -d); trap 'rm -rf "$T"' EXIT; cd "$T"

mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "probe"
version = "0.1.0"
edition = "2021"

[dependencies]
serde = { version = "=1.0.228", features = ["derive"] }
serde_dynamo = "=4.3.0"
TOML
cat > src/main.rs <<'RS'
use serde::{de::DeserializeOwned, Deserialize, Serialize};
use serde_dynamo::{from_item, to_item, AttributeValue, Item};

#[derive(Serialize, Deserialize)]
struct KeyId(u64);

#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent(u64);

#[derive(Serialize, Deserialize)]
struct Name(String);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Role {
    Admin,
}

#[derive(Serialize, Deserialize)]
struct List<T> {
    values: Vec<T>,
}

#[derive(Serialize, Deserialize)]
#[serde(bound = "T: Serialize + DeserializeOwned")]
struct NumberSet<T> {
    #[serde(with = "serde_dynamo::number_set")]
    values: Vec<T>,
}

#[derive(Serialize, Deserialize)]
#[serde(bound = "T: Serialize + DeserializeOwned")]
struct StringSet<T> {
    #[serde(with = "serde_dynamo::string_set")]
    values: Vec<T>,
}

fn probe<T: Serialize + DeserializeOwned>(name: &str, value: T) {
    let item: Item = to_item(value).unwrap();
    let written = match item.get("values").unwrap() {
        AttributeValue::L(_) => "a list".to_owned(),
        AttributeValue::Ns(numbers) => format!("NS {numbers:?}"),
        AttributeValue::Ss(strings) => format!("SS {strings:?}"),
        other => format!("{other:?}"),
    };
    let read = from_item::<_, T>(item).map_or_else(|error| error.to_string(), |_| "read".to_owned());
    println!("{name} | written as {written} | {read}");
}

fn main() {
    probe("u64", NumberSet { values: vec![7_u64] });
    probe("newtype, in a list", List { values: vec![KeyId(7)] });
    probe("newtype", NumberSet { values: vec![KeyId(7)] });
    probe("transparent newtype", NumberSet { values: vec![Transparent(7)] });
    probe("option, in a list", List { values: vec![Some(7_u64)] });
    probe("option", NumberSet { values: vec![Some(7_u64)] });
    probe("newtype of a string, in a list", List { values: vec![Name("key_1".into())] });
    probe("newtype of a string", StringSet { values: vec![Name("key_1".into())] });
    probe("enum", StringSet { values: vec![Role::Admin] });
}
RS
cat > stated <<'END'
u64 | written as NS ["7"] | read
newtype, in a list | written as a list | read
newtype | written as NS ["7"] | invalid type: integer `7`, expected tuple struct KeyId
transparent newtype | written as NS ["7"] | read
option, in a list | written as a list | read
option | written as NS ["7"] | invalid type: integer `7`, expected option
newtype of a string, in a list | written as a list | read
newtype of a string | written as SS ["key_1"] | invalid type: string "key_1", expected tuple struct Name
enum | written as SS ["admin"] | read
END
CARGO_TARGET_DIR=$T/target CARGO_BUILD_JOBS=1 cargo run --quiet > seen 2> errors || { cat errors; exit 1; }

echo 'Values as serde_dynamo writes them, and whether it reads them again; expected by most: read each time. Observed:'
cat seen
diff stated seen && echo 'As stated.'
