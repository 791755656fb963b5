package html

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strconv"

	xhtml "golang.org/x/net/html"

	"github.com/crank-platform/crank/format/doc"
)

// void are the elements that have no end.
var void = map[string]bool{"area": true, "base": true, "br": true, "col": true, "embed": true, "hr": true, "img": true, "input": true,
	"link": true, "meta": true, "source": true, "track": true, "wbr": true}

// optional are the elements whose end may be left out.
var optional = map[string]bool{"html": true, "head": true, "body": true, "p": true, "li": true, "dt": true, "dd": true, "tr": true, "td": true,
	"th": true, "thead": true, "tbody": true, "tfoot": true, "option": true, "optgroup": true, "colgroup": true, "caption": true, "rt": true, "rp": true}

// maxFindings bounds a report.
const maxFindings = 1000

// Check looks at the markup itself: doctype, language and title of a whole
// page, ends without a start and starts without an end, identifiers that
// repeat. Places are lines, from 1.
func Check(ctx context.Context, src []byte, l doc.Limits) ([]doc.Finding, error) {
	if err := doc.CheckSize("html.check", int64(len(src)), l); err != nil {
		return nil, err
	}
	c := &checker{ids: map[string]int{}, line: 1}
	z := xhtml.NewTokenizer(bytes.NewReader(src))
	for n := 0; ; n++ {
		if n&1023 == 0 {
			if err := ctx.Err(); err != nil {
				return c.found, err
			}
		}
		tt := z.Next()
		if tt == xhtml.ErrorToken {
			if !errors.Is(z.Err(), io.EOF) {
				c.add(doc.SeverityError, "malformed", z.Err().Error())
			}
			break
		}
		raw := bytes.Count(z.Raw(), []byte("\n"))
		c.token(tt, z.Token())
		c.line += raw
	}
	for _, o := range c.open {
		c.add2(doc.SeverityWarning, "element-unclosed", o.line, "the element "+o.name+" is never closed")
	}
	if c.page {
		c.whole()
	}
	return c.found, nil
}

type open struct {
	name string
	line int
}

type checker struct {
	found                      []doc.Finding
	open                       []open
	ids                        map[string]int
	line                       int
	page, doctype, title, lang bool
}

func (c *checker) add(s doc.Severity, code, msg string) { c.add2(s, code, c.line, msg) }

func (c *checker) add2(s doc.Severity, code string, line int, msg string) {
	if len(c.found) < maxFindings {
		c.found = append(c.found, doc.Finding{Severity: s, Code: code, Place: "line " + strconv.Itoa(line), Message: msg})
	}
}

func (c *checker) token(tt xhtml.TokenType, t xhtml.Token) {
	switch tt {
	case xhtml.DoctypeToken:
		c.doctype, c.page = true, true
	case xhtml.StartTagToken, xhtml.SelfClosingTagToken:
		c.start(tt, t)
	case xhtml.EndTagToken:
		c.end(t.Data)
	}
}

func (c *checker) start(tt xhtml.TokenType, t xhtml.Token) {
	switch t.Data {
	case "html":
		c.page = true
	case "title":
		c.title = true
	}
	for _, a := range t.Attr {
		switch {
		case t.Data == "html" && a.Key == "lang" && a.Val != "":
			c.lang = true
		case a.Key == "id":
			if first, twice := c.ids[a.Val]; twice {
				c.add(doc.SeverityError, "id-repeated", "the identifier "+a.Val+" was given on line "+strconv.Itoa(first)+" already")
			} else {
				c.ids[a.Val] = c.line
			}
		}
	}
	if tt == xhtml.StartTagToken && !void[t.Data] && !optional[t.Data] && len(c.open) < 10_000 {
		c.open = append(c.open, open{t.Data, c.line})
	}
}

func (c *checker) end(name string) {
	if void[name] || optional[name] {
		return
	}
	for i := len(c.open) - 1; i >= max(0, len(c.open)-512); i-- {
		if c.open[i].name != name {
			continue
		}
		for _, o := range c.open[i+1:] {
			c.add2(doc.SeverityWarning, "element-unclosed", o.line, "the element "+o.name+" is closed by the end of "+name)
		}
		c.open = c.open[:i]
		return
	}
	c.add(doc.SeverityError, "end-without-start", "the element "+name+" ends but never began")
}

func (c *checker) whole() {
	if !c.doctype {
		c.add2(doc.SeverityWarning, "doctype-missing", 1, "the page has no doctype")
	}
	if !c.title {
		c.add2(doc.SeverityError, "title-missing", 1, "the page has no title")
	}
	if !c.lang {
		c.add2(doc.SeverityWarning, "language-missing", 1, "the html element names no language")
	}
}
