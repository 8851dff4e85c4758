//! An emulated Secrets Manager with `GetSecretValue` and `PutSecretValue`, for the secrets of the template.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write},
    mem,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use shared::primitives::{clock::Clock, random::Random};

use crate::{
    aws_names::secret_arn, request_id::uuid, sam::GenerateSecretString, web_page_guard::reject_web_pages,
};

pub(crate) struct SecretsManager {
    /// By name.
    secrets: Mutex<BTreeMap<String, Secret>>,
    /// Stores the secrets. `None` keeps them in memory only.
    file: Option<PathBuf>,
    clock: Clock,
    random: Random,
}

#[derive(Clone, Serialize, Deserialize)]
struct Secret {
    current: Version,
    previous: Option<Version>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Version {
    id: String,
    value: String,
    /// In seconds since 1970.
    created: i64,
}

/// The label of the current version.
const CURRENT: &str = "AWSCURRENT";
/// The label of the previous version.
const PREVIOUS: &str = "AWSPREVIOUS";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutSecretValue {
    secret_id: String,
    secret_string: String,
}

/// An error response of Secrets Manager.
struct ApiError {
    error_type: &'static str,
    message: String,
}

impl ApiError {
    fn not_found(suffix: &str) -> Self {
        Self {
            error_type: "ResourceNotFoundException",
            message: format!("Secrets Manager can't find the specified secret{suffix}."),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({ "__type": self.error_type, "Message": self.message });
        (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
    }
}

impl SecretsManager {
    /// Loads the secrets from `file` if it exists, and generates those in `declared` that it does not contain. The keys of
    /// `declared` are names.
    pub(crate) fn open(
        declared: &BTreeMap<String, GenerateSecretString>,
        file: Option<&Path>,
        clock: &Clock,
        random: &Random,
    ) -> io::Result<Self> {
        let mut secrets: BTreeMap<String, Secret> = match file.map(fs::read) {
            Some(Ok(bytes)) => serde_json::from_slice(&bytes)?,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Some(Err(_)) | None => BTreeMap::new(),
        };
        let loaded = secrets.len();
        for (name, generator) in declared {
            secrets.entry(name.clone()).or_insert_with(|| Secret {
                current: Version::new(generate(generator, random), clock, random),
                previous: None,
            });
        }
        if let Some(file) = file
            && secrets.len() > loaded
        {
            write(file, &secrets)?;
        }
        let (file, clock, random) = (file.map(Path::to_owned), clock.clone(), random.clone());
        Ok(Self { secrets: Mutex::new(secrets), file, clock, random })
    }

    /// Returns the API.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/", post(handle))
            .layer(middleware::from_fn(reject_web_pages))
            .with_state(Arc::new(self))
    }

    fn get(&self, request: &GetSecretValue) -> Result<Value, ApiError> {
        let secrets = self.secrets();
        let (name, secret) = find(&secrets, &request.secret_id)?;
        let stages = [(CURRENT, Some(&secret.current)), (PREVIOUS, secret.previous.as_ref())];
        let mut versions = stages.into_iter().filter_map(|(stage, version)| Some((stage, version?)));
        let is_requested = |stage: &str, version: &Version| {
            // A request with neither a version nor a stage is for the current version.
            let default_stage = request.version_id.as_ref().map_or(CURRENT, |_| stage);
            request.version_id.as_ref().is_none_or(|id| *id == version.id)
                && request.version_stage.as_deref().unwrap_or(default_stage) == stage
        };
        let (stage, version) = versions
            .find(|(stage, version)| is_requested(stage, version))
            .ok_or_else(|| ApiError::not_found(" value for that version"))?;
        Ok(json!({
            "ARN": secret_arn(name),
            "Name": name,
            "VersionId": version.id,
            "SecretString": version.value,
            "VersionStages": [stage],
            "CreatedDate": version.created,
        }))
    }

    /// Adds a new version, which becomes the current one.
    fn put(&self, request: PutSecretValue) -> Result<Value, ApiError> {
        let mut secrets = self.secrets();
        let name = find(&secrets, &request.secret_id)?.0.clone();
        let mut changed = secrets.clone();
        let current = Version::new(request.secret_string, &self.clock, &self.random);
        let id = current.id.clone();
        changed.entry(name.clone()).and_modify(|secret| {
            secret.previous = Some(mem::replace(&mut secret.current, current));
        });
        if let Some(file) = &self.file {
            write(file, &changed).map_err(|error| ApiError {
                error_type: "InternalServiceError",
                message: error.to_string(),
            })?;
        }
        *secrets = changed;
        Ok(json!({"ARN": secret_arn(&name), "Name": name, "VersionId": id, "VersionStages": [CURRENT]}))
    }

    fn secrets(&self) -> MutexGuard<'_, BTreeMap<String, Secret>> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Version {
    fn new(value: String, clock: &Clock, random: &Random) -> Self {
        Self { id: uuid(random), value, created: clock.now_utc().unix_timestamp() }
    }
}

/// Finds a secret by its name or ARN.
fn find<'a>(secrets: &'a BTreeMap<String, Secret>, id: &str) -> Result<(&'a String, &'a Secret), ApiError> {
    let mut secrets = secrets.iter();
    secrets.find(|(name, _)| id == *name || id == secret_arn(name)).ok_or_else(|| ApiError::not_found(""))
}

async fn handle(State(manager): State<Arc<SecretsManager>>, headers: HeaderMap, body: Bytes) -> Response {
    let result = match headers.get("x-amz-target").map(HeaderValue::as_bytes) {
        Some(b"secretsmanager.GetSecretValue") => read(&body).and_then(|request| manager.get(&request)),
        Some(b"secretsmanager.PutSecretValue") => read(&body).and_then(|request| manager.put(request)),
        _ => Err(ApiError {
            error_type: "UnknownOperationException",
            message: "only GetSecretValue and PutSecretValue are supported".to_owned(),
        }),
    };
    let mut response = result.map(axum::Json).into_response();
    let json = HeaderValue::from_static("application/x-amz-json-1.1");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError { error_type: "SerializationException", message: error.to_string() })
}

