package docx

import (
	"path"
	"strconv"
	"strings"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/internal/opc"
)

// drawing reads a DrawingML object: an image, a chart, a diagram or a text box.
func (r *reader) drawing(n *opc.Node, s *sink) {
	if r.boxed(n) {
		return
	}
	props := n.Find("wp:docPr")
	alt := props.Get("descr")
	if blips := every(n, "a:blip", 64); len(blips) > 0 {
		attr := size(n.Find("wp:extent"))
		for _, b := range blips {
			if i, ok := r.image(first2(b.Get("r:embed"), b.Get("r:link")), alt, props.Get("title"), attr); ok {
				s.node(0, i)
			}
		}
		return
	}
	switch {
	case n.Find("c:chart") != nil || n.Find("cx:chart") != nil:
		r.losses.Add("chart", "a chart was left out")
		s.node(0, doc.Span{Attr: doc.Attr{Classes: []string{"chart"}}, Inlines: []doc.Inline{doc.Str{Text: "[CHART]"}}})
	case n.Find("dgm:relIds") != nil:
		r.losses.Add("diagram", "a diagram was left out")
		s.node(0, doc.Span{Attr: doc.Attr{Classes: []string{"diagram"}}, Inlines: []doc.Inline{doc.Str{Text: "[DIAGRAM]"}}})
	default:
		r.losses.Add("shape", "a shape was left out")
	}
}

// picture reads a VML picture or object.
func (r *reader) picture(n *opc.Node, s *sink) {
	if r.boxed(n) {
		return
	}
	for _, k := range every(n, "v:imagedata", 64) {
		shape := n.Find("v:shape")
		if i, ok := r.image(first2(k.Get("r:id"), k.Get("r:href")), first2(shape.Get("alt"), k.Get("o:title")), "", doc.Attr{}); ok {
			s.node(0, i)
		}
	}
	if n.Find("o:OLEObject") != nil {
		r.losses.Add("embedded-object", "an embedded object was left out; its picture was kept")
	}
}

// boxed sets text boxes aside: they become paragraphs before the one they hang on.
func (r *reader) boxed(n *opc.Node) bool {
	found := every(n, "w:txbxContent", 256)
	r.boxes = append(r.boxes, found...)
	return len(found) > 0
}

// every finds up to limit outermost descendants with that name.
func every(n *opc.Node, name string, limit int) []*opc.Node {
	var out []*opc.Node
	var walk func(*opc.Node)
	walk = func(n *opc.Node) {
		for _, k := range n.Kids {
			if len(out) >= limit {
				return
			}
			if k.Name == name {
				out = append(out, k)
				continue
			}
			walk(k)
		}
	}
	walk(n)
	return out
}

func first2(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// image makes an image of a relationship and takes its bytes along. Images
// outside the file are named, never fetched.
func (r *reader) image(id, alt, title string, a doc.Attr) (doc.Inline, bool) {
	rel, ok := r.part.rels[id]
	if !ok {
		r.losses.Add("image", "an image that the document does not hold was left out")
		return nil, false
	}
	target := rel.Target
	if !rel.External {
		target = strings.TrimPrefix(rel.Target, r.dir+"/")
		if _, have := r.media[target]; !have {
			b, err := r.pkg.Bytes(rel.Target)
			if err != nil {
				r.losses.Add("image", "an image's bytes cannot be read")
			} else {
				r.media[target] = doc.Media{Type: mediaType(target), Data: b}
			}
		}
	} else {
		r.losses.Add("external-image", "an image outside the document was not fetched")
	}
	return doc.Image{Attr: a, Inlines: doc.Words(strings.TrimSpace(alt)), Target: target, Title: title}, true
}

// mediaType goes by the extension, as the package itself does.
func mediaType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".svg":
		return "image/svg+xml"
	case ".bmp":
		return "image/bmp"
	case ".tif", ".tiff":
		return "image/tiff"
	case ".emf":
		return "image/emf"
	case ".wmf":
		return "image/wmf"
	case ".webp":
		return "image/webp"
	}
	return ""
}

// size is an extent (EMU, 914,400 to the inch) as width and height in inches.
func size(n *opc.Node) doc.Attr {
	var a doc.Attr
	for _, x := range []struct{ key, from string }{{"width", "cx"}, {"height", "cy"}} {
		if v, err := strconv.ParseInt(n.Get(x.from), 10, 64); err == nil && v > 0 {
			a.Pairs = append(a.Pairs, doc.Pair{Key: x.key, Value: strconv.FormatFloat(float64(v)/914400, 'f', -1, 64) + "in"})
		}
	}
	return a
}
