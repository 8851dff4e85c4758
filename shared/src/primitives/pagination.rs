//! Lists come in pages; a cursor says where the next one begins.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
/// Which list a cursor belongs to: what is listed, and whose. A cursor opens nothing, since every list is
/// read from its caller's own partition; but one of another list is refused instead of misread.
pub struct List(String);

/// The cursor is none that this list gave.
#[derive(Debug, thiserror::Error)]
#[error("is none that this list gave")]
pub struct ForeignCursor;

impl List {
    /// The list of `things` of `owner`.
    #[must_use]
    pub fn new(things: impl fmt::Display, owner: impl fmt::Display) -> Self {
        Self(format!("{things} {owner}"))
    }

    /// The cursor of the page behind the thing `id`.
    #[must_use]
    pub fn cursor_behind(&self, id: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {id}", self.0))
    }

    /// The id behind which the page of `cursor` begins.
    ///
    /// # Errors
    /// When the cursor is malformed or belongs to another list.
    pub fn behind(&self, cursor: &str) -> Result<String, ForeignCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| ForeignCursor)?;
        let text = String::from_utf8(bytes).map_err(|_| ForeignCursor)?;
        let id = text.strip_prefix(&self.0).and_then(|rest| rest.strip_prefix(' ')).ok_or(ForeignCursor)?;
        let is_id = (1..=80).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_id { Ok(id.to_owned()) } else { Err(ForeignCursor) }
    }
}

/// Which page of a list is asked for.
#[derive(Debug)]
pub struct Paging {
    /// The most things in it.
    pub limit: usize,
    /// The id behind which it begins, or `None` for the first.
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
    fn a_cursor_of_another_list_is_refused() {
        let cursor = List::new("api-keys", "acct_1").cursor_behind("key_1");
        assert_eq!(List::new("api-keys", "acct_1").behind(&cursor).unwrap(), "key_1");
        assert!(List::new("api-keys", "acct_2").behind(&cursor).is_err());
        assert!(List::new("members", "acct_1").behind(&cursor).is_err());
    }

    #[test]
    fn what_no_id_can_be_is_refused() {
        let list = List::new("api-keys", "acct_1");
        let (longest, longer) = ("a".repeat(80), "a".repeat(81));
        for (id, is_one) in [
            ("key_1", true),
            (&longest, true),
            (&longer, false),
            ("", false),
            ("key 1", false),
            ("key#1", false),
        ] {
            assert_eq!(list.behind(&list.cursor_behind(id)).is_ok(), is_one, "{id}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(cursor: String) {
            prop_assert!(List::new("api-keys", "acct_1").behind(&cursor).is_err());
        }
    }
}
