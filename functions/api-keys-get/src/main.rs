//! The Lambda program `api-keys-get`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::function::run(api_keys_get::service).await
}
