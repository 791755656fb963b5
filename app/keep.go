package app

import (
	"context"
	"fmt"
	"os"
	"time"
)

// retain archives and prunes the records that retention lets go. The archive is
// safe on disk before anything is deleted.
func (h *House) retain(ctx context.Context) {
	if h.Config.RetentionDays == 0 {
		return
	}
	before := now().Add(-time.Duration(h.Config.RetentionDays) * 24 * time.Hour)
	if n, err := h.archive(ctx, before); err != nil {
		h.Log.Error("old records cannot be archived", "err", err)
	} else if n > 0 {
		pruned, err := h.Receipts.Prune(ctx, before)
		h.Log.Info("old records were archived and pruned", "archived", n, "pruned", pruned, "err", err)
	}
}

// archive writes the records from before an instant to a segment of their own.
func (h *House) archive(ctx context.Context, before time.Time) (int, error) {
	if err := os.MkdirAll(h.path("archive"), 0o700); err != nil {
		return 0, err
	}
	f, err := os.CreateTemp(h.path("archive"), ".new-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	n, err := h.Receipts.Archive(ctx, before, f)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil || n == 0 {
		return 0, err
	}
	return n, os.Rename(f.Name(), h.path("archive", fmt.Sprintf("journal-%s.cborseq", now().UTC().Format("20060102T150405Z"))))
}
