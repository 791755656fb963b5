// Package docx reads WordprocessingML documents (ECMA-376, transitional and
// strict) into the document tree.
//
// It owns the meaning of paragraphs, runs, styles, numbering, tables, fields,
// notes and images in them. It reads the body one block at a time, refuses
// DTDs, and never opens anything outside the file.
package docx

import (
	"cmp"
	"context"
	"io"
	"path"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/internal/opc"
)

const op = "docx.read"

// Read reads a document. Its errors are *doc.Error (too-large, zip-bomb,
// malformed, unsupported, encrypted, too-deep) or the context's.
func Read(ctx context.Context, src io.ReaderAt, size int64, o doc.ReadOptions) (*doc.Document, error) {
	pkg, err := opc.Open(op, src, size, o.Limits)
	if err != nil {
		return nil, err
	}
	main, err := pkg.Main()
	if err != nil {
		return nil, err
	}
	r := &reader{
		ctx: ctx, pkg: pkg, m: doc.NewMeter(ctx, op, o.Limits), dir: path.Dir(main),
		media: map[string]doc.Media{}, counters: map[counter]int{}, losses: doc.Losses{By: "docx reader"},
	}
	if err := r.load(main); err != nil {
		return nil, err
	}
	blocks, err := r.body(main)
	if err != nil {
		return nil, err
	}
	d := &doc.Document{Meta: r.meta, Media: r.media}
	d.Blocks = pruneAnchors(blocks)
	r.core(d)
	for _, rel := range r.part.rels {
		if rel.Kind == "header" || rel.Kind == "footer" {
			r.losses.Add("page-header", "page headers and footers were left out")
		}
	}
	if pkg.Has(path.Join(r.dir, "vbaProject.bin")) {
		r.losses.Add("macro", "the document's macros were left out")
	}
	if err := cmp.Or(r.m.Err(), ctx.Err()); err != nil {
		return nil, err
	}
	d.Losses = r.losses.List()
	return d, nil
}

// reader is one read.
type reader struct {
	ctx       context.Context
	pkg       *opc.Package
	m         *doc.Meter
	dir       string // of the main part
	part      part   // being read
	styles    styles
	numbering numbering
	notes     map[string]map[string]note // "footnote"/"endnote" -> id
	meta      doc.Meta
	media     map[string]doc.Media
	losses    doc.Losses

	counters map[counter]int // last number used per list and level
	fields   []*field        // open fields, outermost first
	dropCap  []doc.Inline    // a drop cap waiting for its paragraph
	carried  []doc.Inline    // text of a paragraph whose mark was deleted
	caption  []doc.Block     // a table caption waiting for its table
	boxes    []*opc.Node     // text boxes met in the paragraph being read
	inNote   bool
}

// part is a part of the package and its relationships by id.
type part struct {
	name string
	rels map[string]opc.Rel
}

// note is a footnote or endnote and the part it stands in.
type note struct {
	node *opc.Node
	part part
}

func (r *reader) load(main string) error {
	rels, err := r.pkg.Rels(main)
	if err != nil {
		return err
	}
	r.part = part{main, rels}
	r.styles, r.numbering = newStyles(nil), numbering{}
	if n, err := r.tree("styles", "styles.xml"); err != nil {
		return err
	} else if n != nil {
		r.styles = newStyles(n)
	}
	if n, err := r.tree("numbering", "numbering.xml"); err != nil {
		return err
	} else if n != nil {
		r.numbering = newNumbering(n, r.styles)
	}
	r.notes = map[string]map[string]note{"footnote": {}, "endnote": {}}
	for kind := range r.notes {
		n, err := r.tree(kind+"s", kind+"s.xml")
		if err != nil {
			return err
		}
		if n == nil {
			continue
		}
		name := r.related(kind+"s", kind+"s.xml")
		rels, err := r.pkg.Rels(name)
		if err != nil {
			return err
		}
		for _, k := range n.All("w:" + kind) {
			r.notes[kind][k.Get("w:id")] = note{k, part{name, rels}}
		}
	}
	return nil
}

// related is the part the main part names by a relationship of that kind, or
// the usual name beside it.
func (r *reader) related(kind, usual string) string {
	for _, rel := range r.part.rels {
		if rel.Kind == kind && !rel.External {
			return rel.Target
		}
	}
	return path.Join(r.dir, usual)
}

// tree reads a side part; nil if it is absent.
func (r *reader) tree(kind, usual string) (*opc.Node, error) {
	name := r.related(kind, usual)
	if !r.pkg.Has(name) {
		return nil, nil
	}
	return r.pkg.Tree(r.ctx, name)
}

// body reads the main part block by block.
func (r *reader) body(main string) ([]doc.Block, error) {
	b := &builder{r: r, body: true}
	err := r.pkg.Stream(r.ctx, main, func(n *opc.Node) error {
		b.add(n)
		return r.m.Err()
	}, "w:document", "w:body")
	if err != nil {
		return nil, err
	}
	blocks := b.done()
	blocks = append(blocks, r.caption...) // of a table that never came
	if r.carried = trimSpace(r.carried); len(r.carried) > 0 {
		blocks = append(blocks, doc.Para{Inlines: r.carried})
	}
	if len(r.dropCap) > 0 {
		blocks = append(blocks, doc.Para{Inlines: r.dropCap})
	}
	return blocks, r.m.Err()
}
