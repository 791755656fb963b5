package receiptstest

import (
	"bytes"
	"testing"

	"github.com/crank-platform/crank"
)

func subjects(t *testing.T, p Place) {
	j, stop := Start(t, p.Open(t), NewClock())
	const who = "subject@example.org"
	a, err := j.Seal(t.Context(), "tenant_1", who)
	if err != nil {
		t.Fatal(err)
	}
	b, err := j.Seal(t.Context(), "tenant_1", who)
	if err != nil || bytes.Equal(a, b) || bytes.Contains(a, []byte(who)) {
		t.Errorf("two seals of one subject are %x and %x (%v)", a, b, err)
	}
	stop()
	j, stop = Start(t, p.Crash(t), NewClock())
	for _, sealed := range [][]byte{a, b} {
		if got, err := j.Unseal(t.Context(), "tenant_1", sealed); err != nil || got != who {
			t.Errorf("unsealed is %q (%v)", got, err)
		}
	}
	_, err = j.Unseal(t.Context(), "tenant_2", a)
	wantCode(t, err, crank.CodeNotFound)
	_, err = j.Unseal(t.Context(), "tenant_1", a[:20])
	wantCode(t, err, crank.CodeReceiptTampered)
	a[len(a)-1] ^= 1
	_, err = j.Unseal(t.Context(), "tenant_1", a)
	wantCode(t, err, crank.CodeReceiptTampered)

	r := Receipt(1)
	r.Receipt.Subject = b
	r = appendAll(t, j, r)[0]
	leaf := scan(t, j)[r.Seq-1].Leaf()
	other, err := j.Seal(t.Context(), "tenant_1", "other@example.org")
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Erase(t.Context(), "tenant_1", who); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		_, err = j.Unseal(t.Context(), "tenant_1", b)
		wantCode(t, err, crank.CodeNotFound)
		if got, err := j.Unseal(t.Context(), "tenant_1", other); err != nil || got != "other@example.org" {
			t.Errorf("erasing one subject takes another: %q (%v)", got, err)
		}
		if scan(t, j)[r.Seq-1].Leaf() != leaf {
			t.Error("erasing changes a leaf")
		}
	}
	check()
	again, err := j.Seal(t.Context(), "tenant_1", who)
	if err != nil || bytes.Equal(again[:16], b[:16]) {
		t.Errorf("a subject seen again goes by its erased key (%v)", err)
	}
	stop()
	j, _ = Start(t, p.Crash(t), NewClock())
	check()
}

func salts(t *testing.T, p Place) {
	j, stop := Start(t, p.Open(t), NewClock())
	a, err := j.Salt(t.Context(), "tenant_1")
	if err != nil || a == ([32]byte{}) {
		t.Fatalf("the salt is %x (%v)", a, err)
	}
	if b, err := j.Salt(t.Context(), "tenant_2"); err != nil || a == b {
		t.Errorf("two tenants share a salt (%v)", err)
	}
	stop()
	j, _ = Start(t, p.Crash(t), NewClock())
	if again, err := j.Salt(t.Context(), "tenant_1"); err != nil || again != a {
		t.Errorf("the salt has changed (%v)", err)
	}
}
