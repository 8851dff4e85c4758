//! Prints the tables of this folder's README: what the service costs, and how often a key's counter is written.

mod bill;
mod counter;
mod prices;

use std::fmt::{self, Write};

use bill::Month;
use counter::{Writes, writes};

fn main() {
    print!("{}", tables().expect("a text takes all that is written"));
}

/// All tables, in Markdown.
fn tables() -> Result<String, fmt::Error> {
    let mut text = String::new();
    counters(&mut text)?;
    text.push('\n');
    bills(&mut text)?;
    Ok(text)
}

fn counters(text: &mut String) -> fmt::Result {
    writeln!(
        text,
        "| requests a second | programs | writes a second | in the busiest one | requests a write |"
    )?;
    writeln!(text, "|---:|---:|---:|---:|---:|")?;
    for (rate, programs) in
        [(1, 1), (10, 1), (100, 1), (1_000, 10), (3_000, 30), (3_000, 300), (3_000, 3_000)]
    {
        let Writes { in_the_minute, in_the_busiest_second } = writes(rate, programs);
        let mean = f64::from(in_the_minute) / 60.0;
        let spread = f64::from(rate) / mean;
        writeln!(text, "| {rate} | {programs} | {mean:.2} | {in_the_busiest_second} | {spread:.0} |")?;
    }
    Ok(())
}

fn bills(text: &mut String) -> fmt::Result {
    let busy = writes(100, 1);
    let months = [
        Month {
            name: "a million keys at rest",
            requests_per_second: 0.0,
            counter_writes_per_request: 0.0,
            keys: 1e6,
        },
        Month {
            name: "each used once an hour",
            requests_per_second: 1e6 / 3_600.0,
            counter_writes_per_request: 1.0,
            keys: 1e6,
        },
        Month {
            name: "10,000 requests a second, 100 keys",
            requests_per_second: 10_000.0,
            counter_writes_per_request: f64::from(busy.in_the_minute) / 6_000.0,
            keys: 100.0,
        },
        Month {
            name: "10,000 a second, each another key of a million",
            requests_per_second: 10_000.0,
            counter_writes_per_request: 1.0,
            keys: 1e6,
        },
    ];
    let bills: Vec<_> = months.iter().map(Month::bill).collect();
    write!(text, "| dollars a month |")?;
    months.iter().try_for_each(|month| write!(text, " {} |", month.name))?;
    writeln!(text, "\n|---|{}", "---:|".repeat(months.len()))?;
    for (line, (what, _)) in bills[0].iter().enumerate() {
        write!(text, "| {what} |")?;
        bills.iter().try_for_each(|bill| write!(text, " {:.2} |", bill[line].1))?;
        writeln!(text)?;
    }
    write!(text, "| **all** |")?;
    bills
        .iter()
        .try_for_each(|bill| write!(text, " **{:.2}** |", bill.iter().map(|line| line.1).sum::<f64>()))?;
    writeln!(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_stand_in_the_readme() {
        let (readme, tables) = (include_str!("../README.md"), tables().unwrap());
        for table in tables.split("\n\n") {
            assert!(
                readme.contains(table.trim()),
                "README.md lacks this, as `cargo run -p scale` prints it:\n{tables}"
            );
        }
    }
}
