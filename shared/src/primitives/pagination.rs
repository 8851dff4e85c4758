//! Pagination: the pages of a list, and the cursors that clients send to get the next page.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The list that a cursor belongs to.
///
/// A cursor grants no access, because every list is read from the caller's own partition. Cursors name their list so that a
/// cursor of another list is rejected.
pub struct List(String);

/// The cursor is malformed or belongs to another list.
#[derive(Debug, thiserror::Error)]
#[error("is not a cursor of this list")]
pub struct InvalidCursor;

impl List {
    /// Returns the list of the `entities` of `owner`, for example of the projects of an account.
    #[must_use]
    pub fn new(entities: impl fmt::Display, owner: impl fmt::Display) -> Self {
        Self(format!("{entities} {owner}"))
    }

    /// Returns the cursor of the page that begins after the entity `id`.
    #[must_use]
    pub fn cursor_after(&self, id: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {id}", self.0))
    }

    /// Returns the id of the entity after which the page of `cursor` begins.
    ///
    /// # Errors
    /// Returns an error if the cursor is malformed or belongs to another list.
    pub fn after(&self, cursor: &str) -> Result<String, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
        let text = String::from_utf8(bytes).map_err(|_| InvalidCursor)?;
        let id = text.strip_prefix(&self.0).and_then(|rest| rest.strip_prefix(' ')).ok_or(InvalidCursor)?;
        let is_id = (1..=80).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_id { Ok(id.to_owned()) } else { Err(InvalidCursor) }
    }
}

/// The page of a list that a request selects.
#[derive(Debug)]
pub struct Paging {
    /// The maximum number of entities on the page.
    pub limit: usize,
    /// The id of the entity after which the page begins, or `None` for the first page.
    pub after: Option<String>,
}

/// A page of a list of entities, newest first.
#[derive(Debug)]
pub struct Page<T> {
    pub entities: Vec<T>,
    /// The id of the last entity on this page, or `None` if there is no further page.
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cursor_of_another_list_is_rejected() {
        let cursor = List::new("api-keys", "acct_1").cursor_after("key_1");
        assert_eq!(List::new("api-keys", "acct_1").after(&cursor).unwrap(), "key_1");
        assert!(List::new("api-keys", "acct_2").after(&cursor).is_err());
        assert!(List::new("members", "acct_1").after(&cursor).is_err());
    }

    #[test]
    fn cursor_with_a_malformed_id_is_rejected() {
        let list = List::new("api-keys", "acct_1");
        let (longest, longer) = ("a".repeat(80), "a".repeat(81));
        for (id, is_valid) in [
            ("key_1", true),
            (&longest, true),
            (&longer, false),
            ("", false),
            ("key 1", false),
            ("key#1", false),
        ] {
            assert_eq!(list.after(&list.cursor_after(id)).is_ok(), is_valid, "{id}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_rejected_as_a_cursor(cursor: String) {
            prop_assert!(List::new("api-keys", "acct_1").after(&cursor).is_err());
        }
    }
}
