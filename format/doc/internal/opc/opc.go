// Package opc opens Open Packaging Convention files (ECMA-376 part 2): a zip
// of XML parts joined by relationships.
//
// It owns the limits that a container's bytes meet, and XML without DTDs. It
// does not own what the parts mean.
package opc

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/crank-platform/crank/format/doc"
)

// Package is an opened container.
type Package struct {
	op     string
	limits doc.Limits
	files  map[string]*zip.File // by name in lower case, as part names ignore case
	names  []string
	read   int64 // bytes decompressed so far
}

// oleHeader begins compound files, the form in which encrypted OOXML comes.
var oleHeader = []byte{0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1}

// Open checks the container against the limits before anything is
// decompressed: sizes and ratios as declared now, as met while reading later.
func Open(op string, src io.ReaderAt, size int64, l doc.Limits) (*Package, error) {
	l = l.Or()
	if err := doc.CheckSize(op, size, l); err != nil {
		return nil, err
	}
	head := make([]byte, 8)
	n, err := src.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, doc.Wrap(doc.Malformed, op, "the file cannot be read", err)
	}
	switch head = head[:n]; {
	case n == 0:
		return nil, doc.E(doc.Malformed, op, "the file is empty")
	case bytes.Equal(head, oleHeader):
		return nil, doc.E(doc.Encrypted, op, "the document is encrypted or in the old binary format; save it without a password as .docx")
	case !bytes.HasPrefix(head, []byte("PK")):
		return nil, doc.E(doc.Malformed, op, "the file is not a zip container")
	}
	z, err := zip.NewReader(src, size)
	if err != nil {
		return nil, doc.Wrap(doc.Malformed, op, "the zip container is broken or cut off", err)
	}
	if len(z.File) > l.Entries {
		return nil, doc.E(doc.ZipBomb, op, "%d entries, the limit is %d", len(z.File), l.Entries)
	}
	p := &Package{op: op, limits: l, files: make(map[string]*zip.File, len(z.File))}
	var total uint64
	for _, f := range z.File {
		if f.Flags&1 != 0 {
			return nil, doc.E(doc.Encrypted, op, "the entry %q is encrypted", f.Name)
		}
		size := f.UncompressedSize64
		total += size
		if size > uint64(l.Entry) || total > uint64(l.Unpacked) {
			return nil, doc.E(doc.ZipBomb, op, "the entry %q brings the container to %d bytes, more than the limits allow", f.Name, total)
		}
		if size > 1<<20 && size/max(f.CompressedSize64, 1) > uint64(l.Ratio) {
			return nil, doc.E(doc.ZipBomb, op, "the entry %q is compressed more than %d to 1", f.Name, l.Ratio)
		}
		if strings.HasSuffix(f.Name, "/") {
			continue // a folder is no part
		}
		name := clean(f.Name)
		if _, twice := p.files[strings.ToLower(name)]; !twice {
			p.files[strings.ToLower(name)] = f
			p.names = append(p.names, name)
		}
	}
	return p, nil
}

// clean is a part name without leading slash or dot segments.
func clean(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}

// Names are the parts in the container's order.
func (p *Package) Names() []string { return p.names }

// Has reports whether the part is there.
func (p *Package) Has(name string) bool { return p.files[strings.ToLower(name)] != nil }

// open returns the part's bytes, stopped at the limits.
func (p *Package) open(name string) (io.ReadCloser, error) {
	f := p.files[strings.ToLower(name)]
	if f == nil {
		return nil, doc.E(doc.Malformed, p.op, "the part %q is missing", name)
	}
	rc, err := f.Open()
	if err != nil {
		return nil, doc.Wrap(doc.Malformed, p.op, "the part "+name+" cannot be opened", err)
	}
	return &meter{rc: rc, p: p, name: name, left: p.limits.Entry}, nil
}

// meter stops a part that grows past what the limits allow.
type meter struct {
	rc   io.ReadCloser
	p    *Package
	name string
	left int64
}

func (m *meter) Read(b []byte) (int, error) {
	n, err := m.rc.Read(b)
	m.left -= int64(n)
	m.p.read += int64(n)
	if m.left < 0 || m.p.read > 4*m.p.limits.Unpacked { // parts may be read more than once
		return 0, doc.E(doc.ZipBomb, m.p.op, "the part %q grows past the limits", m.name)
	}
	return n, err
}

func (m *meter) Close() error { return m.rc.Close() }

// Bytes reads a whole part.
func (p *Package) Bytes(name string) ([]byte, error) {
	rc, err := p.open(name)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	b, err := io.ReadAll(rc)
	if err != nil {
		return nil, p.broken(name, err)
	}
	return b, nil
}

func (p *Package) broken(name string, err error) error {
	var e *doc.Error
	if errors.As(err, &e) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return doc.Wrap(doc.Malformed, p.op, "the part "+name+" is broken", err)
}

// Rel is one relationship.
type Rel struct {
	ID       string
	Kind     string // last segment of the type, e.g. "styles"
	Target   string // a part's name, or an address if External
	External bool
}

// Rels are the relationships of a part by id; "" is the package itself.
func (p *Package) Rels(of string) (map[string]Rel, error) {
	name := path.Join(path.Dir(of), "_rels", path.Base(of)+".rels")
	if of == "" {
		name = "_rels/.rels"
	}
	out := map[string]Rel{}
	if !p.Has(name) {
		return out, nil
	}
	n, err := p.Tree(context.Background(), name)
	if err != nil {
		return nil, err
	}
	for _, k := range n.Kids {
		r := Rel{ID: k.Get("Id"), Kind: path.Base(k.Get("Type")), Target: k.Get("Target"), External: k.Get("TargetMode") == "External"}
		if !r.External {
			t := r.Target
			if !strings.HasPrefix(t, "/") {
				t = path.Join(path.Dir("/"+of), t)
			}
			r.Target = clean(t)
		}
		out[r.ID] = r
	}
	return out, nil
}

// Main is the name of the office document's main part.
func (p *Package) Main() (string, error) {
	rels, err := p.Rels("")
	if err != nil {
		return "", err
	}
	for _, r := range rels {
		if r.Kind == "officeDocument" && !r.External && p.Has(r.Target) {
			return r.Target, nil
		}
	}
	if p.Has("word/document.xml") {
		return "word/document.xml", nil
	}
	return "", doc.E(doc.Unsupported, p.op, "the container holds no office document")
}

// Root are the package's own relationships; none if they cannot be read.
func (p *Package) Root() map[string]Rel {
	rels, err := p.Rels("")
	if err != nil {
		return nil
	}
	return rels
}
