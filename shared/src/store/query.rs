//! Lists: the items of one kind in a partition, newest first, a page at a time.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;

use super::{Store, attributes::thing, failure::StoreError, keys::Kind};
use crate::cursor::Paging;

impl Store {
    /// The things of `kind` in the partition `pk` that pass `keep`, newest first, beginning behind
    /// `paging.after`: as many as a page holds, and one more where there is a next page.
    ///
    /// Ids are made of the time, so the order of the sort keys is that of age. The first read takes what
    /// usually suffices; where little of it passes, the next ones take all that `DynamoDB` gives at once.
    pub(super) async fn newest<T: DeserializeOwned>(
        &self,
        pk: String,
        kind: Kind,
        paging: &Paging,
        keep: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, StoreError> {
        let wanted = paging.limit + 1;
        let mut things = Vec::with_capacity(wanted);
        let mut limit = i32::try_from(wanted).ok();
        let mut start = paging.after.as_ref().map(|id| kind.key(pk.clone(), id).into_attributes());
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .scan_index_forward(false)
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":pk", AttributeValue::S(pk.clone()))
                .expression_attribute_values(":prefix", AttributeValue::S(kind.prefix().to_owned()))
                .set_exclusive_start_key(start)
                .set_limit(limit)
                .send()
                .await?;
            for item in answer.items.into_iter().flatten() {
                let thing = thing(item)?;
                if keep(&thing) {
                    things.push(thing);
                    if things.len() == wanted {
                        return Ok(things);
                    }
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(things);
            }
            limit = None;
        }
    }
}
