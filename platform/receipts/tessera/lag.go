package tessera

import (
	"context"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/receipts"
)

// Lag is how far the log is behind the journal.
type Lag struct {
	Records uint64        // read from the journal and not yet under a checkpoint
	Age     time.Duration // since the oldest of them was committed, or since the log began to fail; 0 for none
	Err     error         // why, where something fails
}

// progress is what the log knows of its own pace.
type progress struct {
	fed       uint64 // leaves handed over
	published uint64 // leaves under the published checkpoint
	text      string // of that checkpoint's note
	batches   []fedBatch
	failed    time.Time // since when something fails; zero means that all is well
	err       error
	alarmed   bool
}

// fedBatch is a batch that is not yet under a checkpoint.
type fedBatch struct {
	end  uint64
	time time.Time // of its first record's commit
}

func (l *Log) fed(size uint64, first receipts.Stored) {
	at := l.c.Now()
	if r, err := first.Record(); err == nil {
		at = time.UnixMicro(r.Time)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.fed = size
	l.state.batches = append(l.state.batches, fedBatch{size, at})
}

// failing notes that the log cannot go on just now.
func (l *Log) failing(err error) {
	l.mu.Lock()
	if l.state.failed.IsZero() {
		l.state.failed = l.c.Now()
	}
	l.state.err = err
	l.mu.Unlock()
	l.ring()
}

func (l *Log) healthy() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.failed, l.state.err = time.Time{}, nil
}

// Lag returns how far the log is behind.
func (l *Log) Lag() Lag {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.lag(l.c.Now())
}

func (p *progress) lag(now time.Time) Lag {
	lag := Lag{Records: p.fed - min(p.fed, p.published), Err: p.err}
	if len(p.batches) > 0 {
		lag.Age = max(0, now.Sub(p.batches[0].time))
	}
	if !p.failed.IsZero() {
		lag.Age = max(lag.Age, now.Sub(p.failed))
	}
	return lag
}

// ring calls the alarm when the log falls behind, once each time.
func (l *Log) ring() {
	l.mu.Lock()
	lag := l.state.lag(l.c.Now())
	late := lag.Age > l.c.MergeDelay
	first := late && !l.state.alarmed
	l.state.alarmed = late
	l.mu.Unlock()
	if !first {
		return
	}
	l.c.Logger.Error("the Merkle log is behind the journal", "origin", l.c.Origin, "records", lag.Records, "age", lag.Age, "err", lag.Err)
	if l.c.Alarm != nil {
		l.c.Alarm(lag)
	}
}

// watch notices new checkpoints, delay, and what the guard refuses.
func (l *Log) watch(ctx context.Context, g *guard) error {
	tick := time.NewTicker(checkpointInterval / 5)
	defer tick.Stop()
	for {
		l.mu.Lock()
		idle := l.state.text != "" && l.state.fed == l.state.published
		l.mu.Unlock()
		if !idle {
			if err := l.look(); err != nil {
				return err
			}
		}
		if err := g.refusal(); err != nil {
			return err
		}
		l.ring()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// look reads the published checkpoint and tells those who wait.
func (l *Log) look() error {
	raw, c, err := l.checkpoint()
	if err != nil {
		if crank.AsError(err).Code == crank.CodeReceiptUnknown {
			return nil
		}
		return err
	}
	l.mu.Lock()
	fresh := string(raw) != l.state.text && (c.Size > l.state.published || l.state.text == "")
	if fresh {
		l.state.text, l.state.published = string(raw), c.Size
		l.state.fed = max(l.state.fed, c.Size)
		for len(l.state.batches) > 0 && l.state.batches[0].end <= c.Size {
			l.state.batches = l.state.batches[1:]
		}
		close(l.changed)
		l.changed = make(chan struct{})
	}
	l.mu.Unlock()
	if fresh && l.c.Published != nil {
		l.c.Published(raw)
	}
	return nil
}

// WaitFor returns once the record seq is under a published checkpoint, or with
// ctx's error. The log must run.
func (l *Log) WaitFor(ctx context.Context, seq uint64) error {
	if seq < l.c.FirstSeq {
		return crank.E(crank.CodeReceiptUnknown, "record %d is of an epoch before that of the log %s", seq, l.c.Origin)
	}
	for {
		l.mu.Lock()
		done, changed := l.state.published > seq-l.c.FirstSeq, l.changed
		l.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return crank.Wrap(crank.CodeStore, ctx.Err(), "record %d is not under a checkpoint yet", seq)
		case <-changed:
		}
	}
}
