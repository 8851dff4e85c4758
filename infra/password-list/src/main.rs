//! Reads passwords from standard input, one a line, and writes their fingerprints to standard output, in the format of
//! `shared/src/credentials/password_list.rs`.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, Write},
};

use shared::credentials::password_list::{Fingerprint, comparable};

fn main() -> io::Result<()> {
    let mut fingerprints = BTreeSet::new();
    let mut passwords = 0;
    for password in io::stdin().lock().lines() {
        fingerprints.insert(Fingerprint::of(&comparable(&password?)));
        passwords += 1;
    }
    let mut counts = vec![0_u32; (1 << 16) + 1];
    for fingerprint in &fingerprints {
        counts[usize::from(fingerprint.prefix) + 1] += 1;
    }
    let mut output = io::stdout().lock();
    let mut lower = 0;
    for count in counts {
        lower += count;
        output.write_all(&lower.to_le_bytes())?;
    }
    for fingerprint in &fingerprints {
        output.write_all(&fingerprint.suffix)?;
    }
    eprintln!("{passwords} passwords, {} fingerprints", fingerprints.len());
    output.flush()
}
