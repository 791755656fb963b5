package notesign

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// handoverTitle is the first line of a note in which one generation of keys
// names the next. A checkpoint's first line is a log's origin, so that neither
// is ever taken for the other.
const handoverTitle = "crank.dev/key-handover/v1"

// handover is such a note's text, one value a line: the title, the name, the
// generation (1, 2, 3...), the first position, and the verifier key of each
// algorithm in the order of Algorithms. The keys of the generation before sign
// it; the first generation signs its own.
type handover struct {
	name       string
	generation uint64
	from       uint64
	keys       []*Verifier
}

func (h handover) text() string {
	lines := []string{handoverTitle, h.name, strconv.FormatUint(h.generation, 10), strconv.FormatUint(h.from, 10)}
	for _, k := range h.keys {
		lines = append(lines, k.String())
	}
	return strings.Join(lines, "\n") + "\n"
}

func parseHandover(text string) (h handover, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 5+len(Algorithms()) || lines[0] != handoverTitle {
		return h, fmt.Errorf("%w: it does not hand keys over", ErrNote)
	}
	h.name = lines[1]
	var err1, err2 error
	h.generation, err1 = strconv.ParseUint(lines[2], 10, 64)
	h.from, err2 = strconv.ParseUint(lines[3], 10, 64)
	if err1 != nil || err2 != nil {
		return h, fmt.Errorf("%w: generation %q from %q", ErrNote, lines[2], lines[3])
	}
	for i, alg := range Algorithms() {
		k, err := ParseVerifier(lines[4+i])
		if err != nil {
			return h, err
		}
		if k.Algorithm() != alg || k.name != h.name {
			return h, fmt.Errorf("%w: key %d is not %s's %s key", ErrNote, i+1, h.name, alg)
		}
		h.keys = append(h.keys, k)
	}
	if h.text() != text {
		return h, fmt.Errorf("%w: it is another way to write it", ErrNote)
	}
	return h, nil
}

// Follow extends trust from roots along a chain of handover notes, oldest
// first. The first note must name the roots: one key of each algorithm, all
// among them. Every further note must be signed by all keys of the one before.
// The result holds the keys of every generation, each until the next takes over.
func Follow(roots Keys, chain [][]byte) (Keys, error) {
	var all Keys
	var last handover
	for i, msg := range chain {
		text, err := Text(msg)
		if err != nil {
			return nil, fmt.Errorf("handover %d: %w", i+1, err)
		}
		h, err := parseHandover(text)
		if err != nil {
			return nil, fmt.Errorf("handover %d: %w", i+1, err)
		}
		if i == 0 {
			for _, k := range h.keys {
				if !slices.ContainsFunc(roots, func(r Key) bool { return r.String() == k.String() }) {
					return nil, fmt.Errorf("handover 1: %w: it names %s+%08x, which is not trusted", ErrUnsigned, k.name, k.id)
				}
			}
		} else {
			if _, _, err := Open(msg, last.keys...); err != nil {
				return nil, fmt.Errorf("handover %d: %w", i+1, err)
			}
			if h.name != last.name || h.generation != last.generation+1 || h.from <= last.from {
				return nil, fmt.Errorf("handover %d: %w: generation %d from %d does not follow generation %d from %d",
					i+1, ErrNote, h.generation, h.from, last.generation, last.from)
			}
			for j := range last.keys {
				all[len(all)-1-j].Until = h.from
			}
		}
		for _, k := range h.keys {
			all = append(all, Key{Verifier: k, From: h.from})
		}
		last = h
	}
	return all, nil
}
