//! What things are called in the AWS account that isn't there.

pub(crate) const ACCOUNT_ID: &str = "123456789012";
pub(crate) const PARTITION: &str = "aws";
pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const STACK_NAME: &str = "medtwin-auth";
pub(crate) const URL_SUFFIX: &str = "amazonaws.com";
pub(crate) const API_ID: &str = "l0c4lg4tew";

pub(crate) fn function_arn(name: &str) -> String {
    format!("arn:{PARTITION}:lambda:{REGION}:{ACCOUNT_ID}:function:{name}")
}

pub(crate) fn table_arn(name: &str) -> String {
    format!("arn:{PARTITION}:dynamodb:{REGION}:{ACCOUNT_ID}:table/{name}")
}

/// Secrets Manager ends an ARN with six characters of its own, so that a secret made anew differs.
pub(crate) fn secret_arn(name: &str) -> String {
    format!("arn:{PARTITION}:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:{name}-AbCdEf")
}

/// What an authorizer's policy speaks about. `path` is the request's own, not the route's.
pub(crate) fn method_arn(stage: &str, method: &str, path: &str) -> String {
    let path = path.strip_prefix('/').unwrap_or(path);
    format!("arn:{PARTITION}:execute-api:{REGION}:{ACCOUNT_ID}:{API_ID}/{stage}/{method}/{path}")
}
