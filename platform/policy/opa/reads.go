package opa

import (
	"slices"

	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// analysis says what the rules that serve a decision read.
type analysis struct {
	reads  []read   // in order of path
	whole  bool     // the whole document, so reads is all of it
	why    []string // why no decision may be cached; empty when they may be
	random map[string]bool
}

// analyse walks every rule that can be reached from the entry.
func analyse(c *ast.Compiler) analysis {
	a := analysis{random: map[string]bool{}}
	for name := range chance {
		a.random[name] = false
	}
	seen := map[place]bool{}
	all := fields()
	visit := func(ref ast.Ref) {
		name := ref.String()
		if _, is := a.random[name]; is && !a.random[name] {
			a.random[name] = true
			a.why = append(a.why, "it calls "+name+", at "+where(ref[0].Location))
		}
		if !ref[0].Equal(ast.InputRootDocument) {
			return
		}
		path := constants(ref[1:])
		if len(path) == 0 {
			if !a.whole {
				a.why = append(a.why, "it reads input as a whole, at "+where(ref[0].Location))
			}
			a.whole = true
			return
		}
		for _, f := range all {
			switch n := min(len(path), len(f.path)); {
			case !slices.Equal(path[:n], f.path[:n]):
			case f.kind == labels && len(path) > len(f.path):
				seen[place{f.id, path[len(f.path)], true}] = true
			default:
				seen[place{f.id, "", false}] = true
			}
		}
	}
	done := map[*ast.Rule]bool{}
	var reach func(*ast.Rule)
	reach = func(r *ast.Rule) {
		if done[r] {
			return
		}
		done[r] = true
		ast.WalkRefs(r, func(ref ast.Ref) bool {
			visit(ref)
			return false
		})
		for dep := range c.Graph.Dependencies(r) {
			if rule, ok := dep.(*ast.Rule); ok {
				reach(rule)
			}
		}
	}
	for _, r := range c.Modules[entryFile].Rules {
		reach(r)
	}
	for _, f := range all {
		if a.whole || seen[place{f.id, "", false}] {
			a.reads = append(a.reads, read{field: f})
			continue
		}
		for k := range seen {
			if k.id == f.id {
				a.reads = append(a.reads, read{field: f, entry: k.entry, single: true})
			}
		}
	}
	slices.SortStableFunc(a.reads, func(x, y read) int { return strings.Compare(x.String(), y.String()) })
	slices.Sort(a.why)
	return a
}

type place struct {
	id     int
	entry  string
	single bool
}

// constants returns the leading string constants of a path.
func constants(ref ast.Ref) (path []string) {
	for _, t := range ref {
		s, ok := t.Value.(ast.String)
		if !ok {
			return path
		}
		path = append(path, string(s))
	}
	return path
}
