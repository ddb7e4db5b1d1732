//! Keys in files that the first start creates. A real service loads them from its secret store.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use tollgate::session::RefreshKey;
use tollgate::{Algorithm, SigningKey};

use crate::accounts::Problem;

/// Returns the key that signs access tokens, and the one that derives refresh tokens.
pub(crate) fn keys(folder: &Path) -> Result<(SigningKey, RefreshKey), Problem> {
    let signing = kept(&folder.join("signing-key.der"), || {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        Ok(key?.as_ref().to_vec())
    })?;
    let refresh = kept(&folder.join("refresh.key"), || {
        let mut secret = vec![0; 32];
        aws_lc_rs::rand::fill(&mut secret)?;
        Ok(secret)
    })?;
    let signing = SigningKey::from_der(Algorithm::ES256, signing)?.with_kid("1");
    let refresh = refresh
        .try_into()
        .map_err(|_| "refresh.key has not 32 bytes")?;
    Ok((signing, RefreshKey::new(1, refresh)))
}

/// Returns the content of the file, which only its owner can read. If there is none, creates it.
fn kept(file: &Path, make: fn() -> Result<Vec<u8>, Problem>) -> Result<Vec<u8>, Problem> {
    match fs::read(file) {
        Err(problem) if problem.kind() == ErrorKind::NotFound => {
            let secret = make()?;
            let mut options = fs::File::options();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            // Renamed when complete: an interrupted start leaves no partial key.
            let new = file.with_extension("new");
            let mut writer = options.open(&new)?;
            writer.write_all(&secret)?;
            writer.sync_all()?;
            fs::rename(&new, file)?;
            Ok(secret)
        }
        read => Ok(read?),
    }
}
