//! The input is an address in its first line, and in the other lines networks from which a key may be used.

use std::net::IpAddr;

use shared::primitives::allowed_ips::{AllowedIps, Network, Networks};

/// A list has one canonical form, and it allows exactly the addresses that have the same first bits as one of its networks.
pub(crate) fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    let mut lines = text.lines();
    let address: Option<IpAddr> = lines.next().and_then(|line| line.parse().ok());
    let networks: Vec<Network> = lines.filter_map(|line| line.parse().ok()).collect();
    let Ok(canonical) = Networks::try_from(networks.clone()) else { return };
    assert_eq!(Networks::try_from(canonical.as_slice().to_vec()).ok().as_ref(), Some(&canonical));
    assert_eq!(Networks::from_compact(&canonical.to_compact()).ok().as_ref(), Some(&canonical));
    for network in &networks {
        let printed: Network = network.to_string().parse().expect("the printed text is valid");
        assert_eq!(printed, *network);
    }
    let is_allowed =
        address.is_some_and(|address| networks.iter().any(|network| contains(*network, address)));
    assert_eq!(AllowedIps::Networks(canonical).allows(address), is_allowed);
}

fn contains(network: Network, address: IpAddr) -> bool {
    let text = network.to_string();
    let (first, prefix) =
        text.split_once('/').map_or((&*text, None), |(first, prefix)| (first, Some(prefix)));
    let prefix = |longest: u32| prefix.map_or(longest, |prefix| prefix.parse().expect("a number"));
    match (first.parse().expect("an address"), address.to_canonical()) {
        (IpAddr::V4(first), IpAddr::V4(address)) => {
            let differing = u32::from(first) ^ u32::from(address);
            differing.leading_zeros() >= prefix(32)
        }
        (IpAddr::V6(first), IpAddr::V6(address)) => {
            let differing = u128::from(first) ^ u128::from(address);
            differing.leading_zeros() >= prefix(128)
        }
        _ => false,
    }
}
