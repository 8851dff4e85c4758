//! The compact form of networks, which items and the authorizer's context contain: for each network a byte with its prefix length
//! and the bytes of its first address, all in unpadded base64url (RFC 4648, section 5).
//!
//! The authorizer reads and writes the networks of a key with every request. To parse and print 50 networks as text took it
//! half as long as everything else. `infra/bench/instructions` measures what a key with 50 networks costs.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ipnet::{IpNet, Ipv4Net, Ipv6Net, PrefixLenError};

use super::{InvalidNetworks, MAX_NETWORKS, Network, Networks};

/// Is added to the prefix length of an IPv6 network, so that no IPv4 network has the same first byte.
const V6: u8 = 64;

/// The number of bytes of an IPv6 network, the longest form.
const MAX_BYTES: usize = 17;

pub(super) fn encode(networks: &Networks) -> String {
    let mut bytes = Vec::with_capacity(MAX_BYTES * networks.0.len());
    for Network(network) in &networks.0 {
        match network {
            IpNet::V4(network) => {
                bytes.push(network.prefix_len());
                bytes.extend_from_slice(&network.network().octets());
            }
            IpNet::V6(network) => {
                bytes.push(V6 + network.prefix_len());
                bytes.extend_from_slice(&network.network().octets());
            }
        }
    }
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what [`encode`] writes. The networks have the order of the text, which is the canonical one in an encoded text.
pub(super) fn decode(text: &str) -> Result<Networks, InvalidNetworks> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidNetworks)?;
    let mut networks = Vec::with_capacity(bytes.len() / 5);
    let mut rest = bytes.as_slice();
    while let Some((prefix, after)) = rest.split_first() {
        let network = match prefix.checked_sub(V6) {
            None => v4(*prefix, take(after, &mut rest)?),
            Some(prefix) => v6(prefix, take(after, &mut rest)?),
        };
        let network = network.map_err(|_| InvalidNetworks)?;
        if network.addr() != network.network() {
            return Err(InvalidNetworks);
        }
        networks.push(Network(network));
    }
    if (1..=MAX_NETWORKS).contains(&networks.len()) { Ok(Networks(networks)) } else { Err(InvalidNetworks) }
}

/// Returns the first `N` of `bytes`, and sets `rest` to those after them.
fn take<'a, const N: usize>(bytes: &'a [u8], rest: &mut &'a [u8]) -> Result<[u8; N], InvalidNetworks> {
    let (taken, after) = bytes.split_first_chunk().ok_or(InvalidNetworks)?;
    *rest = after;
    Ok(*taken)
}

fn v4(prefix: u8, octets: [u8; 4]) -> Result<IpNet, PrefixLenError> {
    Ipv4Net::new(Ipv4Addr::from(octets), prefix).map(IpNet::V4)
}

fn v6(prefix: u8, octets: [u8; 16]) -> Result<IpNet, PrefixLenError> {
    Ipv6Net::new(Ipv6Addr::from(octets), prefix).map(IpNet::V6)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::primitives::allowed_ips::tests::{any_networks, networks};

    #[test]
    fn form_has_a_prefix_length_and_an_address_for_each_network() {
        let networks = networks(&["10.0.0.0/8", "192.0.2.1", "2001:db8::/32", "2001:db9::1"]);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(encode(&networks)).unwrap();
        let mut v6 = [[0; 17]; 2];
        v6[0][..5].copy_from_slice(&[64 + 32, 0x20, 0x01, 0x0d, 0xb8]);
        v6[1][..5].copy_from_slice(&[64 + 128, 0x20, 0x01, 0x0d, 0xb9]);
        v6[1][16] = 1;
        assert_eq!(bytes, [&[8, 10, 0, 0, 0], &[32, 192, 0, 2, 1], &v6.concat()[..]].concat());
        assert_eq!(decode(&encode(&networks)).unwrap(), networks);
    }

    #[test]
    fn malformed_text_is_rejected() {
        let v6 = |prefix: u8, last: u8| [&[prefix][..], &[0x20; 15], &[last]].concat();
        for bytes in [
            &[][..],
            &[32],
            &[32, 192, 0, 2],
            &[33, 192, 0, 2, 1],
            &[63, 192, 0, 2, 1],
            // A bit beyond the prefix is set.
            &[24, 192, 0, 2, 1],
            &[32, 192, 0, 2, 1, 32],
            &v6(64 + 128, 1)[..16],
            &v6(64 + 129, 1),
            &v6(64 + 127, 1),
            &[32, 192, 0, 2, 1].repeat(51),
        ] {
            assert!(decode(&BASE64_URL_SAFE_NO_PAD.encode(bytes)).is_err(), "{bytes:?}");
        }
        for text in ["*", "192.0.2.1", "IMAAAgE=", " IMAAAgE", "IMAAAgF"] {
            assert!(decode(text).is_err(), "{text}");
        }
        assert_eq!(decode("IMAAAgE").unwrap(), networks(&["192.0.2.1"]));
    }

    proptest! {
        #[test]
        fn encoded_networks_decode_to_the_same(networks in any_networks()) {
            prop_assert_eq!(decode(&encode(&networks)).unwrap(), networks);
        }

        #[test]
        fn decoded_bytes_encode_to_networks_that_decode_to_the_same(bytes in prop::collection::vec(0..=255_u8, 0..90)) {
            if let Ok(networks) = decode(&BASE64_URL_SAFE_NO_PAD.encode(bytes)) {
                prop_assert_eq!(decode(&encode(&networks)).unwrap(), networks);
            }
        }
    }
}
