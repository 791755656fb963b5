package crank

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
)

func TestMoneyReadsWhatItWrites(t *testing.T) {
	for text, want := range map[string]Money{
		"0.00 USD":                      {0, "USD"},
		"0.0012 USD":                    {1200, "USD"},
		"12.50 EUR":                     {12_500_000, "EUR"},
		"-0.000001 USD":                 {-1, "USD"},
		"9223372036854.775807 CREDIT":   {math.MaxInt64, "CREDIT"},
		"-9223372036854.775807 CREDIT2": {-math.MaxInt64, "CREDIT2"},
	} {
		got, err := ParseMoney(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s reads as %+v (%v), which writes %s", text, got, err, got)
		}
	}
	for _, text := range []string{"", "1", "USD", "1.0000001 USD", "1,5 USD", "1e3 USD", "+1 USD", "9223372036854.775808 USD", "1 usd", "1 USDTOOLONGNAME", "--1 USD"} {
		if got, err := ParseMoney(text); KindOf(err) != KindInvalid {
			t.Errorf("%q reads as %v", text, got)
		}
	}
	if s := Micros(math.MinInt64).String(); s != "-9223372036854.775808" {
		t.Errorf("the least amount writes as %s", s)
	}
}

func TestSumsThatDoNotFitAreErrors(t *testing.T) {
	if _, err := Micros(math.MaxInt64).Add(1); KindOf(err) != KindInvalid {
		t.Errorf("overflow gives %v", err)
	}
	if _, err := Micros(math.MinInt64).Add(-1); KindOf(err) != KindInvalid {
		t.Errorf("underflow gives %v", err)
	}
	for _, c := range []struct {
		q    int64
		p    Micros
		per  int64
		want Micros
	}{{1, 1, 3, 1}, {3, 1, 3, 1}, {4, 1, 3, 2}, {0, 5, 1, 0}, {math.MaxInt64, 1000, 1000, math.MaxInt64}} {
		if got, err := MulDivCeil(c.q, c.p, c.per); err != nil || got != c.want {
			t.Errorf("ceil(%d*%d/%d) = %d (%v), want %d", c.q, c.p, c.per, got, err, c.want)
		}
	}
	for _, c := range []struct {
		q   int64
		p   Micros
		per int64
	}{{math.MaxInt64, 2, 1}, {-1, 1, 1}, {1, -1, 1}, {1, 1, 0}, {math.MaxInt64, math.MaxInt64, math.MaxInt64 - 1}} {
		if got, err := MulDivCeil(c.q, c.p, c.per); err == nil {
			t.Errorf("ceil(%d*%d/%d) = %d", c.q, c.p, c.per, got)
		}
	}
}

func TestCapabilitiesAreReadStrictly(t *testing.T) {
	for _, s := range []string{"document/convert", "document/convert@1", "acme.doc-x/v2@12"} {
		c, err := ParseCapability(s)
		if err != nil || c.Name() == "" || c.Family() == "" || c.Verb() == "" {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{"", "a", "a/", "/b", "A/b", "a/b@", "a/b@0", "a/b@01", "a/b@-1", "a/b@x", "a/b/c", "a.b.c/d", "a/b@+1", "1a/b", "a/b@99999999999"} {
		if c, err := ParseCapability(s); err == nil {
			t.Errorf("%q is a capability: %q", s, c)
		}
	}
	if c := Capability("acme.doc/make@3"); c.Family() != "acme.doc" || c.Verb() != "make" || c.Major() != 3 {
		t.Errorf("parts are %s, %s, %d", c.Family(), c.Verb(), c.Major())
	}
}

func TestAnErrorKeepsItsKindAndHidesItsCause(t *testing.T) {
	cause := errors.New("disk sda1 at 10.0.0.1 broke")
	err := error(Wrap(CodeStore, cause, "the store failed"))
	if KindOf(err) != KindUnavailable || !errors.Is(err, cause) || !errors.Is(err, E(CodeStore, "")) {
		t.Errorf("wrapped error is %v", err)
	}
	text, _ := json.Marshal(err)
	var back Error
	if json.Unmarshal(text, &back) != nil || back.Kind != KindUnavailable || back.Code != CodeStore || back.Cause != nil || back.Mend == "" {
		t.Errorf("over the wire it is %s", text)
	}
	if KindOf(Wrap(CodeStore, context.DeadlineExceeded, "x")) != KindDeadlineExceeded || KindOf(cause) != KindInternal {
		t.Error("a deadline or a foreign error has the wrong kind")
	}
}

func TestBlobRefsAreFoundWhereverTheyStand(t *testing.T) {
	d := DigestOf("x", []byte("y"))
	value := `{"b":[{"f":{"$blob":"` + d.String() + `","size":7,"media_type":"text/plain"}}],"a":{"$blob":"` + d.String() + `","size":7}}`
	refs, err := BlobRefs(json.RawMessage(value))
	if err != nil || len(refs) != 1 || refs[0].Digest != d || refs[0].Size != 7 {
		t.Errorf("references are %+v, %v", refs, err)
	}
	if _, err := BlobRefs(json.RawMessage(`{"$blob":"sha256:zz"}`)); err == nil {
		t.Error("a broken digest passes")
	}
}
