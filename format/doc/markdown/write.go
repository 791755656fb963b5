package markdown

import (
	"context"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/crank-platform/crank/format/doc"
)

// Write writes GitHub-flavoured Markdown and returns what it could not keep.
// What Markdown has no words for (spans in tables, definition lists,
// underlining) is written as the HTML that Markdown admits.
func Write(ctx context.Context, out io.Writer, d *doc.Document, o doc.WriteOptions) ([]doc.Loss, error) {
	w := &writer{o: o, losses: doc.Losses{By: "markdown writer"}, wanted: anchors(d.Blocks)}
	if o.Standalone && len(d.Meta) > 0 {
		head, err := yaml.Marshal(metaPlain(doc.MetaMap(d.Meta)))
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(out, "---\n"+string(head)+"---\n\n"); err != nil {
			return nil, err
		}
	}
	var prev doc.Block
	for _, b := range d.Blocks {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := w.block(b)
		if s == "" {
			continue
		}
		if prev != nil {
			s = "\n" + w.between(prev, b) + s
		}
		prev = b
		if _, err := io.WriteString(out, s+"\n"); err != nil {
			return nil, err
		}
	}
	for i := 0; i < len(w.notes); i++ { // a note may add notes
		body := w.blocks(w.notes[i])
		if _, err := io.WriteString(out, "\n[^"+itoa(i+1)+"]: "+indent(body, "    ")+"\n"); err != nil {
			return nil, err
		}
	}
	return w.losses.List(), nil
}

func metaPlain(v doc.MetaValue) any {
	switch v := v.(type) {
	case doc.MetaMap:
		m := map[string]any{}
		for k, x := range v {
			m[k] = metaPlain(x)
		}
		return m
	case doc.MetaList:
		l := []any{}
		for _, x := range v {
			l = append(l, metaPlain(x))
		}
		return l
	case doc.MetaBool:
		return bool(v)
	}
	return doc.MetaText(v)
}

// anchors are the identifiers that links inside the document point to.
func anchors(bs []doc.Block) map[string]bool {
	m := map[string]bool{}
	doc.Visitor{Inline: func(i doc.Inline) bool {
		if l, ok := i.(doc.Link); ok && strings.HasPrefix(l.Target, "#") {
			m[l.Target[1:]] = true
		}
		return true
	}}.Blocks(bs)
	return m
}

type writer struct {
	o      doc.WriteOptions
	notes  [][]doc.Block
	wanted map[string]bool
	losses doc.Losses
	cell   bool // inside a table cell: one line, bars escaped
}

