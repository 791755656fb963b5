package docx

import (
	"strings"

	"github.com/crank-platform/crank/format/doc"
)

// metaStyles are the styles of paragraphs before the body that name it.
var metaStyles = map[string]string{"title": "title", "subtitle": "subtitle", "author": "author", "date": "date", "abstract": "abstract"}

func (r *reader) addMeta(key string, is []doc.Inline) {
	if r.meta == nil {
		r.meta = doc.Meta{}
	}
	v := doc.MetaInlines(is)
	switch old := r.meta[key].(type) {
	case nil:
		r.meta[key] = v
	case doc.MetaList:
		r.meta[key] = append(old, v)
	case doc.MetaInlines:
		if key == "author" {
			r.meta[key] = doc.MetaList{old, v}
		} else {
			r.meta[key] = append(append(old, doc.Space{}), v...)
		}
	}
}

// core adds title, author and the like from the package's core properties
// where the text itself does not name them.
func (r *reader) core(d *doc.Document) {
	for _, rel := range r.pkg.Root() {
		if rel.Kind != "core-properties" || rel.External || !r.pkg.Has(rel.Target) {
			continue
		}
		n, err := r.pkg.Tree(r.ctx, rel.Target)
		if err != nil {
			r.losses.Add("metadata", "the core properties cannot be read")
			return
		}
		for key, name := range map[string]string{"title": "dc:title", "author": "dc:creator", "description": "dc:description",
			"subject": "dc:subject", "keywords": "cp:keywords", "lang": "dc:language"} {
			text := ""
			if k := n.Kid(name); k != nil {
				text = strings.TrimSpace(k.Text)
			}
			if d.Meta == nil {
				d.Meta = doc.Meta{}
			}
			if text != "" && d.Meta[key] == nil {
				d.Meta[key] = doc.MetaInlines(doc.Words(text))
			}
		}
	}
}
