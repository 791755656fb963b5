package mail

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// outline writes threads as nested ids: a(b c(d)); a place without message is ?.
func outline(threads []Thread) string {
	var out []string
	for _, t := range threads {
		var write func(at int) string
		write = func(at int) string {
			n := t.Nodes[at]
			name := n.MessageID
			if n.Message < 0 {
				name = "?"
			}
			var subs []string
			for i := at + 1; i < len(t.Nodes); i++ {
				if t.Nodes[i].Parent == at {
					subs = append(subs, write(i))
				}
			}
			if len(subs) > 0 {
				name += "(" + strings.Join(subs, " ") + ")"
			}
			return name
		}
		out = append(out, write(0))
	}
	return strings.Join(out, " | ")
}

// items reads "id<refs" lines: "c<a,b" is message c with references a and b;
// "c^b" has only In-Reply-To; what follows ":" is the subject. Each is an hour
// later than the one before.
func items(lines ...string) (out []ThreadItem) {
	for i, line := range lines {
		line, subject, _ := strings.Cut(line, ":")
		item := ThreadItem{Subject: subject, SentAt: time.Date(2025, 1, 1, i, 0, 0, 0, time.UTC)}
		if id, refs, ok := strings.Cut(line, "<"); ok {
			item.MessageID, item.References = id, strings.Split(refs, ",")
		} else if id, ref, ok := strings.Cut(line, "^"); ok {
			item.MessageID, item.InReplyTo = id, []string{ref}
		} else {
			item.MessageID = line
		}
		out = append(out, item)
	}
	return out
}

