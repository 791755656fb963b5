package notesign

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// Checkpoint is what a transparency log says of itself
// (https://c2sp.org/tlog-checkpoint): its root at a size. Its note has no
// extension lines.
type Checkpoint struct {
	Origin string // the log's name
	Size   uint64 // leaves
	Root   [32]byte
}

// Text writes the checkpoint as a note's text.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatUint(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// ParseCheckpoint reads what Text writes; anything else is ErrNote.
func ParseCheckpoint(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" {
		return c, fmt.Errorf("%w: it is no checkpoint", ErrNote)
	}
	c.Origin = lines[0]
	c.Size, err = strconv.ParseUint(lines[1], 10, 64)
	root, err2 := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || err2 != nil || len(root) != len(c.Root) {
		return c, fmt.Errorf("%w: it is no checkpoint", ErrNote)
	}
	c.Root = [32]byte(root)
	if c.Text() != text {
		return c, fmt.Errorf("%w: it is another way to write a checkpoint", ErrNote)
	}
	return c, nil
}

// OpenCheckpoint reads a checkpoint that is signed as Open asks for by keys that
// may speak for its origin. Position tells at which position a tree size stands.
func OpenCheckpoint(msg []byte, keys Keys, position func(size uint64) uint64) (Checkpoint, []*Verifier, error) {
	text, err := Text(msg)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	c, err := ParseCheckpoint(text)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	_, by, err := Open(msg, keys.At(c.Origin, position(c.Size))...)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	return c, by, nil
}
