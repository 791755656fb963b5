package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/transparency-dev/tessera/api/layout"

	"github.com/crank-platform/crank"
)

// tiles compares a log's files with what they must hold: the entries and, at
// every eighth level, the nodes of the tree, 256 to a file. A tile's partial
// files, of which there may be many, must each be its beginning.
type tiles struct {
	dir     string
	covered uint64 // leaves under the published checkpoint: what they need must be there
	entries strip
	levels  []strip
}

// strip is one row of files: the entries, or the nodes of a level.
type strip struct {
	index uint64 // of the file that is being filled
	n     int    // items in it
	data  []byte // what it must hold
}

const width = layout.TileWidth

func (t *tiles) entry(v *verifier, entry []byte) error {
	s := &t.entries
	s.data = append(s.data, byte(len(entry)>>8), byte(len(entry)))
	s.data = append(s.data, entry...)
	return t.filled(v, s, -1)
}

func (t *tiles) node(v *verifier, level int, hash []byte) error {
	for len(t.levels) <= level {
		t.levels = append(t.levels, strip{})
	}
	s := &t.levels[level]
	s.data = append(s.data, hash...)
	return t.filled(v, s, level)
}

// filled goes to the next file of a strip when this one is full.
func (t *tiles) filled(v *verifier, s *strip, level int) error {
	if s.n++; s.n < width {
		return nil
	}
	err := t.compare(v, s, level)
	s.index, s.n, s.data = s.index+1, 0, s.data[:0]
	return err
}

// finish compares the last file of each strip, and looks for what is past it.
func (t *tiles) finish(v *verifier) error {
	if err := t.last(v, &t.entries, -1); err != nil {
		return err
	}
	for level := range t.levels {
		if err := t.last(v, &t.levels[level], level); err != nil {
			return err
		}
	}
	return nil
}

func (t *tiles) last(v *verifier, s *strip, level int) error {
	if err := t.compare(v, s, level); err != nil || s.n == 0 {
		return err
	}
	return t.compare(v, &strip{index: s.index + 1}, level)
}

func path(level int, index uint64, partial uint8) string {
	if level < 0 {
		return layout.EntriesPath(index, partial)
	}
	return layout.TilePath(uint64(level), index, partial)
}

// needed is how many items of a file the published checkpoint stands on.
func (t *tiles) needed(s *strip, level int) int {
	items := t.covered >> (8 * max(level, 0))
	if items <= s.index*width {
		return 0
	}
	return int(min(items-s.index*width, width))
}

// compare checks the full file and the partial files at one place of a strip.
func (t *tiles) compare(v *verifier, s *strip, level int) error {
	what, counted := "entries", "files of entries"
	if level >= 0 {
		what, counted = "tile", "tiles"
	}
	full := filepath.Join(t.dir, filepath.FromSlash(path(level, s.index, 0)))
	found := 0
	check := func(file string, items int) error {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return crank.Wrap(crank.CodeStore, err, "the log's folder cannot be read")
		}
		v.report.count(counted, 1)
		name, _ := filepath.Rel(t.dir, file)
		name = filepath.ToSlash(name)
		found = max(found, items)
		// As much of what it must hold as both it and the journal have.
		common := s.data[:len(s.data)/max(s.n, 1)*min(items, s.n)]
		if !bytes.HasPrefix(data, common) || items <= s.n && len(data) != len(common) {
			v.tampered(0, "%s %s is not what the records give", what, name)
		} else if items > s.n {
			v.excess = append(v.excess, fmt.Sprintf("%s %s holds %d leaves or nodes, of which the journal has %d", what, name, items, s.n))
		}
		return nil
	}
	// A log that runs may put a full file in the place of its partial ones while
	// this looks: a second look then finds it.
	need := t.needed(s, level)
	for look := 0; look < 2 && (look == 0 || found < need); look++ {
		if err := t.look(full, check); err != nil {
			return err
		}
	}
	if found < need {
		v.tampered(0, "%s %s is missing: the checkpoint needs %d of it", what, path(level, s.index, uint8(need%width)), need)
	}
	return nil
}

// look checks the full file and the partial files of one place, as far as they
// are there.
func (t *tiles) look(full string, check func(file string, items int) error) error {
	if err := check(full, width); err != nil {
		return err
	}
	partials, err := os.ReadDir(full + ".p")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return crank.Wrap(crank.CodeStore, err, "the log's folder cannot be read")
	}
	for _, p := range partials {
		items, err := strconv.Atoi(p.Name())
		if err != nil || items < 1 || items >= width {
			continue // a temporary file that a crash left: no client asks for it
		}
		if err := check(filepath.Join(full+".p", p.Name()), items); err != nil {
			return err
		}
	}
	return nil
}
