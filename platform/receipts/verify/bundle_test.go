package verify_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts/tessera/logtest"
	"github.com/crank-platform/crank/platform/receipts/verify"
)

// export makes the bundle of a record.
func export(t testing.TB, h house, seq uint64) []byte {
	t.Helper()
	l := h.merge(t, 1, 1, h.j.Len())
	p, err := l.Inclusion(t.Context(), seq)
	if err != nil {
		t.Fatal(err)
	}
	data, err := verify.NewBundle(all(t, h.j)[seq-1], verify.Origin(node, 1), p.Index, p.Hashes, p.Checkpoint, logtest.Keys(h.signers)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// check reads and verifies an exported receipt.
func check(h house, data []byte) (verify.Report, error) {
	b, err := verify.DecodeBundle(data)
	if err != nil {
		return verify.Report{}, err
	}
	return verify.Receipt(b, logtest.Keys(h.signers))
}

func TestAnExportedReceiptVerifiesOffline(t *testing.T) {
	t.Parallel()
	j := logtest.New(300)
	h := build(t, j)
	for _, seq := range []uint64{1, 2, 3, 257, 301} {
		data := export(t, h, seq)
		r, err := check(h, data)
		if err != nil {
			t.Fatalf("record %d: %v", seq, err)
		}
		if r.Record.Seq != seq || r.SelfAsserted || len(r.Signers) != 2 || r.N("inclusion") != 1 || r.N("signatures") != 2 {
			t.Errorf("record %d: the report says %+v", seq, r)
		}
		b, err := verify.DecodeBundle(data)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := verify.Receipt(b, nil); err != nil || !r.SelfAsserted {
			t.Errorf("without trusted keys: self-asserted %v, %v", r.SelfAsserted, err)
		}
		if _, err := verify.Receipt(b, logtest.Keys(logtest.Signers(node, 7))); code(err) != crank.CodeReceiptTampered {
			t.Errorf("with a stranger's keys: %v", err)
		}
		if _, err := verify.Receipt(b, logtest.Keys(h.signers[:1])); code(err) != crank.CodeReceiptTampered {
			t.Errorf("with one algorithm's key alone: %v", err)
		}
	}
}

func TestNoByteOfAnExportedReceiptCanChangeWhatItSays(t *testing.T) {
	t.Parallel()
	h := build(t, logtest.New(40))
	data := export(t, h, 20)
	want, err := check(h, data)
	if err != nil {
		t.Fatal(err)
	}
	found, same := 0, 0
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= []byte{0x01, 0x20, 0x04, 0x80, 0x10}[i%5]
		got, err := check(h, bad)
		switch {
		case err != nil:
			if c := code(err); c != crank.CodeReceiptTampered {
				t.Fatalf("byte %d: %v; want CodeReceiptTampered", i, err)
			}
			found++
		case reflect.DeepEqual(got, want):
			same++
		default:
			t.Fatalf("byte %d of %d (%q) is flipped and the answer changes to %+v", i, len(data), data[max(0, i-20):min(len(data), i+20)], got)
		}
	}
	t.Logf("%d flips were found, %d changed no answer", found, same)
	if found < len(data)*9/10 {
		t.Errorf("only %d of %d flips were found", found, len(data))
	}
}

func TestABundleThatIsNotOneIsRefused(t *testing.T) {
	t.Parallel()
	h := build(t, logtest.New(10))
	data := string(export(t, h, 5))
	for what, bad := range map[string]string{
		"empty":             "",
		"no object":         "[]",
		"another version":   strings.Replace(data, `"version": 1`, `"version": 2`, 1),
		"an unknown member": strings.Replace(data, `"version": 1`, `"version": 1, "verified": true`, 1),
		"a member twice":    strings.Replace(data, `"version": 1`, `"version": 1, "epoch": 9`, 1),
		"another case":      strings.Replace(data, `"epoch"`, `"Epoch"`, 1),
		"more after it":     data + "{}",
		"too long":          data + strings.Repeat(" ", verify.MaxBundle),
		"another epoch":     strings.Replace(data, `"epoch": 1`, `"epoch": 2`, 1),
		"another leaf":      strings.Replace(data, `"leaf_index": 4`, `"leaf_index": 5`, 1),
		"another origin":    strings.Replace(data, `"origin": "log.`, `"origin": "lag.`, 1),
	} {
		if bad == data {
			t.Fatalf("%s: the test changes nothing", what)
		}
		if _, err := check(h, []byte(bad)); code(err) != crank.CodeReceiptTampered {
			t.Errorf("%s: %v; want CodeReceiptTampered", what, err)
		}
	}
}

func TestAPromiseReadsAsTheLogMadeIt(t *testing.T) {
	t.Parallel()
	h := build(t, logtest.New(10))
	l := h.merge(t, 1, 1, h.j.Len())
	msg, err := l.Promise(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	p, err := verify.Promise(msg, logtest.Keys(h.signers))
	if err != nil {
		t.Fatal(err)
	}
	s := all(t, h.j)[6]
	if p.Origin != verify.Origin(node, 1) || p.Seq != 7 || p.Index != 6 || p.Record != s.Digest() || p.Leaf != s.Leaf() || p.By.IsZero() {
		t.Errorf("read %+v", p)
	}
	for i := range msg {
		bad := bytes.Clone(msg)
		bad[i] ^= 1
		if _, err := verify.Promise(bad, logtest.Keys(h.signers)); code(err) != crank.CodeReceiptTampered {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
	}
	if _, err := verify.Promise(h.checkpoint(t, 1), logtest.Keys(h.signers)); code(err) != crank.CodeReceiptTampered {
		t.Errorf("a checkpoint reads as a promise: %v", err)
	}
}

func BenchmarkReceipt(b *testing.B) {
	h := build(b, logtest.New(1000))
	data := export(b, h, 500)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := check(h, data); err != nil {
			b.Fatal(err)
		}
	}
}
