package markdown

import (
	"bytes"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/crank-platform/crank/format/doc"
)

// maxMetadata bounds the YAML block; what is longer is text.
const maxMetadata = 1 << 20

// metadata splits a leading YAML block (--- to --- or ...) from the text. A
// block that is no mapping is ordinary Markdown.
func metadata(src []byte) (doc.Meta, []byte) {
	s := bytes.TrimPrefix(src, []byte("\uFEFF"))
	first, rest, ok := bytes.Cut(s, []byte("\n"))
	if !ok || string(bytes.TrimRight(first, " \t\r")) != "---" {
		return nil, src
	}
	at := 0
	for line := range bytes.Lines(rest) {
		t := string(bytes.TrimRight(line, " \t\r\n"))
		if t == "---" || t == "..." {
			m, ok := parseYAML(rest[:at])
			if !ok {
				return nil, src
			}
			return m, rest[at+len(line):]
		}
		if at += len(line); at > maxMetadata {
			break
		}
	}
	return nil, src
}

func parseYAML(b []byte) (m doc.Meta, ok bool) {
	defer func() { // foreign code over untrusted bytes
		if recover() != nil {
			m, ok = nil, false
		}
	}()
	var v map[string]any
	if err := yaml.Unmarshal(b, &v); err != nil || v == nil {
		return nil, false
	}
	m = doc.Meta{}
	for k, x := range v {
		m[k] = metaValue(x, 0)
	}
	return m, true
}

func metaValue(v any, depth int) doc.MetaValue {
	if depth > 50 {
		return doc.MetaString("")
	}
	switch v := v.(type) {
	case nil:
		return doc.MetaString("")
	case bool:
		return doc.MetaBool(v)
	case string:
		return doc.MetaInlines(doc.Words(v))
	case time.Time:
		return doc.MetaInlines{doc.Str{Text: v.Format(time.DateOnly)}}
	case []any:
		l := doc.MetaList{}
		for _, x := range v {
			l = append(l, metaValue(x, depth+1))
		}
		return l
	case map[string]any:
		m := doc.MetaMap{}
		for k, x := range v {
			m[k] = metaValue(x, depth+1)
		}
		return m
	}
	return doc.MetaInlines{doc.Str{Text: fmt.Sprint(v)}}
}
