//! From where a session is used.

use serde::{Deserialize, Serialize};

/// What is known of the device that logs in or refreshes. All of it is what the client says of itself, and good for a list
/// that its user recognises it in, and for nothing else.
///
/// Each text is cut after 256 bytes.
///
/// ```
/// use tollgate_session::Device;
///
/// let device = Device {
///     user_agent: Some("Mozilla/5.0 (X11; Linux x86_64)".to_owned()),
///     address: Some("203.0.113.7".to_owned()),
///     name: Some("the laptop".to_owned()),
/// };
/// assert_ne!(device, Device::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// `User-Agent` (RFC 9110 section 10.1.5).
    pub user_agent: Option<String>,
    /// The address of the client.
    pub address: Option<String>,
    /// What the user or the app calls it.
    pub name: Option<String>,
}

impl Device {
    /// How many bytes of each text are kept.
    const MOST: usize = 256;

    /// As it is kept.
    pub(crate) fn cut(mut self) -> Self {
        for text in [&mut self.user_agent, &mut self.address, &mut self.name]
            .into_iter()
            .flatten()
        {
            text.truncate(text.floor_char_boundary(Self::MOST));
        }
        self
    }

    /// With what `newer` knows in place of what was known.
    pub(crate) fn updated(&self, newer: Self) -> Self {
        let newer = newer.cut();
        Self {
            user_agent: newer.user_agent.or_else(|| self.user_agent.clone()),
            address: newer.address.or_else(|| self.address.clone()),
            name: newer.name.or_else(|| self.name.clone()),
        }
    }
}
