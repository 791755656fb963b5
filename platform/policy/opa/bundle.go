package opa

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/util"

	"github.com/crank-platform/crank"
)

// A bundle larger than this is refused.
const (
	maxFiles = 1000
	maxBytes = 32 << 20
)

// The entry asks crank.authz its four rules, each of which may be missing.
const (
	entryFile  = "(crank)"
	entryQuery = "data.crank.serve.decision"
	entryRego  = `package crank.serve

decision := {"allow": allow, "deny": deny, "reasons": reasons, "obligations": obligations}

default allow := false
allow := data.crank.authz.allow

default deny := []
deny := data.crank.authz.deny

default reasons := []
reasons := data.crank.authz.reasons

default obligations := {}
obligations := data.crank.authz.obligations
`
)

// bundle is a policy folder, read once.
type bundle struct {
	dir     string
	digest  crank.Digest // over the files that serve, not over the tests
	modules map[string]*ast.Module
	tests   map[string]*ast.Module
	data    map[string]any
}

// openBundle reads and parses a folder: *.rego, and data.json, data.yaml or
// data.yml, which stand in `data` where they stand in the folder. Names that
// begin with a dot are left out. All faults are told at once.
func openBundle(dir string) (*bundle, error) {
	files, err := readFolder(os.DirFS(dir))
	if err != nil {
		return nil, crank.Wrap(crank.CodePolicyBundle, err, "the policy folder %s cannot be read", dir).Mending("Check that the folder exists and may be read.")
	}
	b := &bundle{dir: dir, digest: digest(files), modules: map[string]*ast.Module{}, tests: map[string]*ast.Module{}, data: map[string]any{}}
	var faults []crank.Fault
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(name, ".rego") {
			if err := b.addData(name, files[name]); err != nil {
				faults = append(faults, crank.Fault{Path: name, Reason: err.Error()})
			}
			continue
		}
		m, err := ast.ParseModuleWithOpts(name, string(files[name]), ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: abilities()})
		switch {
		case err != nil:
			faults = append(faults, faultsOf(err)...)
		case m.Package.Path.HasPrefix(ast.MustParseRef("data.crank.serve")):
			faults = append(faults, crank.Fault{Path: where(m.Package.Location), Reason: "package crank.serve is Crank's own"})
		case isTest(name):
			b.tests[name] = m
		default:
			b.modules[name] = m
		}
	}
	if len(faults) > 0 {
		return nil, refuse(dir, faults)
	}
	return b, nil
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.rego") }

func readFolder(root fs.FS) (map[string][]byte, error) {
	files, total := map[string][]byte{}, 0
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case base != "." && strings.HasPrefix(base, "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			return nil
		case path.Ext(base) != ".rego" && base != "data.json" && base != "data.yaml" && base != "data.yml":
			return nil
		}
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		files[name] = content
		if total += len(content); len(files) > maxFiles || total > maxBytes {
			return fmt.Errorf("more than %d files or %d MiB", maxFiles, maxBytes>>20)
		}
		return nil
	})
	return files, err
}

func digest(files map[string][]byte) crank.Digest {
	var all bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !isTest(name) {
			for _, part := range [][]byte{[]byte(name), files[name]} {
				all.Write(binary.AppendUvarint(nil, uint64(len(part))))
				all.Write(part)
			}
		}
	}
	return crank.DigestOf("crank/policy/v1", all.Bytes())
}

// addData puts a data file where its folder says.
func (b *bundle) addData(name string, content []byte) error {
	var v map[string]any
	if err := util.Unmarshal(content, &v); err != nil {
		return err
	}
	at := b.data
	if folder := path.Dir(name); folder != "." {
		for _, part := range strings.Split(folder, "/") {
			next, ok := at[part].(map[string]any)
			if !ok && at[part] != nil {
				return fmt.Errorf("another data file says that %s is no object", part)
			}
			if !ok {
				next = map[string]any{}
				at[part] = next
			}
			at = next
		}
	}
	for key, value := range v {
		if _, taken := at[key]; taken {
			return fmt.Errorf("another data file has %q as well", key)
		}
		at[key] = value
	}
	if _, own := b.data["crank"]; own {
		return errors.New(`"crank" is where the rules stand, and holds no data`)
	}
	return nil
}

// compiler returns a compiler with Crank's rules of what a policy may do.
func compiler(b *bundle) *ast.Compiler {
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, schema())
	return ast.NewCompiler().WithCapabilities(abilities()).WithSchemas(schemas).WithPathConflictsCheck(func(at []string) (bool, error) {
		var v any = b.data
		for _, part := range at {
			object, _ := v.(map[string]any)
			inner, ok := object[part]
			if !ok {
				return false, nil
			}
			v = inner
		}
		return true, nil
	})
}

// compile makes a bundle ready to serve.
func (b *bundle) compile(ctx context.Context) (*ast.Compiler, rego.PreparedEvalQuery, error) {
	var none rego.PreparedEvalQuery
	c := compiler(b)
	modules := maps.Clone(b.modules)
	modules[entryFile] = ast.MustParseModuleWithOpts(entryRego, ast.ParserOptions{RegoVersion: ast.RegoV1})
	if c.Compile(modules); c.Failed() {
		return nil, none, refuse(b.dir, faultsOf(c.Errors))
	}
	if len(c.GetRulesExact(ast.MustParseRef("data.crank.authz.allow"))) == 0 {
		return nil, none, refuse(b.dir, []crank.Fault{{Path: "crank.authz", Reason: "no rule `allow` in package crank.authz, so that nothing could ever be allowed"}})
	}
	query, err := rego.New(rego.Query(entryQuery), rego.Compiler(c), rego.Store(b.store()), rego.StrictBuiltinErrors(true)).PrepareForEval(ctx)
	if err != nil {
		return nil, none, crank.Wrap(crank.CodePolicyBundle, err, "the policy in %s cannot be prepared", b.dir)
	}
	return c, query, nil
}

func (b *bundle) store() storage.Store { return inmem.NewFromObject(b.data) }

// faultsOf tells the compiler's errors by file and line.
func faultsOf(err error) []crank.Fault {
	var all ast.Errors
	if one, ok := errors.AsType[*ast.Error](err); ok {
		all = ast.Errors{one}
	} else if !errors.As(err, &all) {
		return []crank.Fault{{Path: "policy", Reason: err.Error()}}
	}
	var faults []crank.Fault
	for _, e := range all {
		faults = append(faults, crank.Fault{Path: where(e.Location), Reason: e.Message})
	}
	return faults
}

func where(l *ast.Location) string {
	if l == nil || l.File == "" {
		return "policy"
	}
	return fmt.Sprintf("%s:%d", l.File, l.Row)
}

func refuse(dir string, faults []crank.Fault) error {
	return crank.E(crank.CodePolicyBundle, "the policy in %s does not load", dir).With(faults...)
}