func TestThreadsFollowReferences(t *testing.T) {
	for name, c := range map[string]struct {
		items []ThreadItem
		want  string
	}{
		"a chain":                       {items("a", "b<a", "c<a,b"), "a(b(c))"},
		"in any order":                  {items("c<a,b", "b<a", "a"), "a(b(c))"},
		"by In-Reply-To":                {items("a", "b^a", "c^b"), "a(b(c))"},
		"two threads":                   {items("a", "x", "b<a", "y<x"), "a(b) | x(y)"},
		"siblings by date":              {items("a", "c<a", "b<a"), "a(c b)"},
		"a missing parent":              {items("b<a", "c<a"), "?(b c)"},
		"a missing parent of one":       {items("b<a"), "b"},
		"a missing one in the middle":   {items("a", "c<a,b"), "a(c)"},
		"missing in the middle, of two": {items("a", "c<a,b", "d<a,b"), "a(c d)"},
		"missing ones all the way":      {items("d<a,b,c", "e<a,b"), "?(d e)"},
		"a loop of two":                 {items("a<b", "b<a"), "b(a)"},
		"a loop of three":               {items("a<c", "b<a", "c<b"), "c(a(b))"},
		"a reference to oneself":        {items("a<a", "b<b,a"), "a(b)"},
		"the same id twice":             {items("a", "a", "b<a"), "a(b) | a"},
		"no ids":                        {items("", "", "a"), " |  | a"},
		"what a message says of itself": {items("c<a,b", "b<x", "a", "x"), "a | x(b(c))"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := outline(Threads(c.items, ThreadOptions{})); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestSubjectsJoinThreadsOnlyWhenAsked(t *testing.T) {
	for name, c := range map[string]struct {
		items      []ThreadItem
		want, join string
	}{
		"a reply without references": {items("a:Plan", "b:Re: plan"), "a | b", "a(b)"},
		"the reply first":            {items("b:Re: plan", "a:Plan"), "b | a", "a(b)"},
		"two originals":              {items("a:Plan", "b:Plan"), "a | b", "?(a b)"},
		"two replies":                {items("a:Re: Plan", "b:Re: Plan", "c:Re: Plan"), "a | b | c", "?(a b c)"},
		"an empty root takes":        {items("b<x:Re: Plan", "c<x:Re: Plan", "d:Re: Plan"), "?(b c) | d", "?(b c d)"},
		"two empty roots":            {items("b<x:Re: Plan", "c<x:Re: Plan", "d<y:Re: Plan", "e<y:Re: Plan"), "?(b c) | ?(d e)", "?(b c d e)"},
		"no subject":                 {items("a:", "b:Re:"), "a | b", "a | b"},
		"others":                     {items("a:Plan", "b:Other"), "a | b", "a | b"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := outline(Threads(c.items, ThreadOptions{})); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := outline(Threads(c.items, ThreadOptions{BySubject: true})); got != c.join {
				t.Errorf("by subject: got %s, want %s", got, c.join)
			}
		})
	}
}

func TestBaseSubjectsLoseWhatRepliesAdd(t *testing.T) {
	for in, want := range map[string]struct {
		base  string
		reply bool
	}{
		"Plan": {"plan", false}, "Re: Plan": {"plan", true}, "RE : Plan": {"plan", true}, "Re[2]: Plan": {"plan", true}, "Fwd: Re: Plan": {"plan", true},
		"[list] Plan": {"plan", false}, "[list] Re: [list] Plan": {"plan", true}, "Plan (fwd)": {"plan", true}, "[Fwd: Plan]": {"plan", true},
		"[only]": {"[only]", false}, "Re: [only]": {"[only]", true}, "Regarding": {"regarding", false}, "": {"", false}, "  a \t b ": {"a b", false}, "[Fwd: [Fwd: x]]": {"x", true},
	} {
		if base, reply := BaseSubject(in); base != want.base || reply != want.reply {
			t.Errorf("%q gives %q %v", in, base, reply)
		}
	}
}

func TestTheSampleMailboxHasFourThreads(t *testing.T) {
	var in []ThreadItem
	for _, email := range sample(t, Options{}) {
		in = append(in, email.ThreadItem())
	}
	threads := Threads(in, ThreadOptions{})
	if got := outline(threads); got != "order-1842@shop.example.org | letter-12@news.example.org | plan-1@example.org(plan-2@example.org(plan-3@example.org)) | fwd-1@example.org" {
		t.Error(got)
	}
	if threads[2].Subject != "floor plan" {
		t.Errorf("subject %q", threads[2].Subject)
	}
}

// Whatever the references say, every message stands in exactly one thread and
// a second run gives the same.
func TestNoMessageIsLostOrDoubledByThreading(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		in := make([]ThreadItem, random.IntN(30))
		for i := range in {
			in[i].MessageID = fmt.Sprint(random.IntN(20))
			in[i].Subject = []string{"", "x", "Re: x", "y", "Re: y"}[random.IntN(5)]
			for range random.IntN(5) {
				in[i].References = append(in[i].References, fmt.Sprint(random.IntN(25)))
			}
		}
		for _, o := range []ThreadOptions{{}, {BySubject: true}} {
			first := Threads(in, o)
			seen := map[int]int{}
			for _, thread := range first {
				for at, n := range thread.Nodes {
					if n.Message >= 0 {
						seen[n.Message]++
					}
					if n.Parent >= at || n.Parent < 0 && at > 0 || at > 0 && n.Depth != thread.Nodes[n.Parent].Depth+1 {
						t.Fatalf("node %d of %+v", at, thread.Nodes)
					}
				}
			}
			for i := range in {
				if seen[i] != 1 {
					t.Fatalf("message %d stands %d times; %+v", i, seen[i], o)
				}
			}
			if again := Threads(in, o); !reflect.DeepEqual(first, again) {
				t.Fatalf("%v\n%v", first, again)
			}
		}
	}
}

func TestALongChainIsThreadedInReasonableTime(t *testing.T) {
	const n = 20_000
	in := make([]ThreadItem, n)
	for i := range in {
		in[i].MessageID = fmt.Sprint(i)
		for k := max(0, i-20); k < i; k++ {
			in[i].References = append(in[i].References, fmt.Sprint(k))
		}
	}
	threads := Threads(in, ThreadOptions{})
	if len(threads) != 1 || threads[0].Nodes[n-1].Depth != n-1 {
		t.Errorf("%d threads", len(threads))
	}
}
