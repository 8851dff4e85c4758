//! The certificate authorities that the clients of AWS services trust.
//!
//! The endpoints of AWS have certificates of [Amazon Trust Services], which recommends these five roots to clients with a trust store
//! of their own. A client that trusts only them starts sooner than one that reads the more than 100 roots of the system, and no
//! other authority can issue a certificate for an endpoint.
//!
//! [Amazon Trust Services]: https://www.amazontrust.com/repository/

use std::{fs, io, path::Path};

use aws_smithy_http_client::tls::TrustStore;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem, pem::PemObject},
};

/// The roots of Amazon Trust Services: Amazon Root CA 1 to 4, and Starfield Services Root Certificate Authority - G2. They are valid
/// until 2037 or longer.
const AMAZON_ROOTS: &[u8] = include_bytes!("../../data/amazon-roots.pem");

/// The reason why a file with certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustStoreError {
    #[error("the file that AWS_CA_BUNDLE names cannot be read")]
    Unreadable(#[from] io::Error),
    #[error("the file that AWS_CA_BUNDLE names is not in the PEM format")]
    NotPem(#[from] pem::Error),
    #[error("the file that AWS_CA_BUNDLE names contains a malformed certificate")]
    MalformedCertificate(#[from] rustls::Error),
    #[error("the file that AWS_CA_BUNDLE names contains no certificate")]
    Empty,
}

/// Returns Amazon's roots, or instead of them the certificates in the PEM file `bundle`.
///
/// # Errors
/// If the file cannot be read, is not in the PEM format, or contains no certificate or a malformed one. Anything else in the file is
/// ignored.
pub(crate) fn trust_store(bundle: Option<&Path>) -> Result<TrustStore, TrustStoreError> {
    let roots = match bundle {
        Some(file) => {
            let bundle = fs::read(file)?;
            check(&bundle)?;
            bundle
        }
        None => AMAZON_ROOTS.to_vec(),
    };
    Ok(TrustStore::empty().with_pem_certificate(roots))
}

/// Checks that `roots` are certificates in the PEM format. The HTTP client panics if they are not.
fn check(roots: &[u8]) -> Result<(), TrustStoreError> {
    let mut store = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(roots) {
        store.add(root?)?;
    }
    if store.is_empty() { Err(TrustStoreError::Empty) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::Arc};

    use aws_config::Region;
    use aws_sdk_dynamodb::{Client, config::Credentials};
    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
    use sha2::{Digest, Sha256};
    use tempfile::NamedTempFile;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::runtime::aws::settings_on_lambda;

    /// The SHA-256 fingerprints of the five certificates, as Mozilla's list of authorities has them
    /// (<https://wiki.mozilla.org/CA/Included_Certificates>).
    const FINGERPRINTS: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    fn file(content: &str) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file
    }

    /// Returns a certificate for `localhost`, which is its own authority, and its key.
    fn certificate() -> CertifiedKey<rcgen::KeyPair> {
        generate_simple_self_signed(["localhost".to_owned()]).unwrap()
    }

    /// Lists the tables of a server with this certificate, with a client that trusts `bundle`. Returns true if they trust each other.
    async fn is_trusted(server: CertifiedKey<rcgen::KeyPair>, bundle: Option<&Path>) -> bool {
        let key = PrivateKeyDer::try_from(server.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![server.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let server = tokio::spawn(async move {
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                // A client that does not trust the certificate ends the handshake.
                let Ok(mut connection) = acceptor.accept(connection).await else { continue };
                assert_ne!(connection.read(&mut [0; 4_096]).await.unwrap(), 0);
                let response = b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\"TableNames\":[]}";
                connection.write_all(response).await.unwrap();
                connection.shutdown().await.unwrap();
            }
        });
        let config = settings_on_lambda(trust_store(bundle).unwrap())
            .region(Region::from_static("eu-central-1"))
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(url);
        let listed = Client::new(&config.load().await).list_tables().send().await;
        server.abort();
        listed.is_ok()
    }

    #[test]
    fn amazon_roots_have_their_known_fingerprints() {
        let roots = CertificateDer::pem_slice_iter(AMAZON_ROOTS);
        let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        let fingerprints = roots.map(|root| hex(&Sha256::digest(root.unwrap())));
        assert_eq!(fingerprints.collect::<Vec<_>>(), FINGERPRINTS);
        check(AMAZON_ROOTS).unwrap();
    }

    #[tokio::test]
    async fn certificate_of_another_authority_is_rejected() {
        assert!(!is_trusted(certificate(), None).await);
        let other = file(&certificate().cert.pem());
        assert!(!is_trusted(certificate(), Some(other.path())).await);
    }

    #[tokio::test]
    async fn certificate_in_the_bundle_is_trusted() {
        let certificate = certificate();
        // A file may contain more than certificates.
        let bundle = file(&(certificate.signing_key.serialize_pem() + &certificate.cert.pem()));
        assert!(is_trusted(certificate, Some(bundle.path())).await);
    }

    #[test]
    fn bundle_without_certificates_is_an_error() {
        let key = certificate().signing_key.serialize_pem();
        let mangled = certificate().cert.pem().replace("\nMII", "\nAII");
        for (content, error) in [
            ("", "contains no certificate"),
            (&*key, "contains no certificate"),
            ("-----BEGIN CERTIFICATE-----\n", "is not in the PEM format"),
            (&*mangled, "contains a malformed certificate"),
        ] {
            let reason = trust_store(Some(file(content).path())).err().unwrap().to_string();
            assert!(reason.ends_with(error), "{reason}");
        }
        let missing = trust_store(Some(Path::new("/missing"))).err().unwrap();
        assert!(matches!(missing, TrustStoreError::Unreadable(_)));
    }
}
