//! Creates the tables that the template declares.

use std::{error::Error, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    client::Waiters,
    error::SdkError,
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        StreamSpecification, StreamViewType, TimeToLiveSpecification,
    },
};
use serde::Deserialize;
use shared::telemetry::error_chain::error_chain;

use crate::sam::TableProperties;

/// How long to wait until a new table can be used. DynamoDB in AWS takes a few seconds.
const CREATION_TIMEOUT: Duration = Duration::from_mins(1);

/// The settings of a table, as far as the gateway supports them.
#[derive(Debug, Deserialize)]
#[serde(try_from = "TableProperties")]
pub(crate) struct Schema {
    keys: Vec<KeySchemaElement>,
    attributes: Vec<AttributeDefinition>,
    time_to_live: Option<TimeToLiveSpecification>,
    pub(crate) stream: Option<StreamSpecification>,
}

impl TryFrom<TableProperties> for Schema {
    type Error = Box<dyn Error>;

    fn try_from(properties: TableProperties) -> Result<Self, Self::Error> {
        if BillingMode::try_parse(&properties.billing_mode)? != BillingMode::PayPerRequest {
            return Err("a BillingMode other than PAY_PER_REQUEST is not supported".into());
        }
        if !properties.global_secondary_indexes.is_empty() || !properties.local_secondary_indexes.is_empty() {
            return Err("secondary indexes are not supported".into());
        }
        let mut keys = Vec::new();
        for key in properties.key_schema {
            let kind = KeyType::try_parse(&key.key_type)?;
            keys.push(KeySchemaElement::builder().attribute_name(key.attribute_name).key_type(kind).build()?);
        }
        let mut attributes = Vec::new();
        for attribute in properties.attribute_definitions {
            let kind = ScalarAttributeType::try_parse(&attribute.attribute_type)?;
            let attribute = AttributeDefinition::builder().attribute_name(attribute.attribute_name);
            attributes.push(attribute.attribute_type(kind).build()?);
        }
        let time_to_live = properties.time_to_live_specification.map(|ttl| {
            let specification = TimeToLiveSpecification::builder();
            specification.attribute_name(ttl.attribute_name).enabled(ttl.enabled).build()
        });
        let mut stream = None;
        if let Some(declared) = properties.stream_specification {
            let view_type = StreamViewType::try_parse(&declared.stream_view_type)?;
            let specification = StreamSpecification::builder().stream_enabled(true);
            stream = Some(specification.stream_view_type(view_type).build()?);
        }
        Ok(Self { keys, attributes, time_to_live: time_to_live.transpose()?, stream })
    }
}

/// Creates the table `name` if it does not exist, and waits until it can be used. `stream` is enabled in a new table.
pub(crate) async fn create(
    client: &Client,
    name: &str,
    schema: &Schema,
    stream: Option<&StreamSpecification>,
) -> Result<(), String> {
    let created = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(schema.keys.clone()))
        .set_attribute_definitions(Some(schema.attributes.clone()))
        .set_stream_specification(stream.cloned())
        .send()
        .await;
    match created {
        Ok(_) => {}
        Err(SdkError::ServiceError(error)) if error.err().is_resource_in_use_exception() => return Ok(()),
        Err(error) => return Err(error_chain(&error)),
    }
    let exists = client.wait_until_table_exists().table_name(name).wait(CREATION_TIMEOUT).await;
    exists.map_err(|error| error_chain(&error))?;
    if let Some(specification) = &schema.time_to_live {
        let update = client.update_time_to_live().table_name(name);
        let updated = update.time_to_live_specification(specification.clone()).send().await;
        updated.map_err(|error| error_chain(&error))?;
    }
    Ok(())
}

/// Enables the stream of the table `name`, unless it is enabled.
pub(crate) async fn enable_stream(
    client: &Client,
    name: &str,
    stream: &StreamSpecification,
) -> Result<(), String> {
    if stream_arn(client, name).await?.is_some() {
        return Ok(());
    }
    set_stream(client, name, stream.clone()).await
}

/// Disables the stream of the table `name`, which must be enabled.
pub(crate) async fn disable_stream(client: &Client, name: &str) -> Result<(), String> {
    let disabled = StreamSpecification::builder().stream_enabled(false).build();
    set_stream(client, name, disabled.map_err(|error| error_chain(&error))?).await
}

async fn set_stream(client: &Client, name: &str, stream: StreamSpecification) -> Result<(), String> {
    let updated = client.update_table().table_name(name).stream_specification(stream).send().await;
    updated.map(drop).map_err(|error| error_chain(&error))
}

/// Returns the ARN of the stream of the table `name`, if it is enabled.
pub(crate) async fn stream_arn(client: &Client, name: &str) -> Result<Option<String>, String> {
    let described = client.describe_table().table_name(name).send().await;
    let table = described.map_err(|error| error_chain(&error))?.table;
    let is_enabled = |stream: &StreamSpecification| stream.stream_enabled();
    let enabled = table.filter(|table| table.stream_specification().is_some_and(is_enabled));
    Ok(enabled.and_then(|table| table.latest_stream_arn))
}

/// Returns true if the table `name` exists.
pub(crate) async fn exists(client: &Client, name: &str) -> Result<bool, String> {
    match client.describe_table().table_name(name).send().await {
        Ok(_) => Ok(true),
        Err(SdkError::ServiceError(error)) if error.err().is_resource_not_found_exception() => Ok(false),
        Err(error) => Err(error_chain(&error)),
    }
}

/// Returns true if the table `name` contains no items.
pub(crate) async fn is_empty(client: &Client, name: &str) -> Result<bool, String> {
    let scan = client.scan().table_name(name).limit(1).send().await;
    scan.map(|scan| scan.count() == 0).map_err(|error| error_chain(&error))
}
