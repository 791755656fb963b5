package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// metric is one that app/metrics.go registers.
type metric struct{ name, kind, labels, help string }

// metrics reads the names from the source: to ask a registry, a node would have
// to be built.
func metrics(root string) ([]byte, error) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "app", "metrics.go"), nil, 0)
	if err != nil {
		return nil, err
	}
	var all []metric
	ast.Inspect(file, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if m, ok := registered(call); ok {
				all = append(all, m)
			}
		}
		return true
	})
	if len(all) == 0 {
		return nil, fmt.Errorf("app/metrics.go registers nothing that can be told")
	}
	slices.SortFunc(all, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	var b bytes.Buffer
	b.WriteString("# Metrics\n\n" + notice +
		"`GET /metrics` answers in Prometheus' text format. No label is a tenant, a key or anything else that grows with callers. " +
		"The usual `go_*` and `process_*` metrics stand beside these.\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, m := range all {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, m.kind, m.labels, cell(m.help))
	}
	return b.Bytes(), nil
}

// registered reads a metric from prometheus.NewXVec(prometheus.XOpts{Name: ...,
// Help: ...}, []string{labels}) or from gauge(name, help, f).
func registered(call *ast.CallExpr) (m metric, ok bool) {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		if f.Name != "gauge" || len(call.Args) < 2 {
			return m, false
		}
		return metric{text(call.Args[0]), "gauge", "", text(call.Args[1])}, true
	case *ast.SelectorExpr:
		kind := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(f.Sel.Name, "New"), "Vec"))
		if !strings.HasPrefix(f.Sel.Name, "New") || len(call.Args) == 0 {
			return m, false
		}
		opts, ok := call.Args[0].(*ast.CompositeLit)
		if !ok {
			return m, false
		}
		m.kind = kind
		for _, e := range opts.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				switch key, _ := kv.Key.(*ast.Ident); {
				case key != nil && key.Name == "Name":
					m.name = text(kv.Value)
				case key != nil && key.Name == "Help":
					m.help = text(kv.Value)
				}
			}
		}
		if len(call.Args) > 1 {
			m.labels = labels(call.Args[1])
		}
		return m, m.name != ""
	}
	return m, false
}

func labels(e ast.Expr) string {
	list, ok := e.(*ast.CompositeLit)
	if !ok {
		return ""
	}
	names := make([]string, 0, len(list.Elts))
	for _, e := range list.Elts {
		names = append(names, "`"+text(e)+"`")
	}
	return strings.Join(names, ", ")
}

// text is the value of a string literal, or "".
func text(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}
