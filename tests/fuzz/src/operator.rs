//! A command of the operator.

use serde_json::{Map, Value};

use crate::rest_event;

/// The commands, each with the members that it needs and those that it may have.
const COMMANDS: [(&str, &[&str], &[&str]); 5] = [
    ("create_account", &["name", "email", "password"], &[]),
    ("suspend_account", &["account_id"], &[]),
    ("restore_account", &["account_id"], &[]),
    ("enable_password", &["email"], &["source_ip"]),
    ("set_limits", &["account_id", "requests_per_minute"], &[]),
];

/// What is carried out is one command, with the members that it needs and none that it does not know. A mistake is the
/// operator's to know, and never a fault.
pub(crate) fn check(input: &[u8]) {
    match rest_event::invoke("operator", input.to_vec())
        .expect_err("nothing can be done without a table")
        .as_str()
    {
        // It needs a table or peppers.
        "INTERNAL" | "UNAVAILABLE" => {
            let event: Value = serde_json::from_slice(input).expect("it was read");
            let mut commands = event.as_object().expect("one object").iter();
            let (name, command) = commands.next().expect("a command");
            assert!(commands.next().is_none());
            let (_, needed, allowed) =
                COMMANDS.iter().find(|(known, ..)| known == name).expect("it is known");
            let command = command.as_object().expect("an object");
            assert!(needed.iter().all(|member| command.contains_key(*member)));
            assert!(command.keys().all(|member| needed.contains(&&**member) || allowed.contains(&&**member)));
            keeps_within_limits(command);
        }
        "BAD_REQUEST" | "PAYLOAD_TOO_LARGE" | "Runtime.InvalidEvent" => {}
        kind => panic!("ends with {kind}"),
    }
}

fn keeps_within_limits(command: &Map<String, Value>) {
    for (member, value) in command {
        match member.as_str() {
            "name" => {
                let length = value.as_str().expect("a text").trim().chars().count();
                assert!((1..=100).contains(&length));
            }
            "account_id" => assert_eq!(value.as_str().map(str::len), Some("acct_0000000000000001".len())),
            "requests_per_minute" if !value.is_null() => {
                for kind in ["live", "test"] {
                    let quota = value[kind].as_f64().expect("a number");
                    assert!(quota >= 1.0 && quota <= f64::from(u32::MAX) && quota.fract() == 0.0);
                }
            }
            _ => {}
        }
    }
}
