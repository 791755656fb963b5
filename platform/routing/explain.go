package routing

import (
	"fmt"

	"github.com/crank-platform/crank"
)

// explain is Match with words for every offer.
func (r *Router) explain(w *want, offers []crank.Offer) ([]crank.Candidate, error) {
	fit := make([]crank.Candidate, 0, len(offers))
	var lost []crank.Candidate
	var faults []crank.Fault
	reasons := map[reason]bool{}
	for i := range offers {
		o := &offers[i]
		quote, l := r.try(w, o)
		if l.why == fits {
			fit = append(fit, crank.Candidate{Offer: *o, Quote: quote, Score: 1})
			continue
		}
		reasons[l.why] = true
		words := r.words(w, o, l)
		lost = append(lost, crank.Candidate{Offer: *o, Quote: l.quote, Lost: words})
		faults = append(faults, crank.Fault{Path: o.Worker + "/" + o.Instance, Reason: words})
	}
	if len(fit) == 0 {
		return lost, refusal(w, len(offers), reasons).With(faults...)
	}
	if len(fit) > 1 {
		r.rank(w, fit)
		r.choose(fit)
		for i := 1; i < len(fit); i++ {
			fit[i].Lost = outscored(&fit[i], &fit[0])
		}
	}
	return append(fit, lost...), nil
}

func outscored(c, winner *crank.Candidate) string {
	if c.Score <= winner.Score+winner.Score/10 {
		return fmt.Sprintf("it is about as good (%d, the winner %d), and the draw fell on the other", c.Score, winner.Score)
	}
	return fmt.Sprintf("it scores %d, the winner %d; lower is better", c.Score, winner.Score)
}

// refusal names what the caller can change: the price where only that is in the
// way of some offer, else the time, else nothing.
func refusal(w *want, offers int, reasons map[reason]bool) *crank.Error {
	c := w.op.Capability
	switch {
	case offers == 0:
		return crank.E(crank.CodeNoOffer, "no worker offers %s just now", c)
	case reasons[dear] || reasons[dearForPolicy]:
		return crank.E(crank.CodePriceCap, "no offer of %s is as cheap as is asked", c)
	case reasons[slow]:
		return crank.E(crank.CodeDeadline, "no offer of %s is fast enough for the time that is left", c)
	}
	return crank.E(crank.CodeNoOffer, "none of the %d offers of %s can serve this call", offers, c)
}
