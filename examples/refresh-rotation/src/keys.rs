//! Keys in files that the first start creates, so that they outlive the process. A real service
//! loads them from its secret store.

use std::error::Error;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use tollgate::session::RefreshKey;
use tollgate::{Algorithm, SigningKey};

/// Returns the key that signs access tokens. Other services verify them with its public half.
pub(crate) fn signing(folder: &Path) -> Result<SigningKey, Box<dyn Error>> {
    let pkcs8 = kept(&folder.join("signing-key.der"), || {
        let pair =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
        Ok(pair.as_ref().to_vec())
    })?;
    Ok(SigningKey::from_der(Algorithm::ES256, pkcs8)?.with_kid("1"))
}

/// Returns the key that derives refresh tokens. An attacker with this key and the store has every
/// session.
pub(crate) fn refresh(folder: &Path) -> Result<RefreshKey, Box<dyn Error>> {
    let file = folder.join("refresh.key");
    let secret = kept(&file, || {
        let mut secret = vec![0; 32];
        aws_lc_rs::rand::fill(&mut secret)?;
        Ok(secret)
    })?;
    let secret = secret.try_into();
    let secret = secret.map_err(|_| format!("{} has not 32 bytes", file.display()))?;
    Ok(RefreshKey::new(1, secret))
}

/// Returns the content of the file. If there is no file, creates it with the result of `make`.
fn kept(
    file: &Path,
    make: impl FnOnce() -> Result<Vec<u8>, aws_lc_rs::error::Unspecified>,
) -> Result<Vec<u8>, Box<dyn Error>> {
    match fs::read(file) {
        Err(problem) if problem.kind() == ErrorKind::NotFound => {
            let secret = make()?;
            // Written under a temporary name and renamed: an interrupted start leaves no partial
            // key.
            let new = file.with_extension("new");
            let mut writer = private(&new)?;
            writer.write_all(&secret)?;
            writer.sync_all()?;
            fs::rename(&new, file)?;
            Ok(secret)
        }
        read => Ok(read?),
    }
}

/// Creates a file that only its owner can read.
fn private(file: &Path) -> Result<File, std::io::Error> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}
