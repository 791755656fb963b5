package opa

import (
	"context"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/crank-platform/crank"
)

// Run loads the folder again whenever it has changed and then rested for
// Config.Settle, until ctx ends. Where the file system tells of no changes (some
// network mounts), Reload does the same by hand. CodePolicyBundle when the
// folder cannot be watched.
func (e *Engine) Run(ctx context.Context) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return crank.Wrap(crank.CodePolicyBundle, err, "the policy folder cannot be watched")
	}
	defer w.Close()
	if err := watchAll(w, e.config.Dir); err != nil {
		return crank.Wrap(crank.CodePolicyBundle, err, "the policy folder %s cannot be watched", e.config.Dir)
	}
	rested := time.After(0) // what changed between New and now
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev, open := <-w.Events:
			if !open {
				return nil
			}
			if ev.Op != fsnotify.Chmod {
				rested = time.After(e.config.Settle)
			}
		case _, open := <-w.Errors: // some events were lost: look at the folder itself
			if !open {
				return nil
			}
			rested = time.After(e.config.Settle)
		case <-rested:
			rested = nil
			e.changed(ctx, w)
		}
	}
}

func (e *Engine) changed(ctx context.Context, w *fsnotify.Watcher) {
	// New folders are watched before they are read, so that nothing is missed. If
	// the folder is gone, so is the policy that is on disk, and Reload says so.
	_ = watchAll(w, e.config.Dir)
	before, failed := e.current.Load(), e.failed.Load()
	err := e.Reload(ctx)
	if ctx.Err() != nil || e.config.Loaded == nil || err == nil && failed == nil && before == e.current.Load() {
		return
	}
	e.config.Loaded(e.Status(), err)
}

func watchAll(w *fsnotify.Watcher, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = w.Add(path)
		}
		return err
	})
}
