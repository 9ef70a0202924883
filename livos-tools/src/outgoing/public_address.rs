//! Which addresses are of the public internet.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

/// Whether the address is one that anybody on the internet could call.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// The address as version 4, if it is one that is only written as version 6.
pub(crate) fn unmapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = ip.is_private()
        || ip.is_loopback()
        // Link-local; the metadata services of clouds are among them.
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        // "This" network (RFC 1122).
        || a == 0
        // Shared by carriers and their customers (RFC 6598).
        || (a == 100 && (64..128).contains(&b))
        // Protocol assignments (RFC 6890), and what was the anycast address of 6to4 (RFC 7526).
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        // Benchmarks (RFC 2544).
        || (a == 198 && (18..20).contains(&b))
        // Reserved, and broadcast.
        || a >= 240
        // A metadata service outside the link-local network (Azure's wire server).
        || ip == Ipv4Addr::new(168, 63, 129, 16);
    !is_special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(ip) = ip.to_ipv4_mapped() {
        return is_public_v4(ip);
    }
    // Translated by NAT64 under the well-known prefix (RFC 6052); 64:ff9b:1::/48 is for local use.
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = ip.segments() {
        return is_public_v4(Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low)));
    }
    let [first, second, ..] = ip.segments();
    // Global unicast is 2000::/3. Of that, 2001::/23 is for protocols (Teredo, benchmarks, ORCHID
    // among them), 2002::/16 is 6to4, 2001:db8::/32 and 3fff::/20 are for documentation.
    match first {
        0x2001 => second >= 0x200 && second != 0xdb8,
        0x2002 => false,
        0x3fff => second >= 0x1000,
        _ => (first & 0xe000) == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_special_network_is_known() {
        for inside in [
            "127.0.0.1",
            "127.255.255.254",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "0.0.0.0",
            "0.1.2.3",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::8.8.8.8",
            "fe80::1",
            "fec0::1",
            "fd00::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::808:808",
            "100::1",
            "2001::1",
            "2001:0:7f00:1::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "1.1.1.1",
            "172.15.255.255",
            "172.32.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "198.17.255.255",
            "198.20.0.0",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    proptest! {
        /// An address of version 4 is judged the same in every form of version 6 that reaches it.
        #[test]
        fn no_form_of_version_6_is_a_way_around(bits in any::<u32>()) {
            let v4 = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = bits.to_be_bytes();
            let [hi, lo] = [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])];
            let mapped = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, hi, lo);
            let translated = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, hi, lo);
            prop_assert_eq!(is_public(mapped.into()), is_public(v4.into()));
            prop_assert_eq!(is_public(translated.into()), is_public(v4.into()));
            for never in [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0, hi, lo),
                Ipv6Addr::new(0x2002, hi, lo, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, hi, lo, 0, 0, 0, 1),
                Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, hi, lo),
                Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, hi, lo),
            ] {
                prop_assert!(!is_public(never.into()), "{}", never);
            }
        }
    }
}
