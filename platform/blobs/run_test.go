package blobs_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/blobs"
	"github.com/crank-platform/crank/platform/blobs/memory"
)

func TestRunCollectsOnceABlobIsOldAndEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := blobs.New(blobs.Config{Store: &memory.Store{}, Grace: 24 * time.Hour, Every: time.Hour})
		ref, err := s.Put(t.Context(), "tenant_a", strings.NewReader("x"), crank.Digest{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done, up := make(chan error), false
		go func() { done <- s.Run(ctx, func() { up = true }) }()
		time.Sleep(23 * time.Hour)
		synctest.Wait()
		if _, err := s.Stat(ctx, "tenant_a", ref.Digest); err != nil || !up {
			t.Errorf("before its time: %v, up %v", err, up)
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if _, err := s.Stat(ctx, "tenant_a", ref.Digest); crank.KindOf(err) != crank.KindNotFound {
			t.Errorf("after its time: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
