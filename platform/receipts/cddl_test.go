package receipts

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
)

var update = flag.Bool("update", false, "write the files that tests compare with")

const cddlHead = `; The bytes of Crank's journal, in CDDL (RFC 8610).
;
; Everything is deterministic CBOR, RFC 8949 section 4.2.1: shortest heads, no
; indefinite lengths, keys in bytewise order, no tags. Other encodings of the same
; value are refused. Keys are never reused. Text is UTF-8; times are microseconds
; since 1970 in UTC, but the expiry of a hold, which is in seconds.
;
; record digest = SHA-256("crank/record/v1" 0x00 record-bytes)
; leaf          = SHA-256("crank/leaf/v1" 0x00 salt record-digest)
;
; A test keeps this file equal to the Go structs: go test ./platform/receipts -update

journal-record = envelope .and record

; The body of an envelope is the encoding of what its type names:
; "call.opened" of opened, "call.closed" of receipt, "ledger.transfer" and
; "adjustment" of transfer, "admin" of admin.
record = {
  4 => "call.opened" / "call.closed" / "ledger.transfer" / "adjustment" / "admin",
  6 => bstr .cbor (opened / receipt / transfer / admin),
  * any => any,
}

digest = bstr .size 32
int64 = int .within (-9223372036854775808 .. 9223372036854775807)

`

const cddlTail = `; An archive is a CBOR sequence (RFC 8742) of byte strings: one header, as many
; records as it counts, and one trailer with the SHA-256 of all bytes before the
; trailer's byte string.
archive-frame = bstr .cbor (archive-header / archive-record / archive-trailer)

`

// cddl writes the schema of the structs, reached in order from roots.
type cddl struct {
	out  strings.Builder
	done map[reflect.Type]bool
	todo []reflect.Type
}

func (c *cddl) rule(t reflect.Type) {
	if c.done[t] {
		return
	}
	c.done[t] = true
	fmt.Fprintf(&c.out, "%s = {\n", ruleName(t))
	for i := range t.NumField() {
		f := t.Field(i)
		parts := strings.Split(f.Tag.Get("cbor"), ",")
		optional := ""
		for _, p := range parts[1:] {
			if p == "omitempty" || p == "omitzero" {
				optional = "? "
			}
		}
		fmt.Fprintf(&c.out, "  %s%s => %s, ; %s\n", optional, parts[0], c.typeName(f.Type, optional != ""), f.Name)
	}
	c.out.WriteString("}\n\n")
}

func (c *cddl) typeName(t reflect.Type, optional bool) string {
	switch {
	case t == reflect.TypeFor[crank.Digest]() || t == reflect.TypeFor[[32]byte]():
		return "digest"
	case t == reflect.TypeFor[time.Time]():
		return "int64 / null"
	case t.Kind() == reflect.Pointer:
		return c.typeName(t.Elem(), optional)
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return "bstr"
	case t.Kind() == reflect.Slice:
		s := "[* " + c.typeName(t.Elem(), true) + "]"
		if !optional {
			s += " / null"
		}
		return s
	case t.Kind() == reflect.Map:
		return "{* tstr => tstr}"
	case t.Kind() == reflect.Struct:
		c.todo = append(c.todo, t)
		return ruleName(t)
	case t.Kind() == reflect.String:
		return "tstr"
	case t.Kind() == reflect.Bool:
		return "bool"
	case t.Kind() == reflect.Uint8:
		return "0..255"
	case t.Kind() == reflect.Uint64:
		return "uint"
	case t.Kind() == reflect.Int64 || t.Kind() == reflect.Int:
		return "int64"
	}
	panic("no CDDL for " + t.String())
}

func ruleName(t reflect.Type) string {
	var b strings.Builder
	for i, r := range t.Name() {
		if r >= 'A' && r <= 'Z' && i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(strings.ToLower(string(r)))
	}
	return b.String()
}

func (c *cddl) from(types ...reflect.Type) {
	c.todo = types
	for len(c.todo) > 0 {
		t := c.todo[0]
		c.todo = c.todo[1:]
		c.rule(t)
	}
}

func TestTheSchemaIsThatOfTheStructs(t *testing.T) {
	c := &cddl{done: map[reflect.Type]bool{}}
	c.out.WriteString(cddlHead)
	c.from(reflect.TypeFor[envelope](), reflect.TypeFor[crank.Receipt](), reflect.TypeFor[crank.Opened](),
		reflect.TypeFor[crank.Transfer](), reflect.TypeFor[crank.Admin]())
	c.out.WriteString(cddlTail)
	c.from(reflect.TypeFor[archiveHeader](), reflect.TypeFor[archiveRecord](), reflect.TypeFor[archiveTrailer]())
	golden(t, "receipt.cddl", []byte(strings.TrimRight(c.out.String(), "\n")+"\n"))
}

func golden(t *testing.T, file string, have []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, have, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))) {
		t.Errorf("%s is not what the program says; if that is meant, run the test with -update. It says:\n%s", file, have)
	}
}
