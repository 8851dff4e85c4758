//! A Secrets Manager that answers `GetSecretValue` and `PutSecretValue` for the secrets of the template.

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

use crate::{aws_names::secret_arn, loopback::refuse_web_pages, request_id::uuid, sam::GenerateSecretString};

/// The secrets, by name, and what it takes to make another version of one.
pub(crate) struct SecretsManager {
    secrets: Mutex<BTreeMap<String, Secret>>,
    file: Option<PathBuf>,
    clock: Clock,
    random: Random,
}

/// A secret: the version that counts, and the one that did before.
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

/// The label of the version that counts.
const CURRENT: &str = "AWSCURRENT";
/// The label of the one that did before.
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

struct Refusal {
    error_type: &'static str,
    message: String,
}

impl Refusal {
    fn not_found(what: &str) -> Self {
        Self {
            error_type: "ResourceNotFoundException",
            message: format!("Secrets Manager can't find the specified secret{what}."),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = json!({ "__type": self.error_type, "Message": self.message });
        (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
    }
}

impl SecretsManager {
    /// Reads the secrets in `file`, if there is one, and makes up those that `declared` has besides. It has
    /// them by name.
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
        let known = secrets.len();
        for (name, how) in declared {
            secrets.entry(name.clone()).or_insert_with(|| Secret {
                current: Version::new(generate(how, random), clock, random),
                previous: None,
            });
        }
        if let Some(file) = file
            && secrets.len() > known
        {
            write(file, &secrets)?;
        }
        let (file, clock, random) = (file.map(Path::to_owned), clock.clone(), random.clone());
        Ok(Self { secrets: Mutex::new(secrets), file, clock, random })
    }

    /// Its API, for a server on `port`.
    pub(crate) fn router(self, port: u16) -> Router {
        Router::new()
            .route("/", post(answer))
            .layer(middleware::from_fn_with_state(port, refuse_web_pages))
            .with_state(Arc::new(self))
    }

    fn get(&self, request: &GetSecretValue) -> Result<Value, Refusal> {
        let secrets = self.secrets();
        let (name, secret) = find(&secrets, &request.secret_id)?;
        let stages = [(CURRENT, Some(&secret.current)), (PREVIOUS, secret.previous.as_ref())];
        let mut versions = stages.into_iter().filter_map(|(stage, version)| Some((stage, version?)));
        let asked = |stage: &str, version: &Version| {
            // Without either, the version that counts.
            let any_stage = request.version_id.as_ref().map_or(CURRENT, |_| stage);
            request.version_id.as_ref().is_none_or(|id| *id == version.id)
                && request.version_stage.as_deref().unwrap_or(any_stage) == stage
        };
        let (stage, version) = versions
            .find(|(stage, version)| asked(stage, version))
            .ok_or_else(|| Refusal::not_found(" value for that version"))?;
        Ok(json!({
            "ARN": secret_arn(name),
            "Name": name,
            "VersionId": version.id,
            "SecretString": version.value,
            "VersionStages": [stage],
            "CreatedDate": version.created,
        }))
    }

    /// Makes a new version the one that counts.
    fn put(&self, request: PutSecretValue) -> Result<Value, Refusal> {
        let mut secrets = self.secrets();
        let name = find(&secrets, &request.secret_id)?.0.clone();
        let mut changed = secrets.clone();
        let current = Version::new(request.secret_string, &self.clock, &self.random);
        let id = current.id.clone();
        changed.entry(name.clone()).and_modify(|secret| {
            secret.previous = Some(mem::replace(&mut secret.current, current));
        });
        if let Some(file) = &self.file {
            write(file, &changed).map_err(|error| Refusal {
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

/// The secret with this name or ARN.
fn find<'a>(secrets: &'a BTreeMap<String, Secret>, id: &str) -> Result<(&'a String, &'a Secret), Refusal> {
    let mut secrets = secrets.iter();
    secrets.find(|(name, _)| id == *name || id == secret_arn(name)).ok_or_else(|| Refusal::not_found(""))
}

async fn answer(State(manager): State<Arc<SecretsManager>>, headers: HeaderMap, body: Bytes) -> Response {
    let result = match headers.get("x-amz-target").map(HeaderValue::as_bytes) {
        Some(b"secretsmanager.GetSecretValue") => read(&body).and_then(|request| manager.get(&request)),
        Some(b"secretsmanager.PutSecretValue") => read(&body).and_then(|request| manager.put(request)),
        _ => Err(Refusal {
            error_type: "UnknownOperationException",
            message: "Only GetSecretValue and PutSecretValue are served here".to_owned(),
        }),
    };
    let mut response = result.map(axum::Json).into_response();
    let json = HeaderValue::from_static("application/x-amz-json-1.1");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal { error_type: "SerializationException", message: error.to_string() })
}

fn generate(how: &GenerateSecretString, random: &Random) -> String {
    let characters: Vec<char> =
        ('!'..='~').filter(|c| c.is_ascii_alphanumeric() || !how.exclude_punctuation).collect();
    std::iter::repeat_with(|| usize::from(random.bytes::<1>()[0]))
        // The rest that doesn't divide evenly would make some characters likelier.
        .filter(|byte| *byte < 256 - 256 % characters.len())
        .map(|byte| characters[byte % characters.len()])
        .take(how.password_length)
        .collect()
}

/// Replaces `file` at once, so that neither a crash nor a full disk leaves half of it.
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
        let how = GenerateSecretString { password_length: 64, exclude_punctuation: true };
        BTreeMap::from([("Pepper".to_owned(), how)])
    }

    fn open(file: Option<&Path>) -> SecretsManager {
        SecretsManager::open(&declared(), file, &Clock::system(), &Random::system()).unwrap()
    }

    fn get(manager: &SecretsManager, request: Value) -> Result<Value, &'static str> {
        let request = serde_json::from_value(request).unwrap();
        manager.get(&request).map_err(|refusal| refusal.error_type)
    }

    #[test]
    fn a_secret_is_known_by_name_and_arn() {
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
    fn there_is_no_other_version() {
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
    fn a_new_version_counts_and_the_one_before_stays() {
        let manager = open(None);
        let first = get(&manager, json!({"SecretId": "Pepper"})).unwrap();
        let put = json!({"SecretId": "Pepper", "SecretString": "another"});
        let made =
            manager.put(serde_json::from_value(put).unwrap()).map_err(|refusal| refusal.message).unwrap();
        let current = get(&manager, json!({"SecretId": "Pepper"})).unwrap();
        assert_eq!(
            (&current["SecretString"], &current["VersionId"]),
            (&json!("another"), &made["VersionId"])
        );
        for request in [
            json!({"SecretId": "Pepper", "VersionStage": "AWSPREVIOUS"}),
            json!({"SecretId": "Pepper", "VersionId": first["VersionId"]}),
        ] {
            assert_eq!(get(&manager, request).unwrap()["SecretString"], first["SecretString"]);
        }
    }

    #[test]
    fn a_file_keeps_secrets_to_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.json");
        let first = get(&open(Some(&file)), json!({"SecretId": "Pepper"}));
        let again = get(&open(Some(&file)), json!({"SecretId": "Pepper"}));
        assert_eq!(first, again);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_broken_file_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secrets.json");
        fs::write(&file, "{").unwrap();
        assert!(SecretsManager::open(&declared(), Some(&file), &Clock::system(), &Random::system()).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "{");
    }
}
