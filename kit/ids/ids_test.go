package ids

import "testing"

func TestEveryIDIsValidAndUnique(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		id := New("call")
		if !Valid("call", id) || seen[id] {
			t.Fatalf("id %q is invalid or came twice", id)
		}
		seen[id] = true
	}
}

func TestForeignTextIsNoID(t *testing.T) {
	for _, s := range []string{"", "call_", "call_xyz", New("key"), New("call") + "0", "CALL_0123456789abcdef0123456789abcdef"} {
		if Valid("call", s) {
			t.Errorf("%q passes as a call's id", s)
		}
	}
}
