//! The token of a device that has logged in before.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64_simd::URL_SAFE_NO_PAD;

use crate::random::{NoRandomness, Random};
use crate::refresh::{RefreshKey, RefreshKeys};

const VERSION: u8 = 1;
const ID: usize = 16;
const BYTES: usize = 1 + 4 + 8 + ID + 32;

/// A token that states that a device has logged in with a user name. It permits nothing: the device
/// has a budget of failed attempts of its own.
pub(crate) struct DeviceToken {
    pub(crate) id: [u8; ID],
}

impl DeviceToken {
    /// The lifetime, in seconds: 180 days.
    pub(crate) const LIFE: u64 = 180 * 86_400;

    pub(crate) fn generate(random: &(impl Random + ?Sized)) -> Result<Self, NoRandomness> {
        let mut id = [0; ID];
        random.fill(&mut id)?;
        Ok(Self { id })
    }

    /// Reads a token. `None` unless a key of `keys` has written it for this issuer and name, and it
    /// has not expired.
    pub(crate) fn read(
        text: &str,
        keys: &RefreshKeys,
        issuer: &str,
        name: &str,
        now: u64,
    ) -> Option<Self> {
        if text.len() != URL_SAFE_NO_PAD.encoded_length(BYTES) {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode_to_vec(text).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (issued_at, rest) = rest.split_first_chunk()?;
        let (id, mac) = rest.split_first_chunk()?;
        let issued_at = u64::from_be_bytes(*issued_at);
        let key = keys.of_id(u32::from_be_bytes(*key))?;
        let token = Self { id: *id };
        let valid = verify_slices_are_equal(&token.mac(key, issuer, name, issued_at), mac).is_ok();
        (valid && *version == VERSION && now < issued_at.saturating_add(Self::LIFE))
            .then_some(token)
    }

    pub(crate) fn write(&self, key: &RefreshKey, issuer: &str, name: &str, now: u64) -> String {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.push(VERSION);
        bytes.extend(key.id().to_be_bytes());
        bytes.extend(now.to_be_bytes());
        bytes.extend(self.id);
        bytes.extend(self.mac(key, issuer, name, now));
        URL_SAFE_NO_PAD.encode_to_string(&bytes)
    }

    fn mac(&self, key: &RefreshKey, issuer: &str, name: &str, issued_at: u64) -> [u8; 32] {
        let parts = [
            issuer.as_bytes(),
            name.as_bytes(),
            &issued_at.to_be_bytes(),
            &self.id,
        ];
        key.authenticate(b"tollgate device v1", &parts)
    }
}
