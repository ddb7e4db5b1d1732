//! The device that uses a session.

use serde::{Deserialize, Serialize};

/// A description of the device that logs in or refreshes. The client reports all of it, so use it
/// only for a list of devices that is shown to the user.
///
/// Each text is truncated to 256 bytes.
///
/// ```
/// use tollgate::session::Device;
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
    /// The `User-Agent` (RFC 9110 section 10.1.5).
    pub user_agent: Option<String>,
    /// The address of the client.
    pub address: Option<String>,
    /// A name that the user or the app chose.
    pub name: Option<String>,
}

impl Device {
    /// The largest length of each text, in bytes.
    const MOST: usize = 256;

    /// Truncates the texts.
    pub(crate) fn cut(mut self) -> Self {
        for text in [&mut self.user_agent, &mut self.address, &mut self.name]
            .into_iter()
            .flatten()
        {
            text.truncate(text.floor_char_boundary(Self::MOST));
        }
        self
    }

    /// Returns whether `seen` has a value that differs from the one here.
    pub(crate) fn differs(&self, seen: &Self) -> bool {
        let seen = seen.clone().cut();
        let differs = |here: &Option<String>, seen: Option<String>| seen.is_some() && *here != seen;
        differs(&self.user_agent, seen.user_agent)
            || differs(&self.address, seen.address)
            || differs(&self.name, seen.name)
    }

    /// Returns whether `seen` may be the same device: the user agent and the name do not differ
    /// where both are known. A phone changes its address when it changes its network, so the
    /// address does not count.
    pub(crate) fn may_be(&self, seen: &Self) -> bool {
        let seen = seen.clone().cut();
        let same = |here: &Option<String>, seen: Option<String>| {
            here.is_none() || seen.is_none() || *here == seen
        };
        same(&self.user_agent, seen.user_agent) && same(&self.name, seen.name)
    }

    /// Returns these values, replaced by those that `newer` has.
    pub(crate) fn updated(&self, newer: Self) -> Self {
        let newer = newer.cut();
        Self {
            user_agent: newer.user_agent.or_else(|| self.user_agent.clone()),
            address: newer.address.or_else(|| self.address.clone()),
            name: newer.name.or_else(|| self.name.clone()),
        }
    }
}
