package config

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/crank-platform/crank"
)

// Source says where values may come from.
type Source struct {
	Flags   map[string]string // by key, only those that were given
	Environ []string          // as os.Environ gives it
	Named   string            // a file that was asked for: its absence is an error
	Dir     string            // where the project file "crank.yaml" is looked for, up to the root
	UserDir string            // where the user's "crank/crank.yaml" is looked for
}

// Load reads every layer and returns the configuration and where each value came
// from. All faults come at once, as CodeConfig.
func Load(src Source) (Config, []Key, error) {
	l := loader{keys: Keys()}
	for _, k := range l.keys {
		if k.Default != "" {
			l.fault(k.Name, set(&l.config, k.Name, k.Default))
		}
	}
	l.files(src)
	l.environ(src.Environ)
	for _, name := range slices.Sorted(maps.Keys(src.Flags)) {
		l.set(name, src.Flags[name], "flag --"+strings.ReplaceAll(name, "_", "-"))
	}
	l.derive()
	l.check()
	if len(l.faults) > 0 {
		return l.config, l.keys, crank.E(crank.CodeConfig, "the configuration has %d faults", len(l.faults)).With(l.faults...)
	}
	return l.config, l.keys, nil
}

type loader struct {
	config Config
	keys   []Key
	faults []crank.Fault
}

func (l *loader) fault(where string, err error) {
	if err != nil {
		l.faults = append(l.faults, crank.Fault{Path: where, Reason: err.Error()})
	}
}

func (l *loader) set(name, value, from string) {
	i := slices.IndexFunc(l.keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		l.fault(from+": "+name, errors.New("is no key; `crank config explain` lists them"))
		return
	}
	if err := set(&l.config, name, value); err != nil {
		l.fault(from+": "+name, err)
		return
	}
	l.keys[i].Value, l.keys[i].From = value, from
}

// files reads the user's file, then the project's, or the named one alone.
func (l *loader) files(src Source) {
	if src.Named != "" {
		l.file(src.Named, true)
		return
	}
	if src.UserDir != "" {
		l.file(filepath.Join(src.UserDir, "crank", "crank.yaml"), false)
	}
	for dir := src.Dir; dir != ""; {
		path := filepath.Join(dir, "crank.yaml")
		if _, err := os.Stat(path); err == nil {
			l.file(path, true)
			return
		}
		up := filepath.Dir(dir)
		if up == dir {
			return
		}
		dir = up
	}
}

func (l *loader) file(path string, needed bool) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !needed {
		return
	}
	if err != nil {
		l.fault("file "+path, err)
		return
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		l.fault("file "+path, err)
		return
	}
	if len(doc.Content) == 0 {
		return
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		l.fault("file "+path, errors.New("is no list of key: value"))
		return
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		from := "file " + path + " line " + strconv.Itoa(key.Line)
		switch value.Kind {
		case yaml.ScalarNode:
			l.set(key.Value, value.Value, from)
		case yaml.SequenceNode:
			var parts []string
			for _, e := range value.Content {
				parts = append(parts, e.Value)
			}
			l.set(key.Value, strings.Join(parts, ","), from)
		default:
			l.fault(from+": "+key.Value, errors.New("is neither a value nor a list of values"))
		}
	}
}

// environ reads CRANK_* variables. An unknown one is a fault, but for those that
// are no configuration.
func (l *loader) environ(env []string) {
	other := []string{"CRANK_KEY", "CRANK_URL", "CRANK_CONFIG", "CRANK_CORPORA"}
	for _, e := range slices.Sorted(slices.Values(env)) {
		name, value, _ := strings.Cut(e, "=")
		key, ours := strings.CutPrefix(name, "CRANK_")
		if !ours || slices.Contains(other, name) || strings.HasPrefix(key, "CHILD_") || strings.HasPrefix(key, "TEST_") {
			continue
		}
		l.set(strings.ToLower(key), value, "environment "+name)
	}
}

// derive fills in what depends on other keys.
func (l *loader) derive() {
	c := &l.config
	c.DataDir = cmp.Or(c.DataDir, DefaultDataDir())
	if abs, err := filepath.Abs(c.DataDir); err == nil {
		c.DataDir = abs
	}
	c.PolicyDir = cmp.Or(c.PolicyDir, filepath.Join(c.DataDir, "policy"))
	for i, k := range l.keys {
		switch k.Name {
		case "data_dir":
			l.keys[i].Value = c.DataDir
		case "policy_dir":
			l.keys[i].Value = c.PolicyDir
		}
	}
}

// check holds the values against one another. A wrong security setting is a
// fault, never a warning.
func (l *loader) check() {
	c := l.config
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			l.fault(key, errors.New("is "+strconv.Quote(value)+", not one of "+strings.Join(allowed, ", ")))
		}
	}
	if c.Version != 1 {
		l.fault("version", errors.New("is not 1, the only version that this program knows"))
	}
	oneOf("log_level", c.LogLevel, "debug", "info", "warn", "error")
	oneOf("log_format", c.LogFormat, "text", "json")
	oneOf("isolation", c.Isolation, "process", "inproc")
	if (c.TLSCert == "") != (c.TLSKey == "") {
		l.fault("tls_cert", errors.New("and tls_key are given together or not at all"))
	}
	if c.MaxBody == 0 {
		l.fault("max_body", errors.New("must be 1 or more"))
	}
	if c.Listen != "" {
		host, _, err := net.SplitHostPort(c.Listen)
		if err != nil {
			l.fault("listen", err)
		} else if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && c.TLSCert == "" {
			l.fault("listen", errors.New("is "+c.Listen+", which others can reach: give tls_cert and tls_key, or listen on 127.0.0.1"))
		}
	}
	if c.AnchorDir != "" {
		if rel, err := filepath.Rel(c.DataDir, c.AnchorDir); err == nil && !strings.HasPrefix(rel, "..") {
			l.fault("anchor_dir", errors.New("lies inside data_dir, where a rollback would take the anchors along"))
		}
	}
}
