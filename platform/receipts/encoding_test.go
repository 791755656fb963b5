package receipts

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/cbor"
)

func id(prefix string, n byte) string {
	return prefix + "_" + strings.Repeat("0", 30) + hex.EncodeToString([]byte{n})
}

func digest(n byte) crank.Digest { return crank.DigestOf("test", []byte{n}) }

// examples has a record of each type, with every field of a receipt set.
func examples() map[string]crank.Record {
	day := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	payer := crank.Payer{Tenant: "tenant_a", Team: "team_b", App: "app_c", Key: "key_d"}
	receipt := crank.Receipt{
		Version: 1, ID: id("rcpt", 7), Call: id("call", 7), Payer: payer, Subject: []byte{1, 2, 3}, Method: "jwt",
		Capability: "document/convert@1", Contract: digest(1), Provider: "local", Worker: "document", Offer: id("offer", 1), Instance: "i1",
		Policy: digest(2), Observed: true, Claim: []byte{4, 5}, Input: crank.Commitment{Digest: digest(3), Bytes: 1024}, Output: crank.Commitment{Digest: digest(4), Bytes: 300_000},
		Usage: crank.Usage{{Meter: "calls", Quantity: 1, Method: crank.Measured, Source: crank.SourcePlatform}, {Meter: "pages", Quantity: 12, Method: crank.Estimated, Source: crank.SourceWorker}},
		Plan:  digest(5), Ceiling: crank.Money{Micros: 5000, Asset: "USD"}, Lines: []crank.Line{{Meter: "pages", Quantity: 12, Micros: 1200}},
		Price:    crank.Money{Micros: 1200, Asset: "USD"},
		Postings: []crank.Posting{{Account: "tenant/tenant_a", Micros: -1200}, {Account: "provider/local", Micros: 840}, {Account: "platform", Micros: 360}},
		Carbon:   crank.Carbon{Micrograms: 17, Method: crank.Estimated}, Outcome: crank.OutcomeOK, Error: crank.CodeWorkerFailed,
		Opened: day.UnixMicro(), Sent: day.UnixMicro() + 20, Closed: day.UnixMicro() + 900, Attempts: 2,
		Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Parent: id("call", 1), Job: id("job", 1),
		Tags: crank.Tags{"project": "p1", "env": "prod"}, TenantSeq: 300, TenantPrev: digest(6),
	}
	least := crank.Receipt{
		Version: 1, ID: id("rcpt", 8), Call: id("call", 8), Payer: crank.Payer{Tenant: "t"}, Method: "key", Capability: "a/b@1",
		Ceiling: crank.Money{Asset: "USD"}, Price: crank.Money{Asset: "USD"}, Outcome: crank.OutcomeFailed, TenantSeq: 1,
	}
	at := day.UnixMicro()
	return map[string]crank.Record{
		"receipt":        {Epoch: 1, Seq: 2, Type: crank.TypeClosed, Time: at, Receipt: &receipt},
		"receipt-least":  {Epoch: 3, Seq: 70_000, Type: crank.TypeClosed, Time: at, Receipt: &least},
		"opened":         {Epoch: 1, Seq: 3, Type: crank.TypeOpened, Time: at, Opened: &crank.Opened{Call: id("call", 9), Capability: "email/parse@1", Contract: digest(1), Hold: crank.Hold{Ref: id("call", 9), Payer: payer, Amount: crank.Money{Micros: 5, Asset: "EUR"}, Expires: day.Add(time.Minute)}, Plan: digest(2), Scope: "tenant_a/app_c/key_d", Claim: []byte{9}, Fingerprint: digest(3), Input: crank.Commitment{Digest: digest(4), Bytes: 9}, Policy: digest(5), Idempotent: true, Method: "key", Opened: at, Job: id("job", 2), Tags: crank.Tags{"a": "b"}}},
		"transfer":       {Epoch: 1, Seq: 4, Type: crank.TypeTransfer, Time: at, Transfer: &crank.Transfer{Ref: id("tr", 1), Tenant: "tenant_a", Asset: "USD", Postings: []crank.Posting{{Account: "external", Micros: -10_000_000}, {Account: "tenant/tenant_a", Micros: 10_000_000}}, Why: "deposit"}},
		"adjustment":     {Epoch: 1, Seq: 5, Type: crank.TypeAdjustment, Time: at, Transfer: &crank.Transfer{Ref: id("tr", 2), Asset: "USD", Postings: []crank.Posting{{Account: "quality", Micros: -7}, {Account: "tenant/tenant_a", Micros: 7}}, Why: "p99 was missed", Receipt: receipt.ID}},
		"admin-budget":   {Epoch: 1, Seq: 6, Type: crank.TypeAdmin, Time: at, Admin: &crank.Admin{Actor: payer, Tenant: "tenant_a", Act: "budget.set", Object: "key_d", Budget: &crank.Budget{Level: crank.LevelKey, ID: "key_d", Tenant: "tenant_a", Period: crank.PeriodMonth, Limit: crank.Money{Micros: 1e9, Asset: "USD"}}}},
		"admin-epoch":    {Epoch: 2, Seq: 7, Type: crank.TypeAdmin, Time: at, Admin: &crank.Admin{Act: ActEpoch, Detail: crank.Tags{"size": "6"}}},
		"before-1970":    {Epoch: 1, Seq: math.MaxUint64, Type: crank.TypeAdmin, Time: -1_000_000, Admin: &crank.Admin{Act: "x"}},
		"the-first-time": {Epoch: 1, Seq: 1, Type: crank.TypeAdmin, Time: math.MinInt64, Admin: &crank.Admin{Act: "x"}},
	}
}

