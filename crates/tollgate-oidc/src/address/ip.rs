//! Public and special-purpose IP addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Returns whether an address is globally reachable: by the IANA registries of special-purpose
/// addresses (RFC 6890), it is neither private, shared, loopback, link-local, documentation,
/// benchmarking, multicast nor reserved.
///
/// An issuer may send the service only to public addresses. If the registries are ambiguous, the
/// result is therefore `false`.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

#[allow(
    clippy::match_same_arms,
    clippy::unnested_or_patterns,
    reason = "each block has its own"
)]
fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // "This network", private, loopback (RFC 1122, RFC 1918).
        [0 | 10 | 127, ..]
        // Carrier-grade NAT (RFC 6598); some clouds have their metadata service here.
        | [100, 64..=127, ..]
        // Link-local (RFC 3927), and the metadata service of most clouds.
        | [169, 254, ..]
        | [172, 16..=31, ..]
        // Protocol assignments (RFC 6890), documentation (RFC 5737), the relays of 6to4 (RFC 7526).
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [192, 168, ..]
        // Benchmarking (RFC 2544) and documentation.
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        // Multicast, reserved, broadcast.
        | [224..=255, ..] => true,
        // Public by number, but reachable inside every Azure virtual network: DNS, DHCP, the
        // agent's secrets.
        [168, 63, 129, 16] => true,
        _ => false,
    };
    !special
}

#[allow(clippy::match_same_arms, reason = "each block has its own")]
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // IPv4-mapped (RFC 4291 section 2.5.5.2): the connection uses IPv4. NAT64 (RFC 6052): an
        // IPv6-only host uses it to reach IPv4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        // Protocol assignments (RFC 2928), Teredo among them, and documentation (RFC 3849).
        [0x2001, 0..=0x1ff | 0xdb8, ..] => false,
        // 6to4 (RFC 3056): an embedded IPv4 address, deprecated.
        [0x2002, ..] => false,
        // Documentation (RFC 9637).
        [0x3fff, 0..=0xfff, ..] => false,
        // All global unicast addresses assigned so far (RFC 4291 section 2.4), without the unique
        // local, link-local and multicast ones.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests;
