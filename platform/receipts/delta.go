package receipts

import (
	"encoding/hex"
	"math"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/ids"
)

// committed is a record with its digest, as the views take it in.
type committed struct {
	crank.Record
	digest crank.Digest
}

// deltaOf works out how records change the views.
func deltaOf(records []committed) Delta {
	d := Delta{Heads: map[string]Link{}, Open: map[CallID]uint64{}}
	sums := summer{}
	for _, r := range records {
		d.Mark = Mark{r.Seq, r.digest}
		switch {
		case r.Opened != nil:
			id, _ := callID(r.Opened.Call)
			d.Open[id] = r.Seq
		case r.Receipt != nil:
			id, _ := callID(r.Receipt.Call)
			if _, here := d.Open[id]; here {
				delete(d.Open, id)
			} else {
				d.Closed = append(d.Closed, id)
			}
			d.Heads[r.Receipt.Payer.Tenant] = Link{r.Receipt.TenantSeq, r.digest}
			g := groupOf(r.Receipt)
			d.Items = append(d.Items, Item{r.Seq, g, tagsOf(r.Receipt)})
			sums.add(r.Time, g, r.Receipt)
		}
	}
	d.Sums = sums.list()
	return d
}

func groupOf(r *crank.Receipt) Group {
	p := r.Payer
	return Group{p.Tenant, p.Team, p.App, p.Key, r.Capability, r.Outcome, r.Price.Asset}
}

func tagsOf(r *crank.Receipt) []Label {
	if len(r.Tags) == 0 {
		return nil
	}
	labels := make([]Label, 0, len(r.Tags))
	for name, value := range r.Tags {
		labels = append(labels, Label{LabelTag, name, value})
	}
	return labels
}

// summer adds receipts up, by group and day first: hashing a group is the dear part.
type summer map[groupDay]map[Label]*Sum

type groupDay struct {
	group Group
	day   int64
}

func (s summer) add(commit int64, g Group, r *crank.Receipt) {
	of := groupDay{g, dayOf(commit)}
	sums := s[of]
	if sums == nil {
		sums = map[Label]*Sum{}
		s[of] = sums
	}
	put := func(l Label, count int64, price crank.Micros) {
		sum := sums[l]
		if sum == nil {
			sum = &Sum{Day: of.day, Group: g, Label: l}
			sums[l] = sum
		}
		sum.Add(count, price)
	}
	put(Label{}, 1, r.Price.Micros)
	for name, value := range r.Tags {
		put(Label{LabelTag, name, value}, 1, r.Price.Micros)
	}
	for _, u := range r.Usage {
		put(Label{LabelMeter, u.Meter, ""}, u.Quantity, 0)
	}
}

func (s summer) list() (all []Sum) {
	for _, sums := range s {
		for _, sum := range sums {
			all = append(all, *sum)
		}
	}
	return all
}

// Add adds to the sum, which stays where it is at the ends of 64 bits.
func (s *Sum) Add(count int64, price crank.Micros) {
	s.Count = clamped(s.Count, count)
	s.Price = crank.Micros(clamped(int64(s.Price), int64(price)))
}

func clamped(a, b int64) int64 {
	switch sum := a + b; {
	case b > 0 && sum < a:
		return math.MaxInt64
	case b < 0 && sum > a:
		return math.MinInt64
	default:
		return sum
	}
}

const microsPerDay = int64(24 * time.Hour / time.Microsecond)

// dayOf returns the UTC day of an instant in microseconds, rounding down.
func dayOf(us int64) int64 {
	day := us / microsPerDay
	if us%microsPerDay < 0 {
		day--
	}
	return day
}

// callID reads the digits of a call's id.
func callID(id string) (c CallID, ok bool) {
	if !ids.Valid("call", id) {
		return c, false
	}
	_, err := hex.Decode(c[:], []byte(id[len("call_"):]))
	return c, err == nil
}

// receiptID is the id of a call's receipt: the same digits.
func receiptID(call string) string { return "rcpt_" + call[len("call_"):] }
