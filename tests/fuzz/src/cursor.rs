//! A list's cursor.

use std::sync::LazyLock;

use shared::primitives::pagination::List;

/// The lists that there are, of two accounts.
static LISTS: LazyLock<Vec<List>> = LazyLock::new(|| {
    let of_account = |account: &'static str| {
        [
            "api-keys",
            "members",
            "audit-events",
            "audit-events/key_0VpZbQ3kd81xTq7M",
            "projects/live",
            "projects/test",
        ]
        .map(|things| List::new(things, account))
    };
    let sessions = ["user_0VpZbQ9sWm40aYeK", "user_0VpZbQ9sWm40aYeL"].map(|user| List::new("sessions", user));
    let accounts = ["acct_0VpZbQ3kd81xTq7M", "acct_0VpZbQ3kd81xTq7N"].map(of_account);
    accounts.into_iter().flatten().chain(sessions).collect()
});

/// A cursor that a list takes is printed again byte for byte, and no other list takes it. One that a list gives, it takes.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    belongs_to_one(text);
    if (1..=80).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        for list in LISTS.iter() {
            let cursor = list.cursor_behind(text);
            assert_eq!(list.behind(&cursor).ok().as_deref(), Some(text));
            belongs_to_one(&cursor);
        }
    }
}

fn belongs_to_one(cursor: &str) {
    let taken: Vec<_> = LISTS.iter().filter_map(|list| Some((list, list.behind(cursor).ok()?))).collect();
    assert!(taken.len() <= 1, "{} lists take {cursor}", taken.len());
    for (list, id) in taken {
        assert_eq!(list.cursor_behind(&id), cursor);
    }
}
