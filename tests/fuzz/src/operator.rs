//! The input is a command of the operator.

use serde_json::{Map, Value};

use crate::rest_event;

/// The name of each command, its required fields and its optional fields.
const COMMANDS: [(&str, &[&str], &[&str]); 15] = [
    ("create_account", &["name", "email"], &["password"]),
    ("suspend_account", &["account_id"], &[]),
    ("restore_account", &["account_id"], &[]),
    ("enable_password", &["email"], &["source_ip"]),
    ("reset_password", &["email"], &[]),
    ("remove_second_factor", &["email"], &[]),
    ("set_limits", &["account_id"], &["requests_per_minute", "keys", "sessions_per_member"]),
    ("set_policy", &["account_id", "policy"], &[]),
    ("grant_admin", &["account_id", "user_id"], &[]),
    ("invite_again", &["account_id", "user_id"], &[]),
    ("end_all_credentials", &["account_id"], &[]),
    ("export_account", &["account_id"], &["cursor"]),
    ("delete_account", &["account_id", "confirm"], &[]),
    ("forget_member", &["account_id", "user_id"], &[]),
    ("end_restored_credentials", &["created_before"], &["all_keys", "keys", "cursor"]),
];

/// Every accepted event contains exactly one command, with all its required fields and no unknown ones. Every other
/// event is rejected as a mistake of the operator, and never as an internal error.
pub(crate) fn check(input: &[u8]) {
    match rest_event::invoke("operator", input.to_vec())
        .expect_err("no command can succeed without a table")
        .as_str()
    {
        // The event was accepted, and the command failed because it needs a table or peppers.
        "INTERNAL" | "UNAVAILABLE" => {
            let event: Value = serde_json::from_slice(input).expect("an accepted event is JSON");
            let mut commands = event.as_object().expect("one object").iter();
            let (name, command) = commands.next().expect("a command");
            assert!(commands.next().is_none());
            let (_, required, optional) =
                COMMANDS.iter().find(|(known, ..)| known == name).expect("a known command");
            let command = command.as_object().expect("an object");
            assert!(required.iter().all(|field| command.contains_key(*field)));
            assert!(command.keys().all(|field| required.contains(&&**field) || optional.contains(&&**field)));
            assert_within_limits(command);
        }
        "BAD_REQUEST" | "PAYLOAD_TOO_LARGE" | "Runtime.InvalidEvent" => {}
        error_type => panic!("the function failed with {error_type}"),
    }
}

fn assert_within_limits(command: &Map<String, Value>) {
    for (field, value) in command {
        match field.as_str() {
            "name" => {
                let length = value.as_str().expect("a string").trim().chars().count();
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
