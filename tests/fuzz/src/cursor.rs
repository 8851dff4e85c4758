//! The input is the cursor of a list.

use std::sync::LazyLock;

use shared::primitives::pagination::List;

/// The lists of two accounts, and the session lists of two members.
static LISTS: LazyLock<Vec<List>> = LazyLock::new(|| {
    let of_account = |account: &'static str| {
        [
            "api-keys",
            "api-keys/status=all",
            "api-keys/status=active/type=live",
            "api-keys/created_by=user_0VpZbQ9sWm40aYeK",
            "members",
            "audit-events",
            "audit-events/key_0VpZbQ3kd81xTq7M",
            "projects/live",
            "projects/test",
        ]
        .map(|name| List::new(name, account))
    };
    let sessions = ["user_0VpZbQ9sWm40aYeK", "user_0VpZbQ9sWm40aYeL"].map(|user| List::new("sessions", user));
    let accounts = ["acct_0VpZbQ3kd81xTq7M", "acct_0VpZbQ3kd81xTq7N"].map(of_account);
    accounts.into_iter().flatten().chain(sessions).collect()
});

/// At most one list accepts a cursor, and that list creates the same cursor again, byte for byte. Each list accepts the
/// cursors that it creates.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    check_cursor(text);
    if (1..=80).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        for list in LISTS.iter() {
            let cursor = list.cursor_after(text);
            assert_eq!(list.after(&cursor).ok().as_deref(), Some(text));
            check_cursor(&cursor);
        }
    }
}

fn check_cursor(cursor: &str) {
    let accepted: Vec<_> = LISTS.iter().filter_map(|list| Some((list, list.after(cursor).ok()?))).collect();
    assert!(accepted.len() <= 1, "{} lists accept {cursor}", accepted.len());
    for (list, id) in accepted {
        assert_eq!(list.cursor_after(&id), cursor);
    }
}
