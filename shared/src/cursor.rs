//! Lists come in pages; a cursor says where the next one begins.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;

/// Which list a cursor belongs to: what is listed, and whose. A cursor opens nothing, since every list is
/// read from its caller's own partition; but one of another list is refused instead of misread.
pub struct List(String);

impl List {
    /// The list of `things` of `owner`.
    #[must_use]
    pub fn new(things: impl fmt::Display, owner: impl fmt::Display) -> Self {
        Self(format!("{things} {owner}"))
    }
}

/// Where a page ends.
pub struct Cursor;

/// The cursor is none that this list gave.
#[derive(Debug, thiserror::Error)]
#[error("the cursor is none that this list gave")]
pub struct ForeignCursor;

impl Cursor {
    /// The cursor behind the thing `id` of `list`.
    #[must_use]
    pub fn write(id: impl fmt::Display, list: &List) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {id}", list.0))
    }

    /// The id behind which the page begins.
    ///
    /// # Errors
    /// When the cursor is malformed or belongs to another list.
    pub fn read(cursor: &str, list: &List) -> Result<String, ForeignCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| ForeignCursor)?;
        let text = String::from_utf8(bytes).map_err(|_| ForeignCursor)?;
        let id = text.strip_prefix(&list.0).and_then(|rest| rest.strip_prefix(' ')).ok_or(ForeignCursor)?;
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

/// A page of a list, newest first.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub data: Vec<T>,
    /// Where the next one begins, or `None` where this is the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The first `limit` of `things`, which holds one more where there is a next page.
    #[must_use]
    pub fn new<I: fmt::Display>(mut things: Vec<T>, limit: usize, list: &List, id: impl Fn(&T) -> I) -> Self {
        let more = things.len() > limit;
        things.truncate(limit);
        let end = things.last().filter(|_| more);
        Self { next_cursor: end.map(|thing| Cursor::write(id(thing), list)), data: things }
    }

    /// The same page of what `change` makes of each thing.
    #[must_use]
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { data: self.data.into_iter().map(change).collect(), next_cursor: self.next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let cursor = Cursor::write("key_1", &List::new("api-keys", "acct_1"));
        assert_eq!(Cursor::read(&cursor, &List::new("api-keys", "acct_1")).unwrap(), "key_1");
        assert!(Cursor::read(&cursor, &List::new("api-keys", "acct_2")).is_err());
        assert!(Cursor::read(&cursor, &List::new("members", "acct_1")).is_err());
    }

    #[test]
    fn a_page_names_a_next_one_only_where_there_is_one() {
        let list = List::new("numbers", "acct_1");
        let page = |count: u32| Page::new((0..count).collect(), 3, &list, |number| *number);
        assert_eq!(page(3).next_cursor, None);
        assert_eq!(page(4).data, [0, 1, 2]);
        assert_eq!(Cursor::read(&page(4).next_cursor.unwrap(), &list).unwrap(), "2");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(cursor: String) {
            prop_assert!(Cursor::read(&cursor, &List::new("api-keys", "acct_1")).is_err());
        }
    }
}
