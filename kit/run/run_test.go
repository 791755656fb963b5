package run

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
)

func TestServicesStartInOrderAndStopInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		service := func(name string) Service {
			return Service{name, func(ctx context.Context, ready func()) error {
				log = append(log, "up "+name)
				ready()
				<-ctx.Done()
				log = append(log, "down "+name)
				return nil
			}}
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := InOrder(ctx, cancel, service("a"), service("b"), service("c")); err != nil {
			t.Fatal(err)
		}
		if want := []string{"up a", "up b", "up c", "down c", "down b", "down a"}; !slices.Equal(log, want) {
			t.Errorf("order is %v, want %v", log, want)
		}
	})
}

func TestAServiceThatFailsToStartBringsTheOthersDown(t *testing.T) {
	broken := errors.New("broken")
	stopped := false
	err := InOrder(t.Context(), func() { t.Error("the group was called up") },
		Service{"first", func(ctx context.Context, ready func()) error {
			ready()
			<-ctx.Done()
			stopped = true
			return nil
		}},
		Service{"second", func(context.Context, func()) error { return broken }},
		Service{"third", func(context.Context, func()) error { t.Error("third ran"); return nil }},
	)
	if !errors.Is(err, broken) || !stopped {
		t.Errorf("error %v, first stopped: %v", err, stopped)
	}
}
