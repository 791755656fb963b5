package http

import (
	"net/netip"
	"testing"
)

func TestAddressesThatTheInternetDoesNotRouteAreTold(t *testing.T) {
	for _, a := range []string{"127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "0.1.2.3", "255.255.255.255", "224.0.0.1",
		"198.18.0.1", "::1", "::", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"} {
		if !notPublic(netip.MustParseAddr(a)) {
			t.Errorf("%s passes for public", a)
		}
	}
	for _, a := range []string{"1.1.1.1", "172.32.0.1", "2606:4700::1111"} {
		if notPublic(netip.MustParseAddr(a)) {
			t.Errorf("%s passes for private", a)
		}
	}
}
