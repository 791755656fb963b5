package secrets_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/secrets"
	"github.com/crank-platform/crank/platform/secrets/memory"
)

func TestAKeyFileIsMadeOnceForItsOwnerAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	key, err := secrets.LoadOrCreateKey(path)
	if err != nil || len(key) != secrets.KeySize || bytes.Equal(key, make([]byte, secrets.KeySize)) {
		t.Fatalf("%x, %v", key, err)
	}
	again, err := secrets.LoadOrCreateKey(path)
	if err != nil || !bytes.Equal(key, again) {
		t.Errorf("a second time %x, %v; not %x", again, err, key)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestAKeyFileThatOthersMayReadIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps file rights elsewhere than in the mode")
	}
	path := filepath.Join(t.TempDir(), "master.key")
	if _, err := secrets.LoadOrCreateKey(path); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o644, 0o601} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := secrets.LoadOrCreateKey(path)
		if e := crank.AsError(err); e == nil || e.Code != crank.CodeSecret || !strings.Contains(e.Mend, "chmod 600") {
			t.Errorf("mode %o gives %+v", mode, e)
		}
	}
}

func TestADamagedKeyFileIsRefusedAndLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	for _, text := range []string{"", "x", "crank-key-v1 ", "crank-key-v1 AAAA\n", "crank-key-v2 " + strings.Repeat("A", 43) + "=\n", strings.Repeat("A", 1000)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := secrets.LoadOrCreateKey(path)
		if !errors.Is(err, crank.E(crank.CodeSecret, "")) {
			t.Errorf("%q gives %v", text, err)
		}
		if left, err := os.ReadFile(path); err != nil || string(left) != text {
			t.Errorf("%q became %q, %v", text, left, err)
		}
	}
	if _, err := secrets.LoadOrCreateKey(filepath.Dir(path)); !errors.Is(err, crank.E(crank.CodeSecret, "")) {
		t.Errorf("a folder gives %v", err)
	}
	if _, err := secrets.LoadOrCreateKey(filepath.Join(path, "below", "master.key")); err == nil {
		t.Error("a key was made in a folder that is not")
	}
}

type ctx = context.Context

// crash stops a master rotation at a moment of its life.
type crash struct {
	*secrets.Vault
	after bool
}

var errCrash = errors.New("crash")

func (c crash) RotateMaster(t ctx, key []byte) error {
	if !c.after {
		return errCrash
	}
	return errors.Join(c.Vault.RotateMaster(t, key), errCrash)
}

func TestACrashWhileTheMasterKeyRotatesLocksNothingAway(t *testing.T) {
	for name, stop := range map[string]func(*secrets.Vault) secrets.Service{
		"before the store is sealed anew": func(v *secrets.Vault) secrets.Service { return crash{v, false} },
		"after it":                        func(v *secrets.Vault) secrets.Service { return crash{v, true} },
		"never":                           func(v *secrets.Vault) secrets.Service { return v },
	} {
		path, store := filepath.Join(t.TempDir(), "master.key"), &memory.Store{}
		open := func() *secrets.Vault {
			t.Helper()
			v, err := secrets.Open(t.Context(), path, secrets.Config{Store: store})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return v
		}
		v := open()
		if _, err := v.Set(t.Context(), "", "mail", []byte("value")); err != nil {
			t.Fatal(err)
		}
		if err := secrets.RotateKeyFile(t.Context(), path, stop(v)); err != nil && !errors.Is(err, errCrash) {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := os.Stat(path + ".next"); err == nil {
			if err := secrets.RotateKeyFile(t.Context(), path, v); !errors.Is(err, crank.E(crank.CodeSecret, "")) {
				t.Errorf("%s: a second rotation over the first gives %v", name, err)
			}
		}
		for range 2 {
			s, err := open().Get(t.Context(), "", "mail")
			if err != nil || string(s.Reveal()) != "value" {
				t.Errorf("%s: %q, %v", name, s.Reveal(), err)
			}
			if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
				t.Errorf("%s: left behind %v, %v", name, left, err)
			}
		}
	}
}

func TestAStrangeKeyBesideAStrangeKeyIsRefused(t *testing.T) {
	path, store := filepath.Join(t.TempDir(), "master.key"), &memory.Store{}
	if _, err := secrets.New(t.Context(), secrets.Config{Store: store, Key: secrets.NewKey()}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := secrets.Open(t.Context(), path, secrets.Config{Store: store}); !errors.Is(err, crank.E(crank.CodeSecret, "")) {
			t.Errorf("got %v", err)
		}
		if _, err := secrets.LoadOrCreateKey(path + ".next"); err != nil {
			t.Fatal(err)
		}
	}
}
