package cbor

import (
	"bytes"
	"encoding/hex"
	"testing"
)

type pair struct {
	B string         `cbor:"2,keyasint,omitempty"`
	A int64          `cbor:"1,keyasint"`
	C map[string]int `cbor:"3,keyasint,omitempty"`
	D [4]byte        `cbor:"4,keyasint,omitzero"`
}

func TestKeysAreSortedWhateverTheOrderOfFields(t *testing.T) {
	b, err := Marshal(pair{A: 1, B: "x", C: map[string]int{"bb": 2, "a": 1}, D: [4]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(b), "a40101026178"+"03a2616101626262"+"02"+"044401000000"; got != want {
		t.Errorf("encoding is %s, want %s", got, want)
	}
	var back pair
	if err := Unmarshal(b, &back); err != nil || back.C["bb"] != 2 {
		t.Errorf("decoding gives %+v, %v", back, err)
	}
}

func TestOtherEncodingsAreRefused(t *testing.T) {
	for what, text := range map[string]string{
		"a long form of 1":    "a1011801",
		"an unknown key":      "a201010901",
		"a key twice":         "a201010102",
		"an indefinite map":   "bf0101ff",
		"a tag":               "a101c001",
		"keys out of order":   "a20261780101",
		"something after it":  "a1010100",
		"something cut short": "a101",
	} {
		b, _ := hex.DecodeString(text)
		if err := Unmarshal(b, &pair{}); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

func FuzzUnmarshalIsTheInverseOfMarshal(f *testing.F) {
	f.Add([]byte{0xa1, 1, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var p pair
		if Unmarshal(data, &p) != nil {
			return
		}
		again, err := Marshal(p)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%x decodes and encodes to %x", data, again)
		}
	})
}
