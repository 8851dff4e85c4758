//! The Lambda program `api-keys-create`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::function::run(api_keys_create::service).await
}
