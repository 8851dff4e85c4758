//! Makes the tables that the template declares.

use std::{error::Error, iter, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    client::Waiters,
    error::{BuildError, SdkError},
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        TimeToLiveSpecification,
    },
};

use crate::template::{self, AttributeType, Table};

/// A real DynamoDB takes some seconds.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Makes `table`, unless there is one of its name, and waits until it can be used.
pub(crate) async fn create(client: &Client, table: &Table) -> Result<(), String> {
    let (keys, attributes) = schema(table).map_err(|error| error.to_string())?;
    let created = client
        .create_table()
        .table_name(&table.name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(keys))
        .set_attribute_definitions(Some(attributes))
        .send()
        .await;
    match created {
        Ok(_) => {}
        Err(SdkError::ServiceError(error)) if error.err().is_resource_in_use_exception() => return Ok(()),
        Err(error) => return Err(in_words(&error)),
    }
    client
        .wait_until_table_exists()
        .table_name(&table.name)
        .wait(LONGEST_WAIT)
        .await
        .map_err(|error| in_words(&error))?;
    if let Some(ttl) = &table.time_to_live_specification {
        let ttl = TimeToLiveSpecification::builder()
            .attribute_name(&ttl.attribute_name)
            .enabled(ttl.enabled)
            .build()
            .map_err(|error| error.to_string())?;
        client
            .update_time_to_live()
            .table_name(&table.name)
            .time_to_live_specification(ttl)
            .send()
            .await
            .map_err(|error| in_words(&error))?;
    }
    Ok(())
}

/// Whether there is nothing in the table `name`.
pub(crate) async fn is_empty(client: &Client, name: &str) -> Result<bool, String> {
    let scan = client.scan().table_name(name).limit(1).send().await;
    scan.map(|scan| scan.count() == 0).map_err(|error| in_words(&error))
}

fn schema(table: &Table) -> Result<(Vec<KeySchemaElement>, Vec<AttributeDefinition>), BuildError> {
    let keys = table.key_schema.iter().map(|key| {
        let kind = match key.key_type {
            template::KeyType::Hash => KeyType::Hash,
            template::KeyType::Range => KeyType::Range,
        };
        KeySchemaElement::builder().attribute_name(&key.attribute_name).key_type(kind).build()
    });
    let attributes = table.attribute_definitions.iter().map(|attribute| {
        let kind = match attribute.attribute_type {
            AttributeType::S => ScalarAttributeType::S,
            AttributeType::N => ScalarAttributeType::N,
            AttributeType::B => ScalarAttributeType::B,
        };
        AttributeDefinition::builder().attribute_name(&attribute.attribute_name).attribute_type(kind).build()
    });
    Ok((keys.collect::<Result<_, _>>()?, attributes.collect::<Result<_, _>>()?))
}

/// An error of the SDK with all of its causes. It alone says as much as "dispatch failure".
fn in_words(error: &dyn Error) -> String {
    let causes = iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
