//! The IP addresses from which an API key may be used.

mod compact;

use std::{borrow::Cow, fmt, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The addresses from which a key may be used. The default is that every address is allowed.
///
/// Items contain null for every address, and otherwise [`Networks::to_compact`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Option<Stored>", into = "Option<String>")]
pub enum AllowedIps {
    /// Every address.
    #[default]
    Any,
    /// Only the addresses in these networks.
    Networks(Networks),
}

impl AllowedIps {
    /// Returns true if every address is allowed.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self == Self::Any
    }

    /// Returns true if requests from `address` are allowed. An IPv4-mapped IPv6 address counts as the IPv4 address. An unknown
    /// address, `None`, is outside every network.
    #[must_use]
    pub fn allows(&self, address: Option<IpAddr>) -> bool {
        match self {
            Self::Any => true,
            Self::Networks(Networks(networks)) => address.is_some_and(|address| {
                let address = address.to_canonical();
                networks.iter().any(|Network(network)| network.contains(&address))
            }),
        }
    }

    /// Returns true if `other` allows every address that this value allows.
    ///
    /// Networks are compared one by one. A network that only several networks of `other` cover together counts as outside.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Any) => true,
            (Self::Any, Self::Networks(_)) => false,
            (Self::Networks(inner), Self::Networks(outer)) => {
                inner.0.iter().all(|inner| outer.contains(*inner))
            }
        }
    }
}

impl From<Option<Networks>> for AllowedIps {
    fn from(networks: Option<Networks>) -> Self {
        networks.map_or(Self::Any, Self::Networks)
    }
}

impl From<AllowedIps> for Option<Networks> {
    fn from(allowed: AllowedIps) -> Self {
        match allowed {
            AllowedIps::Any => None,
            AllowedIps::Networks(networks) => Some(networks),
        }
    }
}

/// The forms in which items contain networks.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    /// What [`Networks::to_compact`] returns.
    Compact(String),
    /// What versions before the compact form stored.
    List(Networks),
}

impl TryFrom<Option<Stored>> for AllowedIps {
    type Error = InvalidNetworks;

    fn try_from(stored: Option<Stored>) -> Result<Self, InvalidNetworks> {
        Ok(match stored {
            None => Self::Any,
            Some(Stored::Compact(compact)) => Self::Networks(Networks::from_compact(&compact)?),
            Some(Stored::List(networks)) => Self::Networks(networks),
        })
    }
}

impl From<AllowedIps> for Option<String> {
    fn from(allowed: AllowedIps) -> Self {
        Option::<Networks>::from(allowed).map(|networks| networks.to_compact())
    }
}

/// 1 to 50 networks, of which none is within another. IPv4 networks come first, then they are sorted by their first address.
/// Adjacent networks stay separate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, extend("minItems" = 1, "maxItems" = MAX_NETWORKS))]
#[serde(try_from = "Vec<Network>")]
pub struct Networks(Vec<Network>);

pub(crate) const MAX_NETWORKS: usize = 50;

#[derive(Debug, thiserror::Error)]
#[error("must contain 1 to {MAX_NETWORKS} IP addresses or networks")]
pub struct InvalidNetworks;

impl Networks {
    #[must_use]
    pub fn as_slice(&self) -> &[Network] {
        &self.0
    }

    /// Returns a short text, which is read faster than the serialized list.
    #[must_use]
    pub fn to_compact(&self) -> String {
        compact::encode(self)
    }

    /// Reads what [`to_compact`](Self::to_compact) returns.
    ///
    /// # Errors
    /// If the text is malformed, or contains no networks or too many.
    pub fn from_compact(text: &str) -> Result<Self, InvalidNetworks> {
        compact::decode(text)
    }

    fn contains(&self, Network(inner): Network) -> bool {
        self.0.iter().any(|Network(outer)| outer.contains(&inner))
    }
}

impl TryFrom<Vec<Network>> for Networks {
    type Error = InvalidNetworks;

    fn try_from(mut networks: Vec<Network>) -> Result<Self, InvalidNetworks> {
        if !(1..=MAX_NETWORKS).contains(&networks.len()) {
            return Err(InvalidNetworks);
        }
        // A network comes after those that contain it, because their first address is not greater and their prefix is shorter.
        networks.sort_unstable_by_key(|Network(network)| (network.network(), network.prefix_len()));
        let mut canonical = Self(Vec::with_capacity(networks.len()));
        for network in networks {
            // Two networks are disjoint unless one contains the other. So of the disjoint networks before this one, only the last can
            // contain it.
            if !canonical.0.last().is_some_and(|Network(last)| last.contains(&network.0)) {
                canonical.0.push(network);
            }
        }
        Ok(canonical)
    }
}

/// An IPv4 or IPv6 address, or a network in CIDR notation (RFC 4632, RFC 4291). An address is a network of one address. An
/// IPv4-mapped IPv6 address or network is the IPv4 address or network.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

/// Why a text is not a network.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNetwork {
    #[error("must contain only IP addresses and networks in CIDR notation")]
    Malformed,
    /// An address bit after the prefix is set, as in `192.0.2.1/24`.
    #[error("must contain only networks without address bits beyond the prefix, such as 192.0.2.0/24")]
    BitsBeyondPrefix,
}