// indent puts prefix before every line but the first and the empty ones.
func indent(s, prefix string) string {
	if !strings.Contains(s, "\n") {
		return s
	}
	lines := strings.Split(s, "\n")
	for i := 1; i < len(lines); i++ {
		if lines[i] != "" {
			lines[i] = prefix + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}

// between is what keeps two neighbouring lists or quotes from melting into one.
func (w *writer) between(a, b doc.Block) string {
	same := false
	switch a := a.(type) {
	case doc.BulletList:
		_, same = b.(doc.BulletList)
	case doc.OrderedList:
		var next doc.OrderedList
		next, same = b.(doc.OrderedList)
		same = same && (next.Delim == doc.OneParen) == (a.Delim == doc.OneParen)
	}
	if same {
		return "<!-- -->\n\n"
	}
	return ""
}

func (w *writer) blocks(bs []doc.Block) string {
	var sb strings.Builder
	var prev doc.Block
	for _, b := range bs {
		s := w.block(b)
		if s == "" {
			continue
		}
		if prev != nil {
			sb.WriteString("\n\n" + w.between(prev, b))
		}
		prev = b
		sb.WriteString(s)
	}
	return sb.String()
}

func (w *writer) block(b doc.Block) string {
	switch b := b.(type) {
	case doc.Plain:
		return w.inlines(b.Inlines)
	case doc.Para:
		return w.inlines(b.Inlines)
	case doc.LineBlock:
		var is []doc.Inline
		for i, l := range b.Lines {
			if i > 0 {
				is = append(is, doc.LineBreak{})
			}
			is = append(is, l...)
		}
		return w.inlines(is)
	case doc.Header:
		if b.Level > 6 {
			w.losses.Add("heading-level", "Markdown has no heading below level 6")
		}
		text := strings.NewReplacer("\\\n", " ", "\n", " ").Replace(w.inlines(b.Inlines))
		if strings.HasSuffix(text, "#") { // or it would be read as a closing mark
			text = text[:len(text)-1] + `\#`
		}
		return strings.TrimRight(strings.Repeat("#", min(max(b.Level, 1), 6))+" "+text, " ")
	case doc.HorizontalRule:
		return "-----"
	case doc.CodeBlock:
		return fence(b)
	case doc.RawBlock:
		if (b.Format == "html" || b.Format == "markdown") && !w.o.DropRaw {
			return b.Text
		}
		w.losses.Add("raw", "raw content of another format, or raw HTML that was not wanted, was left out")
		return ""
	case doc.BlockQuote:
		lines := strings.Split(w.blocks(b.Blocks), "\n")
		for i, l := range lines {
			lines[i] = strings.TrimRight("> "+l, " ")
		}
		return strings.Join(lines, "\n")
	case doc.BulletList:
		return w.list(b.Items, func(int) string { return "- " })
	case doc.OrderedList:
		if b.Style != doc.DefaultStyle && b.Style != doc.Decimal {
			w.losses.Add("list-style", "Markdown numbers lists by decimals only")
		}
		end := ". "
		if b.Delim == doc.OneParen || b.Delim == doc.TwoParens {
			end = ") "
		}
		return w.list(b.Items, func(i int) string {
			m := itoa(max(b.Start, 0)+i) + end
			return m + strings.Repeat(" ", max(0, 3-len(m)))
		})
	case doc.DefinitionList:
		return w.asHTML(b)
	case doc.Table:
		return w.table(b)
	case doc.Figure:
		w.losses.Add("figure", "Markdown has no figures: the caption follows as a paragraph")
		return w.blocks(append(append([]doc.Block(nil), b.Blocks...), b.Caption.Blocks...))
	case doc.Div:
		if len(b.Attr.Classes)+len(b.Attr.Pairs) > 0 {
			w.losses.Add("attributes", "Markdown has no divisions with attributes")
		}
		return w.blocks(b.Blocks)
	}
	return ""
}

// fence is a code block between fences longer than any inside it.
func fence(b doc.CodeBlock) string {
	mark := "```"
	for strings.Contains(b.Text, mark) {
		mark += "`"
	}
	lang := ""
	if len(b.Attr.Classes) > 0 && !strings.ContainsAny(b.Attr.Classes[0], "` \t\n") {
		lang = " " + b.Attr.Classes[0]
	}
	body := b.Text + "\n"
	if b.Text == "" {
		body = ""
	}
	return mark + lang + "\n" + body + mark
}

func (w *writer) list(items [][]doc.Block, marker func(int) string) string {
	tight := true
	for _, it := range items {
		for _, b := range it {
			switch b.(type) {
			case doc.Plain, doc.BulletList, doc.OrderedList:
			default:
				tight = false
			}
		}
	}
	var out []string
	for i, it := range items {
		m := marker(i)
		body := ""
		if tight {
			var parts []string
			for _, b := range it {
				if s := w.block(b); s != "" {
					parts = append(parts, s)
				}
			}
			body = strings.Join(parts, "\n")
		} else {
			body = w.blocks(it)
		}
		body = taskBox(body)
		out = append(out, strings.TrimRight(m+indent(body, strings.Repeat(" ", len(m))), " "))
	}
	if tight {
		return strings.Join(out, "\n")
	}
	return strings.Join(out, "\n\n")
}

func taskBox(s string) string {
	if rest, ok := strings.CutPrefix(s, "\u2610 "); ok {
		return "[ ] " + rest
	}
	if rest, ok := strings.CutPrefix(s, "\u2612 "); ok {
		return "[x] " + rest
	}
	return s
}
