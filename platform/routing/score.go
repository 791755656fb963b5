package routing

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/crank-platform/crank"
)

// weights say how much each term counts, in hundredths; they sum to 100.
type weights struct{ price, latency, carbon, reputation, reliability, locality int64 }

// How each value of Constraints.Prefer weighs. Never written to.
var (
	balanced = weights{price: 30, latency: 30, carbon: 5, reputation: 10, reliability: 20, locality: 5}
	cheap    = weights{price: 75, latency: 5, carbon: 0, reputation: 5, reliability: 15, locality: 0}
	fast     = weights{price: 5, latency: 70, carbon: 0, reputation: 0, reliability: 15, locality: 10}
	clean    = weights{price: 10, latency: 5, carbon: 70, reputation: 0, reliability: 15, locality: 0}
)

func weigh(prefer string) *weights {
	switch prefer {
	case "", "balanced":
		return &balanced
	case "cost":
		return &cheap
	case "latency":
		return &fast
	case "carbon":
		return &clean
	}
	return nil
}

// full is the worst that a term can be; 0 is the best.
const full = 1000

// rank scores the candidates and sorts them, the best first.
//
// Price, latency and carbon are relative to the worst among the candidates, so
// that an offer at half the price has half the term whatever the asset; prices
// of different assets are never compared. What an offer does not say counts
// neither for nor against it, except carbon: who says nothing is taken for the
// worst. An offer that nobody has timed is taken for the fastest known, so that
// it is tried.
func (r *Router) rank(w *want, fit []crank.Candidate) {
	var dearest, dirtiest, slowest int64
	fastest := int64(forever)
	for i := range fit {
		o := &fit[i].Offer
		dirtiest = max(dirtiest, o.Carbon)
		if t := r.typical(o); t > 0 {
			fastest = min(fastest, t)
		}
	}
	if fastest == int64(forever) {
		fastest = int64(time.Millisecond)
	}
	waits := make([]int64, len(fit))
	for i := range fit {
		waits[i] = r.wait(&fit[i].Offer, fastest)
		slowest = max(slowest, waits[i])
	}
	for i := range fit {
		c, o := &fit[i], &fit[i].Offer
		dearest = 0
		for j := range fit {
			if fit[j].Quote.Ceiling.Asset == c.Quote.Ceiling.Asset {
				dearest = max(dearest, int64(fit[j].Quote.Ceiling.Micros))
			}
		}
		emits := o.Carbon
		if emits == 0 {
			emits = dirtiest
		}
		c.Score = max(1, w.weight.price*part(int64(c.Quote.Ceiling.Micros), dearest)+
			w.weight.latency*part(waits[i], slowest)+
			w.weight.carbon*part(emits, dirtiest)+
			w.weight.reputation*doubt(o.Reputation)+
			w.weight.reliability*r.health.of(o.ID).failures.Load()/1000+
			w.weight.locality*distance(r.config.Zone, o.Zone))
	}
	slices.SortStableFunc(fit, func(a, b crank.Candidate) int { return cmp.Compare(a.Score, b.Score) })
}

// part is x of most in thousandths, without overflow.
func part(x, most int64) int64 {
	if most <= 0 || x <= 0 {
		return 0
	}
	for most > 1<<50 {
		most >>= 10
		x >>= 10
	}
	return x * full / most
}

// typical is how long a call of the offer takes, in nanoseconds: as this node
// has seen it, else as the worker says; 0 where nobody knows.
func (r *Router) typical(o *crank.Offer) int64 {
	if seen := r.health.of(o.ID).latency.Load(); seen > 0 {
		return seen
	}
	return int64(o.SLO.P50)
}

// wait is how long one more call would take, grown by what is under way.
func (r *Router) wait(o *crank.Offer, unknown int64) int64 {
	t := r.typical(o)
	if t == 0 {
		t = unknown
	}
	t = min(t, int64(time.Hour))
	return t + t*min(r.load(o), 1<<20)/1000
}

func doubt(reputation int) int64 {
	if reputation == 0 {
		return full / 2
	}
	return full - int64(reputation)
}

// distance compares zones word by word: eu-west-1 is nearer to eu-west-2 than to
// us-east-1.
func distance(here, there string) int64 {
	switch {
	case here == "" || here == there:
		return 0
	case there == "":
		return full / 2
	}
	a, b := strings.Split(here, "-"), strings.Split(there, "-")
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	return full - full*int64(same)/int64(max(len(a), len(b)))
}
