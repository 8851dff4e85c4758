//! Names and ARNs in the AWS account that the gateway emulates.

pub(crate) const ACCOUNT_ID: &str = "123456789012";
pub(crate) const PARTITION: &str = "aws";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const STACK_NAME: &str = "medtwin-auth";
pub(crate) const URL_SUFFIX: &str = "amazonaws.com";
pub(crate) const API_ID: &str = "l0c4lg4tew";

pub(crate) fn function_arn(name: &str) -> String {
    format!("arn:{PARTITION}:lambda:{REGION}:{ACCOUNT_ID}:function:{name}")
}

pub(crate) fn alias_arn(function: &str, alias: &str) -> String {
    format!("{}:{alias}", function_arn(function))
}

pub(crate) fn table_arn(name: &str) -> String {
    format!("arn:{PARTITION}:dynamodb:{REGION}:{ACCOUNT_ID}:table/{name}")
}

/// The ARN of a table's stream. AWS names it after the time at which it was enabled.
pub(crate) fn stream_arn(table: &str) -> String {
    format!("{}/stream/latest", table_arn(table))
}

/// AWS appends six random characters, so that a secret that is deleted and created again has another ARN. The
/// emulated secrets are never deleted, so these characters are constant here.
pub(crate) fn secret_arn(name: &str) -> String {
    format!("arn:{PARTITION}:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:{name}-AbCdEf")
}

/// The ARN that an authorizer's policy must allow. `path` is the path of the request, not the route template.
pub(crate) fn method_arn(stage: &str, method: &str, path: &str) -> String {
    let path = path.strip_prefix('/').unwrap_or(path);
    format!("arn:{PARTITION}:execute-api:{REGION}:{ACCOUNT_ID}:{API_ID}/{stage}/{method}/{path}")
}
