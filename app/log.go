package app

import (
	"context"
	"os"
	"path/filepath"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts/verify"
)

// anchor keeps a checkpoint outside the data directory, where one was named.
func (h *House) anchor(checkpoint []byte) {
	if h.Config.AnchorDir == "" {
		return
	}
	if err := verify.WriteAnchor(h.Config.AnchorDir, checkpoint); err != nil {
		h.Log.Error("a checkpoint cannot be anchored", "dir", h.Config.AnchorDir, "err", err)
	}
}

// record journals an administrative act; failing to is told, not hidden: the act
// itself stands.
func (h *House) record(a crank.Admin) {
	if _, err := h.Receipts.Append(context.Background(), crank.Record{Type: crank.TypeAdmin, Admin: &a}); err != nil {
		h.Log.Error("an administrative act is not in the journal", "act", a.Act, "object", a.Object, "err", err)
	}
}

// writePrivate writes a file that only its owner may read, whole or not at all.
func writePrivate(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.WriteString(text); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Sync(); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
