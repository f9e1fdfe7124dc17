//! A root and a certificate for `localhost`, made anew for each run.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// The certificate of the mock DynamoDB, and the root that its callers trust.
pub(crate) struct Certificate {
    /// The root, as PEM.
    pub(crate) root: String,
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

impl Certificate {
    pub(super) fn make() -> Result<Self> {
        let mut root = CertificateParams::new(Vec::new())?;
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        root.distinguished_name.push(DnType::CommonName, "cellstack bench root");
        let root_key = KeyPair::generate()?;
        let root_certificate = root.self_signed(&root_key)?;
        let leaf_key = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec!["localhost".to_owned()])?;
        let leaf = leaf.signed_by(&leaf_key, &Issuer::new(root, root_key))?;
        Ok(Self { root: root_certificate.pem(), chain: vec![leaf.der().clone()], key: leaf_key.serialize_der() })
    }

    pub(super) fn acceptor(&self) -> Result<TlsAcceptor> {
        let key = PrivateKeyDer::try_from(self.key.clone()).map_err(|error| anyhow!("{error}"))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), key)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}
