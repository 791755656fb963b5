package blobs_test

import (
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/blobs"
	"github.com/crank-platform/crank/platform/blobs/memory"
)

var start = time.UnixMicro(1_700_000_000_000_000)

func service(now *time.Time) *blobs.Blobs {
	return blobs.New(blobs.Config{Store: &memory.Store{}, Key: []byte(strings.Repeat("k", 32)), Now: func() time.Time { return *now }})
}

func issue(t testing.TB, s *blobs.Blobs, ticket blobs.Ticket) string {
	t.Helper()
	text, err := s.Issue(ticket)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func refused(err error) bool { return errors.Is(err, &crank.Error{Code: crank.CodeTicket}) }

func TestATicketSaysWhatItWasIssuedFor(t *testing.T) {
	now := start
	s := service(&now)
	for _, want := range []blobs.Ticket{
		{Tenant: "tenant_a", Op: blobs.OpGet, Digest: crank.Digest{1}, Expires: start.Add(time.Minute)},
		{Tenant: "tenant_b", Op: blobs.OpPut, MaxBytes: 10, Expires: start.Add(time.Hour)},
	} {
		text := issue(t, s, want)
		if got, err := s.Redeem(text, want.Op); got != want || err != nil {
			t.Errorf("%+v becomes %+v, %v", want, got, err)
		}
	}
	for _, bad := range []blobs.Ticket{
		{Op: blobs.OpPut, Expires: start},
		{Tenant: "a", Op: blobs.OpGet, Expires: start},
		{Tenant: "a", Op: blobs.OpPut, MaxBytes: -1, Expires: start},
		{Tenant: "a", Op: blobs.OpPut},
		{Tenant: "a", Op: "delete", Expires: start},
		{Tenant: strings.Repeat("a", 256), Op: blobs.OpPut, Expires: start},
	} {
		if text, err := s.Issue(bad); err == nil {
			t.Errorf("%+v is issued as %s", bad, text)
		}
	}
}

func TestATicketEndsAndIsGoodForNothingElse(t *testing.T) {
	now := start
	s := service(&now)
	ref, err := s.Put(t.Context(), "tenant_a", strings.NewReader("hello"), crank.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	get := issue(t, s, blobs.Ticket{Tenant: "tenant_a", Op: blobs.OpGet, Digest: ref.Digest, Expires: start.Add(time.Minute)})
	put := issue(t, s, blobs.Ticket{Tenant: "tenant_a", Op: blobs.OpPut, MaxBytes: 5, Expires: start.Add(time.Minute)})
	exact := issue(t, s, blobs.Ticket{Tenant: "tenant_a", Op: blobs.OpPut, Digest: ref.Digest, Expires: start.Add(time.Minute)})

	r, _, err := s.OpenBy(t.Context(), get)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(r); string(data) != "hello" || err != nil {
		t.Errorf("read %q, %v", data, err)
	}
	if _, err := s.PutBy(t.Context(), put, strings.NewReader("fiver")); err != nil {
		t.Error(err)
	}
	if _, err := s.PutBy(t.Context(), put, strings.NewReader("sixers")); !errors.Is(err, &crank.Error{Code: crank.CodeTooLarge}) {
		t.Errorf("more than the ticket allows: %v", err)
	}
	if _, err := s.PutBy(t.Context(), exact, strings.NewReader("other")); !errors.Is(err, &crank.Error{Code: crank.CodeBlobDigest}) {
		t.Errorf("another blob than the ticket's: %v", err)
	}
	if _, err := s.PutBy(t.Context(), get, strings.NewReader("x")); !refused(err) {
		t.Errorf("a ticket to read lets write: %v", err)
	}
	if _, _, err := s.OpenBy(t.Context(), put); !refused(err) {
		t.Errorf("a ticket to write lets read: %v", err)
	}
	other := blobs.New(blobs.Config{Store: &memory.Store{}, Now: func() time.Time { return now }})
	if _, err := other.Redeem(get, blobs.OpGet); !refused(err) {
		t.Errorf("another node takes the ticket: %v", err)
	}
	now = start.Add(time.Minute)
	if _, _, err := s.OpenBy(t.Context(), get); !refused(err) {
		t.Errorf("an expired ticket: %v", err)
	}
}

func TestAnyChangeOfATicketIsFound(t *testing.T) {
	now := start
	s := service(&now)
	text := issue(t, s, blobs.Ticket{Tenant: "tenant_a", Op: blobs.OpGet, Digest: crank.Digest{7}, MaxBytes: 9, Expires: start.Add(time.Hour)})
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "tick_"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			if _, err := s.Redeem("tick_"+base64.RawURLEncoding.EncodeToString(raw), blobs.OpGet); !refused(err) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
			raw[i] ^= 1 << bit
		}
	}
	for i := range text {
		for _, changed := range []string{text[:i], text[:i] + text[i+1:], text[:i] + "\n" + text[i:], text[:i] + "A" + text[i:]} {
			if _, err := s.Redeem(changed, blobs.OpGet); !refused(err) {
				t.Fatalf("%q: %v", changed, err)
			}
		}
	}
}

func FuzzRedeem(f *testing.F) {
	now := start
	s := service(&now)
	f.Add(issue(f, s, blobs.Ticket{Tenant: "t", Op: blobs.OpPut, Expires: start.Add(time.Hour)}))
	f.Add("tick_")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		for _, op := range []blobs.Op{blobs.OpGet, blobs.OpPut} {
			ticket, err := s.Redeem(text, op)
			if err != nil {
				if !refused(err) {
					t.Fatal(err)
				}
				continue
			}
			if again, err := s.Issue(ticket); again != text || err != nil {
				t.Fatalf("%q redeems as %+v, which is issued as %q, %v", text, ticket, again, err)
			}
		}
	})
}
