//! The keys of the budgets.

use std::net::{IpAddr, Ipv4Addr};

use crate::attempts::AttemptKey;
use crate::refresh::RefreshKey;

/// A network: an IPv4 address, or the first 64 bits of an IPv6 address, as a provider gives each
/// customer at least a /64. A translated IPv4 address (RFC 6052, RFC 3056) is one of IPv4, as
/// all of them share a /64, or each has a /48.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network([u8; 9]);

impl Network {
    pub(crate) fn of(address: IpAddr) -> Self {
        let mut bytes = [0; 9];
        match ipv4_of(address.to_canonical()) {
            IpAddr::V4(address) => {
                bytes[0] = 4;
                bytes[1..5].copy_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                bytes[0] = 6;
                bytes[1..].copy_from_slice(&address.octets()[..8]);
            }
        }
        Self(bytes)
    }
}

/// Replaces an IPv6 address that contains an IPv4 address in a well-known place: NAT64 and 6to4.
const fn ipv4_of(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    match v6.octets() {
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
        | [0x20, 0x02, a, b, c, d, ..] => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        _ => address,
    }
}

/// Returns a user name so that its usual spellings are equal: without white space around it, and
/// in lower case. `None` if nothing is left.
pub(crate) fn normalized(name: &str) -> Option<String> {
    // Some letters have equal capitals only, such as `ſ` and `s`.
    let name = name.trim().to_uppercase().to_lowercase();
    (!name.is_empty()).then_some(name)
}

/// The keyed hash of the budgets of an issuer. Without the refresh key, the names in a store cannot
/// be found by guessing.
pub(crate) struct Keys<'a> {
    pub(crate) key: &'a RefreshKey,
    pub(crate) issuer: &'a str,
}

impl Keys<'_> {
    pub(crate) fn network(&self, network: Network) -> AttemptKey {
        self.hash(1, &[&network.0])
    }

    pub(crate) fn pair(&self, name: &str, network: Network) -> AttemptKey {
        self.hash(2, &[name.as_bytes(), &network.0])
    }

    pub(crate) fn subject(&self, name: &str) -> AttemptKey {
        self.hash(3, &[name.as_bytes()])
    }

    pub(crate) fn device(&self, name: &str, device: &[u8]) -> AttemptKey {
        self.hash(4, &[name.as_bytes(), device])
    }

    fn hash(&self, kind: u8, parts: &[&[u8]]) -> AttemptKey {
        let first = [kind];
        let mut all = vec![&first[..], self.issuer.as_bytes()];
        all.extend(parts);
        let hash = self.key.authenticate(b"tollgate attempts v1", &all);
        let mut bytes = [kind; AttemptKey::BYTES];
        bytes[1..].copy_from_slice(&hash[..AttemptKey::BYTES - 1]);
        AttemptKey::new(bytes)
    }
}
