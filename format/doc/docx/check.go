package docx

import (
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/crank-platform/crank/format/doc"
	"github.com/crank-platform/crank/format/doc/internal/opc"
)

// Check looks at the package itself: content types, relationships, the XML of
// every part, styles that are used but not defined, macros. Files the limits
// or encryption keep shut are an error, everything else a finding.
func Check(ctx context.Context, src io.ReaderAt, size int64, l doc.Limits) ([]doc.Finding, error) {
	c := &checker{ctx: ctx}
	pkg, err := opc.Open("docx.check", src, size, l)
	if err != nil {
		return c.found, c.refused("package", err)
	}
	c.pkg = pkg
	for _, step := range []func() error{c.types, c.relations, c.parts} {
		if err := step(); err != nil {
			return c.found, err
		}
	}
	if _, err := pkg.Main(); err != nil {
		c.add(doc.SeverityError, "main-part-missing", "package", "no main document part")
	}
	return c.found, nil
}

type checker struct {
	ctx   context.Context
	pkg   *opc.Package
	found []doc.Finding
}

// maxFindings bounds a report; a broken file can break the same way everywhere.
const maxFindings = 1000

func (c *checker) add(s doc.Severity, code, place, msg string) {
	if len(c.found) < maxFindings {
		c.found = append(c.found, doc.Finding{Severity: s, Code: code, Place: place, Message: msg})
	}
}

// refused turns a malformed part into a finding and gives back the rest.
func (c *checker) refused(place string, err error) error {
	var e *doc.Error
	if errors.As(err, &e) && (e.Reason == doc.Malformed || e.Reason == doc.TooDeep) {
		msg := e.What
		if e.Err != nil {
			msg += ": " + e.Err.Error()
		}
		c.add(doc.SeverityError, string(e.Reason), place, msg)
		return nil
	}
	return err
}

// types checks that every part has a content type.
func (c *checker) types() error {
	const name = "[Content_Types].xml"
	if !c.pkg.Has(name) {
		c.add(doc.SeverityError, "content-types-missing", "package", "the part [Content_Types].xml is missing")
		return nil
	}
	byExt, byPart := map[string]bool{}, map[string]bool{}
	err := c.pkg.Scan(c.ctx, name, func(el string, attrs []opc.Attr) {
		n := opc.Node{Attrs: attrs}
		switch el {
		case "Default":
			byExt[strings.ToLower(n.Get("Extension"))] = true
		case "Override":
			part := strings.TrimPrefix(n.Get("PartName"), "/")
			byPart[strings.ToLower(part)] = true
			if !c.pkg.Has(part) {
				c.add(doc.SeverityWarning, "content-type-of-nothing", name, "a content type is given for the part "+part+", which is not there")
			}
		}
	})
	if err != nil {
		return c.refused(name, err)
	}
	for _, p := range c.pkg.Names() {
		ext := strings.ToLower(strings.TrimPrefix(path.Ext(p), "."))
		if p != name && p != "" && !byExt[ext] && !byPart[strings.ToLower(p)] {
			c.add(doc.SeverityError, "content-type-missing", p, "the part has no content type")
		}
	}
	return nil
}

// relations checks that relationships lead somewhere.
func (c *checker) relations() error {
	for _, p := range c.pkg.Names() {
		if path.Base(path.Dir(p)) != "_rels" || path.Ext(p) != ".rels" {
			continue
		}
		owner := strings.TrimSuffix(path.Join(path.Dir(path.Dir(p)), path.Base(p)), ".rels")
		if owner == "." {
			owner = ""
		}
		if owner != "" && !c.pkg.Has(owner) {
			c.add(doc.SeverityWarning, "relationships-of-nothing", p, "the part "+owner+" is not there")
		}
		rels, err := c.pkg.Rels(owner)
		if err != nil {
			if err := c.refused(p, err); err != nil {
				return err
			}
			continue
		}
		ids := make([]string, 0, len(rels))
		for id := range rels {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		for _, id := range ids {
			switch r := rels[id]; {
			case r.External && r.Kind != "hyperlink":
				c.add(doc.SeverityWarning, "external-resource", p, "the relationship "+id+" ("+r.Kind+") leads outside the document: "+r.Target)
			case !r.External && !strings.HasPrefix(r.Target, "#") && !c.pkg.Has(r.Target):
				c.add(doc.SeverityError, "relationship-broken", p, "the relationship "+id+" leads to "+r.Target+", which is not there")
			}
		}
	}
	return nil
}

// parts checks the XML of every part, and in it what refers to relationships
// and styles.
func (c *checker) parts() error {
	styles := map[string]bool{}
	used := map[string]string{} // style -> first part that uses it
	for _, p := range c.pkg.Names() {
		if strings.EqualFold(path.Base(p), "vbaProject.bin") {
			c.add(doc.SeverityWarning, "macros", p, "the document holds macros")
		}
		ext := strings.ToLower(path.Ext(p))
		if ext != ".xml" && ext != ".rels" {
			continue
		}
		rels, err := c.pkg.Rels(p)
		if err != nil {
			rels = nil // reported where the relationships are checked
		}
		missing := map[string]bool{}
		err = c.pkg.Scan(c.ctx, p, func(el string, attrs []opc.Attr) {
			for _, a := range attrs {
				switch {
				case el == "w:style" && a.Name == "w:styleId":
					styles[a.Value] = true
				case (el == "w:pStyle" || el == "w:rStyle" || el == "w:tblStyle") && a.Name == "w:val" && used[a.Value] == "":
					used[a.Value] = p
				case (a.Name == "r:id" || a.Name == "r:embed" || a.Name == "r:link") && a.Value != "" && rels != nil:
					if _, ok := rels[a.Value]; !ok && !missing[a.Value] {
						missing[a.Value] = true
						c.add(doc.SeverityError, "relationship-missing", p, "the relationship "+a.Value+" is used but not defined")
					}
				}
			}
		})
		if err != nil {
			if err := c.refused(p, err); err != nil {
				return err
			}
		}
	}
	names := make([]string, 0, len(used))
	for s := range used {
		if !styles[s] {
			names = append(names, s)
		}
	}
	slices.Sort(names)
	for _, s := range names {
		c.add(doc.SeverityInfo, "style-undefined", used[s], "the style "+s+" is used but not defined")
	}
	return nil
}