// A vector is a record in all its forms, for those who read the bytes in another
// language.
type vector struct {
	Record     crank.Record
	Hex        string
	Diagnostic string
	Digest     string
	Salt       string
	Leaf       string
}

func TestVectorsStand(t *testing.T) {
	for name, r := range examples() {
		b, err := Encode(r)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s := Stored{Epoch: r.Epoch, Seq: r.Seq, Bytes: b}
		for i := range s.Salt {
			s.Salt[i] = byte(i)
		}
		diagnostic, err := cbor.Diagnose(b)
		if err != nil {
			t.Fatal(err)
		}
		v, err := json.MarshalIndent(vector{r, hex.EncodeToString(b), diagnostic, s.Digest().String(), hex.EncodeToString(s.Salt[:]), s.Leaf().String()}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden(t, filepath.Join("testdata", "vectors", name+".json"), append(v, '\n'))
		back, err := s.Record()
		if err != nil || !reflect.DeepEqual(back, r) {
			t.Errorf("%s decodes as %+v (%v)", name, back, err)
		}
	}
}

func TestTheHandWrittenEnvelopeIsTheLibrarys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := envelope{1, rapid.Uint64().Draw(t, "epoch"), rapid.Uint64().Draw(t, "seq"), crank.RecordType(rapid.String().Draw(t, "type")),
			rapid.Int64().Draw(t, "time"), rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body")}
		want, err := cbor.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if e.Body == nil {
			e.Body = []byte{}
		}
		if got := appendEnvelope(nil, e.Epoch, e.Seq, e.Type, e.Time, e.Body); !bytes.Equal(got, want) {
			t.Errorf("by hand %x, by the library %x", got, want)
		}
	})
}

func TestAPlacedReceiptIsOneEncodedInItsPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := *examples()[rapid.SampledFrom([]string{"receipt", "receipt-least"}).Draw(t, "which")].Receipt
		r.TenantSeq, r.TenantPrev = 0, crank.Digest{}
		blank, err := cbor.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		r.TenantSeq = rapid.Uint64().Draw(t, "seq")
		copy(r.TenantPrev[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "prev"))
		want, err := cbor.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if got := placeReceipt(nil, blank, r.TenantSeq, r.TenantPrev); !bytes.Equal(got, want) {
			t.Errorf("placed %x, encoded %x", got, want)
		}
	})
}

func TestWhatCannotBeReadBackIsNotWritten(t *testing.T) {
	admin := func(a crank.Admin) crank.Record { return crank.Record{Type: crank.TypeAdmin, Admin: &a} }
	many := crank.Tags{}
	for i := range 5000 {
		many[strconv.Itoa(i)] = ""
	}
	for what, r := range map[string]crank.Record{
		"no body":             {Type: crank.TypeAdmin},
		"another type's body": {Type: crank.TypeClosed, Admin: &crank.Admin{}},
		"two bodies":          {Type: crank.TypeAdmin, Admin: &crank.Admin{}, Receipt: &crank.Receipt{}},
		"no type":             {Admin: &crank.Admin{}},
		"text not UTF-8":      admin(crank.Admin{Act: "\xff"}),
		"a tag not UTF-8":     admin(crank.Admin{Detail: crank.Tags{"a": "\xc3("}}),
		"too many tags":       admin(crank.Admin{Detail: many}),
		"too many bytes":      admin(crank.Admin{Act: strings.Repeat("x", MaxRecord)}),
	} {
		if b, err := Encode(r); err == nil {
			_, back := Decode(b)
			t.Errorf("a record with %s is encoded (decoding gives %v)", what, back)
		} else if crank.AsError(err).Code != crank.CodeInternal {
			t.Errorf("a record with %s gives %v", what, err)
		}
	}
}

