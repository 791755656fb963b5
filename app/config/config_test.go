package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/crank-platform/crank"
)

func TestANearerLayerWins(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b")
	user := filepath.Join(dir, "user")
	for path, text := range map[string]string{
		filepath.Join(dir, "crank.yaml"):           "zone: project\nlog_level: warn\nworkers: [x, y]\n",
		filepath.Join(user, "crank", "crank.yaml"): "zone: user\npool: 3\nshutdown_grace: 1m\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	c, keys, err := Load(Source{
		Flags: map[string]string{"provider": "flag"}, Environ: []string{"CRANK_PROVIDER=env", "CRANK_LOG_LEVEL=debug", "PATH=/bin"},
		Dir: deep, UserDir: user,
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Zone != "project" || c.Pool != 3 || c.Provider != "flag" || c.LogLevel != "debug" || len(c.Workers) != 2 || c.ShutdownGrace != time.Minute || c.MaxBody != 2<<30 {
		t.Errorf("configuration is %+v", c)
	}
	for _, k := range keys {
		if k.Name == "provider" && k.From != "flag --provider" || k.Name == "log_level" && k.From != "environment CRANK_LOG_LEVEL" {
			t.Errorf("%s comes from %s", k.Name, k.From)
		}
	}
}

func TestEveryFaultIsToldAtOnce(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "c.yaml")
	if err := os.WriteFile(file, []byte("zone: a\nlissten: x\npool: -1\nversion: 9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := Load(Source{Named: file, Environ: []string{"CRANK_NOPE=1"}, Flags: map[string]string{
		"listen": "0.0.0.0:80", "isolation": "none", "tls_key": "k", "data_dir": dir, "anchor_dir": filepath.Join(dir, "anchors"),
	}})
	if crank.KindOf(err) != crank.KindInvalid {
		t.Fatal(err)
	}
	for _, want := range []string{"lissten", "line 3: pool", "version", "CRANK_NOPE", "0.0.0.0:80", "isolation", "tls_cert", "anchor_dir"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing is said of %s: %v", want, err)
		}
	}
}

func TestANamedFileThatIsMissingIsAFault(t *testing.T) {
	if _, _, err := Load(Source{Named: filepath.Join(t.TempDir(), "none.yaml")}); err == nil {
		t.Error("a missing file is taken for an empty one")
	}
}

func TestEveryKeyIsExplained(t *testing.T) {
	for _, k := range Keys() {
		if k.Name == "" || len(k.Doc) < 10 || !strings.HasSuffix(k.Doc, ".") {
			t.Errorf("%s is explained by %q", k.Name, k.Doc)
		}
	}
}