/// The prefix length of the IPv6 network that contains all IPv4-mapped addresses, `::ffff:0:0/96`.
const MAPPED_PREFIX: u8 = 96;

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        // `IpNet` also accepts prefix lengths with leading zeros, and keeps the bits beyond the prefix.
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(parse_prefix(prefix)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork::Malformed)?;
        let network = match prefix {
            Some(prefix) => IpNet::new(address, prefix).map_err(|_| InvalidNetwork::Malformed)?,
            None => address.into(),
        };
        if network.network() != address {
            return Err(InvalidNetwork::BitsBeyondPrefix);
        }
        Ok(Self(unmapped(network)))
    }
}

fn parse_prefix(text: &str) -> Result<u8, InvalidNetwork> {
    let is_canonical =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_canonical).ok_or(InvalidNetwork::Malformed)
}

/// Returns the IPv4 network for a network of IPv4-mapped addresses, and any other network as it is.
fn unmapped(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.prefix_len().checked_sub(MAPPED_PREFIX).zip(v6.addr().to_ipv4_mapped());
    let mapped = mapped.and_then(|(prefix, address)| Ipv4Net::new(address, prefix).ok());
    mapped.map_or(network, IpNet::V4)
}

impl fmt::Display for Network {
    /// Formats a network of one address without the prefix length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(network) = self;
        if network.prefix_len() == network.max_prefix_len() {
            write!(f, "{}", network.addr())
        } else {
            write!(f, "{network}")
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;

    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl JsonSchema for Network {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[0-9A-Fa-f.:/]{2,49}$",
            "description": "An IPv4 or IPv6 address, or a network in CIDR notation without address bits beyond the prefix.",
            "examples": ["192.0.2.0/24", "2001:db8::1"],
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::{collection::vec, option, prelude::*, sample::select};

    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    pub(crate) fn networks(networks: &[&str]) -> Networks {
        let networks: Vec<_> = networks.iter().map(|text| network(text)).collect();
        networks.try_into().unwrap()
    }

    pub(crate) fn allowed_ips(list: &[&str]) -> AllowedIps {
        AllowedIps::Networks(networks(list))
    }

    fn canonical(networks: &[&str]) -> Vec<String> {
        let AllowedIps::Networks(networks) = allowed_ips(networks) else { panic!("networks are given") };
        networks.as_slice().iter().map(ToString::to_string).collect()
    }

    /// Generates networks of few different addresses, so that they often overlap.
    fn any_network() -> impl Strategy<Value = Network> {
        prop_oneof![
            (0..=3_u32, 29..=32_u8).prop_map(|(host, prefix)| {
                let address = Ipv4Addr::from(0xc000_0200 | host);
                Network(IpNet::new(address.into(), prefix).unwrap().trunc())
            }),
            (0..=3_u128, 125..=128_u8).prop_map(|(host, prefix)| {
                let address = Ipv6Addr::from(0x2001_0db8 << 96 | host);
                Network(IpNet::new(address.into(), prefix).unwrap().trunc())
            }),
        ]
    }

    pub(crate) fn any_networks() -> impl Strategy<Value = Networks> {
        vec(any_network(), 1..5).prop_map(|networks| networks.try_into().unwrap())
    }

    pub(crate) fn any_allowed_ips() -> impl Strategy<Value = AllowedIps> {
        option::of(any_networks()).prop_map(AllowedIps::from)
    }

    /// Generates addresses of which many are in networks of [`any_allowed_ips`].
    pub(crate) fn any_address() -> impl Strategy<Value = IpAddr> {
        select(addresses().collect::<Vec<_>>())
    }

    pub(crate) fn addresses() -> impl Iterator<Item = IpAddr> {
        (0..=8_u32).flat_map(|host| {
            let v4 = Ipv4Addr::from(0xc000_0200 | host);
            let v6 = Ipv6Addr::from(0x2001_0db8 << 96 | u128::from(host));
            [v4.into(), v4.to_ipv6_mapped().into(), v6.into()]
        })
    }

    #[test]
    fn list_is_sorted_and_has_no_network_within_another() {
        for (given, expected) in [
            (
                &["2001:db8::1", "192.0.2.7", "10.0.0.0/8"][..],
                &["10.0.0.0/8", "192.0.2.7", "2001:db8::1"][..],
            ),
            (&["192.0.2.0/25", "192.0.2.0/24", "192.0.2.9", "192.0.2.0/24"], &["192.0.2.0/24"]),
            (&["192.0.2.128/25", "192.0.2.0/25"], &["192.0.2.0/25", "192.0.2.128/25"]),
            (&["9.0.0.0/8", "10.0.0.0/8"], &["9.0.0.0/8", "10.0.0.0/8"]),
            (&["0.0.0.0/0", "::/0", "192.0.2.1"], &["0.0.0.0/0", "::/0"]),
        ] {
            assert_eq!(canonical(given), expected);
        }
    }

    #[test]
    fn network_is_formatted_in_canonical_form() {
        for (given, expected) in [
            ("192.0.2.1/32", "192.0.2.1"),
            ("2001:DB8:0:0:0:0:0:1/128", "2001:db8::1"),
            ("2001:db8:0:0::/64", "2001:db8::/64"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::/95", "::/95"),
        ] {
            assert_eq!(network(given).to_string(), expected);
        }
    }

    #[test]
    fn malformed_network_is_rejected() {
        for text in [
            "",
            "/",
            "x",
            "192.0.2.1/",
            "192.0.2.0/33",
            "192.0.2.0/024",
            "192.0.2.0/+24",
            "192.0.2.0/24/24",
            "192.0.2.00/24",
            "192.0.2/24",
            " 192.0.2.1",
            "192.0.2.1 ",
            "2001:db8::/129",
            "fe80::1%1",
            "[::1]",
            "192.0.2.1:80",
            "0x7f.0.0.1",
            "192.0.2.0/256",
            "example.com",
        ] {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork::Malformed), "{text}");
        }
    }

    #[test]
    fn network_with_bits_beyond_the_prefix_is_rejected() {
        for text in ["192.0.2.1/24", "2001:db8::1/64", "0.0.0.1/0", "::ffff:192.0.2.1/120"] {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork::BitsBeyondPrefix), "{text}");
        }
    }

    #[test]
    fn empty_and_too_long_lists_are_rejected() {
        assert!(Networks::try_from(vec![]).is_err());
        assert!(Networks::try_from(vec![network("192.0.2.1"); MAX_NETWORKS + 1]).is_err());
        assert!(Networks::try_from(vec![network("192.0.2.1"); MAX_NETWORKS]).is_ok());
    }

    #[test]
    fn address_is_allowed_in_its_networks_only() {
        let allowed = allowed_ips(&["192.0.2.0/24", "2001:db8::/64"]);
        for (address, is_allowed) in [
            (Some("192.0.2.255"), true),
            (Some("192.0.3.0"), false),
            (Some("::ffff:192.0.2.1"), true),
            (Some("2001:db8::ffff"), true),
            (Some("2001:db8:0:1::"), false),
            (None, false),
        ] {
            let address = address.map(|address| address.parse().unwrap());
            assert_eq!(allowed.allows(address), is_allowed, "{address:?}");
            assert!(AllowedIps::Any.allows(address));
        }
        assert!(!allowed_ips(&["::/0"]).allows(Some("::ffff:192.0.2.1".parse().unwrap())));
    }

    #[test]
    fn list_of_the_api_contains_texts() {
        let networks = networks(&["192.0.2.0/24", "2001:db8::1"]);
        let json = serde_json::to_string(&networks).unwrap();
        assert_eq!(json, r#"["192.0.2.0/24","2001:db8::1"]"#);
        assert_eq!(serde_json::from_str::<Networks>(&json).unwrap(), networks);
    }

    #[test]
    fn attribute_is_the_compact_text_or_null() {
        let allowed = allowed_ips(&["192.0.2.0/24"]);
        let json = serde_json::to_string(&allowed).unwrap();
        assert_eq!(json, r#""GMAAAgA""#);
        assert_eq!(serde_json::from_str::<AllowedIps>(&json).unwrap(), allowed);
        // An earlier version stored the list.
        assert_eq!(serde_json::from_str::<AllowedIps>(r#"["192.0.2.0/24"]"#).unwrap(), allowed);
        for malformed in [r#""""#, r#""*""#, "[]", r#"["192.0.2.1/24"]"#] {
            assert!(serde_json::from_str::<AllowedIps>(malformed).is_err(), "{malformed}");
        }
        assert_eq!(serde_json::to_string(&AllowedIps::Any).unwrap(), "null");
        assert_eq!(serde_json::from_str::<AllowedIps>("null").unwrap(), AllowedIps::Any);
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic_and_accepted_text_has_one_canonical_form(text in "[0-9a-f.:/]{0,24}|.*") {
            if let Ok(network) = text.parse::<Network>() {
                prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
            }
        }

        #[test]
        fn canonical_list_allows_the_same_addresses(networks in vec(any_network(), 1..9), address in any_address()) {
            let one_by_one = networks.iter().any(|network| {
                AllowedIps::Networks(vec![*network].try_into().unwrap()).allows(Some(address))
            });
            let allowed = AllowedIps::Networks(networks.try_into().unwrap());
            prop_assert_eq!(allowed.allows(Some(address)), one_by_one);
            let json = serde_json::to_value(&allowed).unwrap();
            prop_assert_eq!(serde_json::from_value::<AllowedIps>(json).unwrap(), allowed);
        }

        #[test]
        fn inner_list_allows_only_addresses_of_the_outer_list(
            inner in any_allowed_ips(),
            outer in any_allowed_ips(),
            address in any_address(),
        ) {
            if inner.is_within(&outer) && inner.allows(Some(address)) {
                prop_assert!(outer.allows(Some(address)));
            }
            prop_assert!(inner.is_within(&inner));
        }
    }
}
