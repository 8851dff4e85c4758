//! The Lambda program `api-keys-rotate`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::function::run(api_keys_rotate::service).await
}