func TestBytesInAnotherFormAreRefused(t *testing.T) {
	good, err := Encode(examples()["receipt"])
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		r, err := Decode(bad)
		if err != nil {
			if crank.AsError(err).Code != crank.CodeReceiptTampered {
				t.Fatalf("byte %d changed gives %v", i, err)
			}
			continue
		}
		if again, err := Encode(r); err != nil || !bytes.Equal(again, bad) {
			t.Fatalf("with byte %d changed, the bytes have a second encoding", i)
		}
	}
	for what, bad := range map[string][]byte{"nothing": nil, "a cut": good[:len(good)-1], "more": append(bytes.Clone(good), 0), "a megabyte": make([]byte, MaxRecord+1)} {
		if _, err := Decode(bad); err == nil {
			t.Errorf("%s decodes", what)
		}
	}
	old := *examples()["receipt"].Receipt
	old.Version = 2
	newer, err := Encode(crank.Record{Type: crank.TypeClosed, Receipt: &old})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(newer); err == nil {
		t.Error("a receipt of a newer version is guessed at")
	}
}

func TestARecordInAnothersPlaceIsRefused(t *testing.T) {
	r := examples()["receipt"]
	b, err := Encode(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []Stored{{Epoch: r.Epoch, Seq: r.Seq + 1, Bytes: b}, {Epoch: r.Epoch + 1, Seq: r.Seq, Bytes: b}} {
		if _, err := s.Record(); err == nil || crank.AsError(err).Code != crank.CodeReceiptTampered {
			t.Errorf("record %d/%d passes as %d/%d (%v)", r.Epoch, r.Seq, s.Epoch, s.Seq, err)
		}
	}
}

func FuzzDecodeAcceptsOneEncoding(f *testing.F) {
	for _, r := range examples() {
		b, err := Encode(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Decode(data)
		if err != nil {
			return
		}
		again, err := Encode(r)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%x decodes and encodes to %x (%v)", data, again, err)
		}
	})
}

func FuzzReadArchive(f *testing.F) {
	var file bytes.Buffer
	a, err := newArchive(&file, 4, 5)
	if err != nil {
		f.Fatal(err)
	}
	for seq := range uint64(2) {
		if err := a.write(Stored{Epoch: 1, Seq: 4 + seq, Bytes: []byte{1, 2, 3}}); err != nil {
			f.Fatal(err)
		}
	}
	if err := a.close(); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		seen := 0
		n, err := ReadArchive(bytes.NewReader(data), func(Stored) error { seen++; return nil })
		if n != seen {
			t.Errorf("%d records were counted, %d seen", n, seen)
		}
		if err == nil && !bytes.Equal(data, file.Bytes()) && n > 0 {
			// Another archive that verifies must be a whole one: cut by a byte it fails.
			if _, err := ReadArchive(bytes.NewReader(data[:len(data)-1]), func(Stored) error { return nil }); err == nil {
				t.Error("an archive verifies with and without its last byte")
			}
		}
	})
}

func TestAChangedArchiveDoesNotVerify(t *testing.T) {
	var file bytes.Buffer
	a, err := newArchive(&file, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.write(Stored{Epoch: 1, Seq: 1, Bytes: []byte("some bytes")}); err != nil {
		t.Fatal(err)
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	read := func(b []byte) error {
		_, err := ReadArchive(bytes.NewReader(b), func(Stored) error { return nil })
		return err
	}
	if err := read(file.Bytes()); err != nil {
		t.Fatal(err)
	}
	for i := range file.Len() {
		bad := bytes.Clone(file.Bytes())
		bad[i] ^= 4
		if err := read(bad); err == nil || crank.AsError(err).Code != crank.CodeReceiptTampered {
			t.Errorf("with byte %d changed it gives %v", i, err)
		}
		if err := read(bad[:i]); err == nil {
			t.Errorf("cut at byte %d it verifies", i)
		}
	}
}

func TestDaysBeginAtMidnightUTC(t *testing.T) {
	for us, want := range map[int64]int64{0: 0, microsPerDay - 1: 0, microsPerDay: 1, -1: -1, -microsPerDay: -1, -microsPerDay - 1: -2} {
		if got := dayOf(us); got != want {
			t.Errorf("microsecond %d is on day %d, want %d", us, got, want)
		}
	}
}
