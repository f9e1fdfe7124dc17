//! The only TLS stack in Cellstack: rustls over ring, with the roots that its user names.

use std::sync::{Arc, OnceLock};

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// The error of roots that can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnreadableRoots {
    #[error("it holds no certificate")]
    None,
    #[error("it is not PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    #[error(transparent)]
    Certificate(#[from] rustls::Error),
}

/// A maker of TLS connections. It reads its roots for the first connection; roots that may be unreadable are read
/// before.
pub(super) struct Tls {
    roots: Roots,
    connector: OnceLock<TlsConnector>,
}

enum Roots {
    /// The machine's certificates: some hundred and fifty.
    Native,
    /// A PEM text that a test has read.
    Pinned(&'static [u8]),
}

impl Tls {
    pub(super) const fn native() -> Self {
        Self { roots: Roots::Native, connector: OnceLock::new() }
    }

    pub(super) const fn pinned(roots: &'static [u8]) -> Self {
        Self { roots: Roots::Pinned(roots), connector: OnceLock::new() }
    }

    pub(super) fn trusting(roots: &[u8]) -> Result<Self, UnreadableRoots> {
        Ok(Self { roots: Roots::Native, connector: OnceLock::from(connector(read(roots)?)?) })
    }

    pub(super) fn connector(&self) -> Result<TlsConnector, UnreadableRoots> {
        if let Some(connector) = self.connector.get() {
            return Ok(connector.clone());
        }
        let store = match self.roots {
            Roots::Pinned(text) => read(text)?,
            Roots::Native => {
                let mut store = RootCertStore::empty();
                // A machine may hold certificates that can't be read; the rest count.
                store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
                store
            }
        };
        let connector = connector(store)?;
        Ok(self.connector.get_or_init(|| connector).clone())
    }
}

fn read(text: &[u8]) -> Result<RootCertStore, UnreadableRoots> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text) {
        store.add(certificate?)?;
    }
    if store.is_empty() { Err(UnreadableRoots::None) } else { Ok(store) }
}

fn connector(store: RootCertStore) -> Result<TlsConnector, rustls::Error> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
