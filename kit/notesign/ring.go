package notesign

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/crank-platform/crank/kit/atomicfile"
)

// SaveKey writes a private key to a new file that only its owner may read. It is
// fs.ErrExist when there is a file already.
func SaveKey(path string, s *Signer) error {
	return atomicfile.Create(path, []byte(s.Private()+"\n"), 0o600)
}

// LoadKey reads a private key's file, and refuses one that others may read.
func LoadKey(path string) (*Signer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("notesign: %s may be read by others (mode %04o); run chmod 600 on it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseSigner(strings.TrimSuffix(string(text), "\n"))
}

// Ring is a folder with every generation of one name's keys. Generation n has a
// private key a algorithm, 000n-ed25519.key and 000n-ml-dsa-65.key, and the note
// 000n.note in which generation n-1 hands over to it. A generation counts once
// its note is written; what a crash leaves of one before that is replaced. Old
// private keys may be deleted. Not safe for concurrent use.
type Ring struct {
	dir     string
	name    string
	random  io.Reader
	chain   [][]byte
	keys    Keys
	signers []*Signer
}

// OpenRing opens a name's ring, and makes its first generation where the folder
// has none. Random is for new keys, nil for the system's.
func OpenRing(dir, name string, random io.Reader) (*Ring, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	r := &Ring{dir: dir, name: name, random: random}
	for {
		msg, err := os.ReadFile(r.path(len(r.chain)+1, ".note"))
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, err
		}
		r.chain = append(r.chain, msg)
	}
	if len(r.chain) == 0 {
		return r, r.next(0)
	}
	roots, err := firstKeys(r.chain[0])
	if err != nil {
		return nil, err
	}
	if r.keys, err = Follow(roots, r.chain); err != nil {
		return nil, err
	}
	newest := r.keys[len(r.keys)-len(Algorithms()):]
	for _, k := range newest {
		s, err := LoadKey(r.path(len(r.chain), "-"+string(k.Algorithm())+".key"))
		if err != nil {
			return nil, err
		}
		if s.String() != k.Verifier.String() || k.name != name {
			return nil, fmt.Errorf("notesign: the %s key in %s is not the one of %s that its note names", k.Algorithm(), dir, name)
		}
		r.signers = append(r.signers, s)
	}
	return r, nil
}

// firstKeys returns the keys of a self-signed first generation.
func firstKeys(msg []byte) (Keys, error) {
	text, err := Text(msg)
	if err != nil {
		return nil, err
	}
	h, err := parseHandover(text)
	if err != nil {
		return nil, err
	}
	if _, _, err := Open(msg, h.keys...); err != nil {
		return nil, err
	}
	var ks Keys
	for _, k := range h.keys {
		ks = append(ks, Key{Verifier: k, From: h.from})
	}
	return ks, nil
}

func (r *Ring) path(generation int, suffix string) string {
	return filepath.Join(r.dir, fmt.Sprintf("%04d%s", generation, suffix))
}

// Signers returns the newest generation, one signer an algorithm.
func (r *Ring) Signers() []*Signer { return r.signers }

// Keys returns the keys of every generation, oldest first.
func (r *Ring) Keys() Keys { return r.keys }

// Chain returns the handover notes, oldest first: what others need to follow
// the rotation from a key that they trust (see Follow).
func (r *Ring) Chain() [][]byte { return r.chain }

// Rotate makes a new generation that speaks from a position on, which must be
// past the newest generation's own first.
func (r *Ring) Rotate(from uint64) error {
	if newest := r.keys[len(r.keys)-1].From; from <= newest {
		return fmt.Errorf("notesign: keys cannot change at %d: the present ones speak from %d", from, newest)
	}
	return r.next(from)
}

func (r *Ring) next(from uint64) error {
	h := handover{name: r.name, generation: uint64(len(r.chain) + 1), from: from}
	var fresh []*Signer
	for _, alg := range Algorithms() {
		s, err := Generate(alg, r.name, r.random)
		if err != nil {
			return err
		}
		path := r.path(len(r.chain)+1, "-"+string(alg)+".key")
		if err := atomicfile.Write(path, []byte(s.Private()+"\n"), 0o600); err != nil {
			return err
		}
		fresh, h.keys = append(fresh, s), append(h.keys, s.verifier)
	}
	by := r.signers
	if len(by) == 0 {
		by = fresh
	}
	msg, err := Sign(h.text(), by...)
	if err != nil {
		return err
	}
	if err := atomicfile.Create(r.path(len(r.chain)+1, ".note"), msg, 0o644); err != nil {
		return err
	}
	for i := range r.keys {
		if r.keys[i].Until == 0 {
			r.keys[i].Until = from
		}
	}
	for _, s := range fresh {
		r.keys = append(r.keys, Key{Verifier: s.verifier, From: from})
	}
	r.chain, r.signers = append(r.chain, msg), fresh
	return nil
}
