package docx

import (
	"strings"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/internal/opc"
)

// builder gathers the flow of one story: the body, a cell, a note, a text box.
type builder struct {
	r    *reader
	es   []entry
	body bool // metadata may still begin the story
}

// story reads the blocks of a cell, note or text box.
func (r *reader) story(kids []*opc.Node) []doc.Block {
	if !r.m.Enter() {
		return nil
	}
	defer r.m.Leave()
	b := &builder{r: r}
	for _, k := range kids {
		b.add(k)
	}
	return b.done()
}

func (b *builder) addAll(kids []*opc.Node) {
	if !b.r.m.Enter() {
		return
	}
	defer b.r.m.Leave()
	for _, k := range kids {
		b.add(k)
	}
}

// add takes one element of block level.
func (b *builder) add(n *opc.Node) {
	if !b.r.m.Node() {
		return
	}
	switch n.Name {
	case "w:p":
		b.paragraph(n)
	case "w:tbl":
		if t, ok := b.r.table(n); ok {
			b.push(entry{block: t})
		}
	case "w:sdt":
		b.addAll(n.Kid("w:sdtContent").KidsOrNil())
	case "w:customXml", "w:ins", "w:moveTo", "w:smartTag":
		b.addAll(n.Kids)
	case "mc:AlternateContent":
		b.addAll(alternative(n).KidsOrNil())
	case "m:oMathPara", "m:oMath":
		b.push(entry{block: doc.Para{Inlines: []doc.Inline{doc.Math{Display: true, Text: texOf(n)}}}})
	case "w:altChunk":
		b.r.losses.Add("embedded-document", "a document embedded in the text was left out")
	}
}

// alternative is the branch of an AlternateContent that this reader knows.
func alternative(n *opc.Node) *opc.Node {
	if f := n.Kid("mc:Fallback"); f != nil && len(f.Kids) > 0 {
		return f
	}
	return n.Kid("mc:Choice")
}

func (b *builder) push(e entry) { b.es = append(b.es, e) }

// done joins neighbouring quotes and code and builds the lists.
func (b *builder) done() []doc.Block {
	var es []entry
	for i := 0; i < len(b.es); i++ {
		e := b.es[i]
		if e.item != nil {
			es = append(es, e)
			continue
		}
		switch x := e.block.(type) {
		case doc.BlockQuote:
			if n := len(es); n > 0 && es[n-1].item == nil {
				if q, ok := es[n-1].block.(doc.BlockQuote); ok {
					es[n-1].block = doc.BlockQuote{Blocks: append(q.Blocks, x.Blocks...)}
					continue
				}
			}
		case doc.CodeBlock:
			lines := []string{x.Text}
			for ; i+1 < len(b.es) && b.es[i+1].item == nil; i++ {
				next, ok := b.es[i+1].block.(doc.CodeBlock)
				if !ok {
					break
				}
				lines = append(lines, next.Text)
			}
			e.block = doc.CodeBlock{Attr: x.Attr, Text: strings.Join(lines, "\n")}
		}
		es = append(es, e)
	}
	return build(es)
}
