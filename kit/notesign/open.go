package notesign

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/note"
)

// The ways in which a note may fail.
var (
	ErrNote     = errors.New("notesign: malformed note")
	ErrUnsigned = errors.New("notesign: not signed as it must be")
)

// Sign returns text, which must end in a newline, as a note signed by each signer.
func Sign(text string, signers ...*Signer) ([]byte, error) {
	if len(signers) == 0 {
		return nil, fmt.Errorf("%w: by nobody", ErrUnsigned)
	}
	all := make([]note.Signer, len(signers))
	for i, s := range signers {
		all[i] = s
	}
	msg, err := note.Sign(&note.Note{Text: text}, all...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNote, err)
	}
	return msg, nil
}

// Open returns a note's text and who signed it. It is ErrUnsigned unless one of
// keys of every algorithm has signed; signatures of others do not count, and a
// wrong signature of one of keys spoils the note. It is ErrNote for bytes that
// are no note, or that are another way to write one.
func Open(msg []byte, keys ...*Verifier) (text string, by []*Verifier, err error) {
	known := make([]note.Verifier, 0, len(keys))
	for _, k := range keys {
		if !slices.ContainsFunc(known, func(v note.Verifier) bool { return v.Name() == k.name && v.KeyHash() == k.id }) {
			known = append(known, k)
		}
	}
	n, err := note.Open(msg, note.VerifierList(known...))
	var unsigned *note.UnverifiedNoteError
	var wrong *note.InvalidSignatureError
	switch {
	case errors.As(err, &unsigned):
		return "", nil, fmt.Errorf("%w: no signature by a known key", ErrUnsigned)
	case errors.As(err, &wrong):
		return "", nil, fmt.Errorf("%w: the signature by %s+%08x is wrong", ErrUnsigned, wrong.Name, wrong.Hash)
	case err != nil:
		return "", nil, fmt.Errorf("%w: %w", ErrNote, err)
	}
	for _, sig := range slices.Concat(n.Sigs, n.UnverifiedSigs) {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return "", nil, fmt.Errorf("%w: a signature in loose base64", ErrNote)
		}
	}
	for _, sig := range n.Sigs {
		i := slices.IndexFunc(known, func(v note.Verifier) bool { return v.Name() == sig.Name && v.KeyHash() == sig.Hash })
		by = append(by, known[i].(*Verifier))
	}
	for _, alg := range Algorithms() {
		if !slices.ContainsFunc(by, func(v *Verifier) bool { return v.scheme.alg == alg }) {
			return "", nil, fmt.Errorf("%w: no %s signature by a known key", ErrUnsigned, alg)
		}
	}
	return n.Text, by, nil
}

// Text returns what a note says without asking who signed it: only to learn
// which keys to ask. ErrNote for bytes that are no note.
func Text(msg []byte) (string, error) {
	n, err := note.Open(msg, note.VerifierList())
	var unsigned *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unsigned):
		return unsigned.Note.Text, nil
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrNote, err)
	}
	return n.Text, nil
}