fn generate(generator: &GenerateSecretString, random: &Random) -> String {
    let characters: Vec<char> =
        ('!'..='~').filter(|c| c.is_ascii_alphanumeric() || !generator.exclude_punctuation).collect();
    std::iter::repeat_with(|| usize::from(random.bytes::<1>()[0]))
        // The highest bytes are skipped if 256 is not a multiple of the number of characters. Otherwise, some characters
        // would be more likely than others.
        .filter(|byte| *byte < 256 - 256 % characters.len())
        .map(|byte| characters[byte % characters.len()])
        .take(generator.password_length)
        .collect()
}

/// Replaces `file` atomically, so that a crash or a full disk does not leave an incomplete file.
fn write(file: &Path, secrets: &BTreeMap<String, Secret>) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(&new)?;
    written.write_all(&serde_json::to_vec_pretty(secrets)?)?;
    written.sync_all()?;
    fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> BTreeMap<String, GenerateSecretString> {
        let generator = GenerateSecretString { password_length: 64, exclude_punctuation: true };
        BTreeMap::from([("Pepper".to_owned(), generator)])
    }

    fn open(file: Option<&Path>) -> SecretsManager {
        SecretsManager::open(&declared(), file, &Clock::system(), &Random::system()).unwrap()
    }

    fn get(manager: &SecretsManager, request: Value) -> Result<Value, &'static str> {
        let request = serde_json::from_value(request).unwrap();
        manager.get(&request).map_err(|error| error.error_type)
    }

    #[test]
    fn get_finds_a_secret_by_name_arn_and_version() {
        let manager = open(None);
        let by_name = get(&manager, json!({"SecretId": "Pepper"})).unwrap();
        let value = by_name["SecretString"].as_str().unwrap();
        assert_eq!(value.len(), 64);
        assert!(value.bytes().all(|b| b.is_ascii_alphanumeric()), "{value}");
        assert_eq!(by_name["VersionStages"], json!(["AWSCURRENT"]));
        assert!(by_name["CreatedDate"].is_i64());
        let by_arn = get(&manager, json!({"SecretId": by_name["ARN"]}));
        assert_eq!(by_arn.as_ref(), Ok(&by_name));
        let by_version = json!({"SecretId": "Pepper", "VersionId": by_name["VersionId"]});
        assert_eq!(get(&manager, by_version), Ok(by_name));
        assert_eq!(get(&manager, json!({"SecretId": "Salt"})), Err("ResourceNotFoundException"));
    }

    #[test]
    fn get_of_an_unknown_version_returns_not_found() {
        let manager = open(None);
        for request in [
            json!({"SecretId": "Pepper", "VersionStage": "AWSPREVIOUS"}),
            json!({"SecretId": "Pepper", "VersionId": "another"}),
        ] {
            assert_eq!(get(&manager, request), Err("ResourceNotFoundException"));
        }
        assert!(get(&manager, json!({"SecretId": "Pepper", "VersionStage": "AWSCURRENT"})).is_ok());
    }

    #[test]
    fn put_keeps_the_previous_version() {
        let manager = open(None);
        let first = get(&manager, json!({"SecretId": "Pepper"})).unwrap();
        let put = json!({"SecretId": "Pepper", "SecretString": "another"});
        let response =
            manager.put(serde_json::from_value(put).unwrap()).map_err(|error| error.message).unwrap();
        let current = get(&manager, json!({"SecretId": "Pepper"})).unwrap();
        assert_eq!(
            (&current["SecretString"], &current["VersionId"]),
            (&json!("another"), &response["VersionId"])
        );
        for request in [
            json!({"SecretId": "Pepper", "VersionStage": "AWSPREVIOUS"}),
            json!({"SecretId": "Pepper", "VersionId": first["VersionId"]}),
        ] {
            assert_eq!(get(&manager, request).unwrap()["SecretString"], first["SecretString"]);
        }
    }

    #[test]
    fn open_stores_secrets_readable_by_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.json");
        let first = get(&open(Some(&file)), json!({"SecretId": "Pepper"}));
        let second = get(&open(Some(&file)), json!({"SecretId": "Pepper"}));
        assert_eq!(first, second);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn open_does_not_overwrite_a_broken_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.json");
        fs::write(&file, "{").unwrap();
        assert!(SecretsManager::open(&declared(), Some(&file), &Clock::system(), &Random::system()).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "{");
    }
}
