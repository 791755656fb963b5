package child_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/crank-platform/crank/kit/child"
)

func newPool(t *testing.T, size int) *child.Pool {
	t.Helper()
	s := echo(t)
	p := &child.Pool{New: func() child.Spec { return s }, Size: size}
	t.Cleanup(p.Close)
	return p
}

func get(t *testing.T, p *child.Pool) *child.Proc {
	t.Helper()
	proc, err := p.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return proc
}

func TestAPoolUsesItsChildrenAgain(t *testing.T) {
	p := newPool(t, 2)
	one := get(t, p)
	p.Put(one)
	if two := get(t, p); two != one {
		t.Error("an idle child was passed over")
	} else {
		p.Put(two)
	}
}

func TestAPoolNeverHasMoreThanItsSize(t *testing.T) {
	p := newPool(t, 3)
	var mu sync.Mutex
	seen := map[*child.Proc]bool{}
	out, most := 0, 0
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			for j := range 5 {
				proc, err := p.Get(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seen[proc] = true
				out++
				most = max(most, out)
				mu.Unlock()
				want := fmt.Sprintf("M%d-%d", i, j)
				if reply, _, err := proc.Exchange(t.Context(), fmt.Appendf(nil, "m%d-%d", i, j)); err != nil || string(reply) != want {
					t.Errorf("got %q, %v", reply, err)
				}
				mu.Lock()
				out--
				mu.Unlock()
				p.Put(proc)
			}
		})
	}
	wg.Wait()
	if most > 3 || len(seen) > 3 {
		t.Errorf("%d at once, %d in all", most, len(seen))
	}
}

func TestAFullPoolWaitsAsLongAsTheContext(t *testing.T) {
	p := newPool(t, 1)
	one := get(t, p)
	defer p.Put(one)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestADeadChildIsReplaced(t *testing.T) {
	p := newPool(t, 1)
	one := get(t, p)
	one.Exchange(t.Context(), []byte("crash"))
	p.Put(one)
	two := get(t, p)
	defer p.Put(two)
	if reply, _, err := two.Exchange(t.Context(), []byte("x")); err != nil || string(reply) != "X" {
		t.Errorf("got %q, %v", reply, err)
	}
}

func TestAWornChildIsReplaced(t *testing.T) {
	p := newPool(t, 1)
	p.MaxUses = 2
	first := get(t, p)
	first.Exchange(t.Context(), []byte("x"))
	p.Put(first)
	if again := get(t, p); again != first {
		t.Error("replaced before it was worn")
	}
	first.Exchange(t.Context(), []byte("x"))
	p.Put(first)
	next := get(t, p)
	defer p.Put(next)
	if next == first {
		t.Error("kept after its last use")
	}
}

func TestAChildGrownTooLargeIsReplaced(t *testing.T) {
	if !child.Capabilities().Measured {
		t.Skip("the tree is not measured on this system")
	}
	p := newPool(t, 1)
	p.MaxRSS = 60 << 20
	one := get(t, p)
	one.Exchange(t.Context(), []byte("x"))
	p.Put(one)
	if p.Len() != 1 {
		t.Fatal("a small child was not kept")
	}
	one = get(t, p)
	one.Exchange(t.Context(), []byte("hoard"))
	p.Put(one)
	if p.Len() != 0 {
		t.Error("a large child was kept")
	}
}

func TestAnIdleChildIsEnded(t *testing.T) {
	p := newPool(t, 1)
	p.Idle = 30 * time.Millisecond
	one := get(t, p)
	p.Put(one)
	select {
	case <-one.Done():
	case <-time.After(20 * time.Second):
		t.Error("it is still there")
	}
}

func TestAClosedPoolGivesNothingAndKeepsNothing(t *testing.T) {
	p := newPool(t, 2)
	idle, used := get(t, p), get(t, p)
	p.Put(idle)
	p.Close()
	if idle.Alive() {
		t.Error("the idle child lives")
	}
	if _, err := p.Get(t.Context()); !errors.Is(err, child.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, _, err := used.Exchange(t.Context(), []byte("x")); err != nil {
		t.Errorf("the child in use was ended under its user: %v", err)
	}
	p.Put(used)
	if used.Alive() {
		t.Error("the child in use was kept")
	}
}
