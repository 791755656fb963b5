package app

import (
	"context"
	"errors"
	"log/slog"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app/config"
	"github.com/crank-platform/crank/kit/notesign"
	"github.com/crank-platform/crank/platform/receipts"
	journalsql "github.com/crank-platform/crank/platform/receipts/sqlite"
)

// RotateLogKeys gives the log of a data directory that no node uses new signing
// keys, which speak from the next checkpoint on. The old ones sign the handover,
// so that who trusts them can follow, and go on to verify what they signed. It
// returns the keys of every generation.
func RotateLogKeys(ctx context.Context, dataDir string) (notesign.Keys, error) {
	h := &House{Config: config.Config{DataDir: dataDir}, Log: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1)}
	if err := h.takeDir(); err != nil {
		return nil, err
	}
	defer h.Close()
	store, err := journalsql.Open(ctx, dataDir)
	if err != nil {
		return nil, err
	}
	h.closes(store.Close)
	if h.journal, err = receipts.New(ctx, receipts.Config{Store: store, Log: h.Log}); err != nil {
		return nil, err
	}
	if err := h.buildMerkle(ctx, Options{}); err != nil {
		return nil, err
	}
	from, err := h.Merkle.NextPosition()
	if err != nil {
		return nil, err
	}
	if err := h.Ring.Rotate(from); err != nil {
		return nil, crank.Wrap(crank.CodeStore, err, "the log's keys cannot be rotated")
	}
	return h.Ring.Keys(), h.recordRotation(ctx)
}

// recordRotation journals the rotation. The record is also the first that the new
// keys speak for, so that a new epoch can begin right behind it.
func (h *House) recordRotation(ctx context.Context) error {
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- h.journal.Run(running) }()
	_, err := h.journal.Append(ctx, crank.Record{Type: crank.TypeAdmin, Admin: &crank.Admin{Act: "log.keys.rotate", Object: h.Node}})
	stop()
	return errors.Join(err, <-ended)
}
