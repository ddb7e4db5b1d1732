//! A trusted issuer: its rules and its keys.

use crate::decisions::IssuerLabel;
use crate::key::Key;
use crate::key::keyring::Keyring;
use crate::per_thread::PerThread;
use crate::verifier::role_paths::RolePaths;
use crate::verifier::rules::Rules;

/// A trusted issuer, ready for use.
pub(crate) struct Issuer {
    /// Its fixed keys, if any, are those of the keyring, in the same order.
    pub(super) entry: PerThread<IssuerEntry>,
    pub(super) keyring: Keyring,
}

/// The rules of an issuer, and its fixed keys if it lives as long as the verifier.
///
/// Both are in one place, so that a verified token holds them with one reference count. Key sources
/// are not part of it: a cached token must not keep them running.
#[derive(Debug)]
pub(crate) struct IssuerEntry {
    /// The name in events and metrics: never one that a client can invent.
    pub(crate) label: IssuerLabel,
    pub(crate) rules: Rules,
    pub(crate) keys: Vec<Key>,
    pub(crate) role_paths: RolePaths,
}
