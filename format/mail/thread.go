package mail

import (
	"sort"
	"strings"
	"time"
)

// ThreadItem is what threading needs to know of one message.
type ThreadItem struct {
	MessageID  string // without brackets; "" is unlike any other
	References []string
	InReplyTo  []string
	Subject    string
	SentAt     time.Time // the zero time sorts first
}

// ThreadItem gives what threading needs to know of e.
func (e *Email) ThreadItem() ThreadItem {
	item := ThreadItem{References: e.References, InReplyTo: e.InReplyTo, Subject: e.Subject}
	if len(e.MessageID) > 0 {
		item.MessageID = e.MessageID[0]
	}
	if e.SentAt != nil {
		item.SentAt = *e.SentAt
	}
	return item
}

// Thread is one conversation, parents before children, siblings by date.
type Thread struct {
	Subject string       `json:"subject"` // base subject, RFC 5256 section 2.1
	Nodes   []ThreadNode `json:"nodes"`
}

// ThreadNode is one message in a thread.
type ThreadNode struct {
	Message   int    `json:"message"` // index in the input; -1: only referred to
	MessageID string `json:"messageId,omitempty"`
	Parent    int    `json:"parent"` // index in Thread.Nodes; -1: a root
	Depth     int    `json:"depth"`  // 0 at a root
}

// ThreadOptions say how messages are brought together.
type ThreadOptions struct {
	// BySubject also joins threads of one base subject, as RFC 5256 REFERENCES
	// does in its step 5. It joins strangers who chose the same subject.
	BySubject bool
}

// Threads groups messages by the REFERENCES algorithm of RFC 5256, after
// Zawinski. The same input in the same order gives the same threads; loops in
// the references are cut where they would close.
func Threads(items []ThreadItem, o ThreadOptions) []Thread {
	t := &threader{items: items, byID: map[string]*container{}}
	for i := range items {
		t.add(i)
	}
	roots := t.prune()
	if o.BySubject {
		roots = t.joinSubjects(roots)
	}
	t.sortByDate(roots)
	out := make([]Thread, 0, len(roots))
	for _, root := range roots {
		out = append(out, t.flatten(root))
	}
	return out
}

// container is a message, or the place of one that is only referred to.
type container struct {
	id       string
	message  int // -1: none
	order    int // when it was first seen
	parent   *container
	children []*container
	sent     time.Time // of the message or its earliest child, set by sortByDate
	rank     int       // input order of the same
}

type threader struct {
	items []ThreadItem
	byID  map[string]*container
	all   []*container
}

func (t *threader) find(id string) *container {
	c := t.byID[id]
	if c == nil {
		c = t.fresh(id)
		t.byID[id] = c
	}
	return c
}

func (t *threader) fresh(id string) *container {
	c := &container{id: id, message: -1, order: len(t.all)}
	t.all = append(t.all, c)
	return c
}

// add puts message i in its container and links what it refers to: steps 1.A
// to 1.C of RFC 5256.
func (t *threader) add(i int) {
	item := t.items[i]
	var c *container
	if item.MessageID != "" {
		c = t.find(item.MessageID)
	}
	if c == nil || c.message >= 0 { // no id, or one that is taken: a message of its own
		c = t.fresh(item.MessageID)
	}
	c.message = i
	refs := item.References
	if len(refs) == 0 && len(item.InReplyTo) > 0 {
		refs = item.InReplyTo[:1]
	}
	var above *container
	for _, id := range refs {
		if id == "" || id == item.MessageID {
			continue
		}
		ref := t.find(id)
		if above != nil && ref.parent == nil && above != ref && (len(ref.children) == 0 || !above.under(ref)) {
			ref.moveTo(above)
		}
		above = ref
	}
	if above != nil && (len(c.children) == 0 || !above.under(c)) && above != c { // what the message itself says of its parent wins
		c.moveTo(above)
	}
}

// under says whether c is other or stands somewhere below it.
func (c *container) under(other *container) bool {
	for ; c != nil; c = c.parent {
		if c == other {
			return true
		}
	}
	return false
}

func (c *container) moveTo(parent *container) {
	if c.parent == parent {
		return
	}
	if old := c.parent; old != nil {
		for i, child := range old.children {
			if child == c {
				old.children = append(old.children[:i], old.children[i+1:]...)
				break
			}
		}
	}
	if c.parent = parent; parent != nil {
		parent.children = append(parent.children, c)
	}
}

// giveChildren moves all children of c to parent, or makes them roots.
func (c *container) giveChildren(parent *container) {
	for _, child := range c.children {
		child.parent = parent
	}
	if parent != nil {
		parent.children = append(parent.children, c.children...)
	}
	c.children = nil
}

// prune takes away containers that hold no message: an empty one goes when it
// has no child, gives its place to its children when it has a parent, and
// stays as a root only to hold two or more children together. Step 3.
func (t *threader) prune() (roots []*container) {
	for _, c := range t.deepestFirst() {
		if c.message >= 0 {
			continue
		}
		if c.parent == nil && len(c.children) > 1 {
			continue
		}
		c.giveChildren(c.parent)
		c.moveTo(nil)
	}
	for _, c := range t.all {
		if c.parent == nil && (c.message >= 0 || len(c.children) > 0) {
			roots = append(roots, c)
		}
	}
	return roots
}

// deepestFirst lists every container after all that stand below it.
func (t *threader) deepestFirst() []*container {
	var order []*container
	for _, c := range t.all {
		if c.parent == nil {
			order = append(order, c)
		}
	}
	for i := 0; i < len(order); i++ {
		order = append(order, order[i].children...)
	}
	for i, j := 0, len(order)-1; i < j; i, j = i+1, j-1 {
		order[i], order[j] = order[j], order[i]
	}
	return order
}

// subject gives a thread's base subject and whether its first message is a
// reply or forward.
func (t *threader) subject(c *container) (base string, reply bool) {
	if c.message < 0 && len(c.children) > 0 {
		c = c.children[0]
	}
	if c.message < 0 {
		return "", false
	}
	return BaseSubject(t.items[c.message].Subject)
}

// joinSubjects brings roots of one base subject together: step 5.
func (t *threader) joinSubjects(roots []*container) []*container {
	t.sortByDate(roots)
	table := map[string]*container{}
	for _, root := range roots {
		base, reply := t.subject(root)
		if base == "" {
			continue
		}
		have := table[base]
		if have == nil {
			table[base] = root
			continue
		}
		_, haveReply := t.subject(have)
		if root.message < 0 && have.message >= 0 || haveReply && !reply && (have.message >= 0) == (root.message >= 0) {
			table[base] = root
		}
	}
	place := make(map[*container]int, len(roots))
	for i, root := range roots {
		place[root] = i
	}
	for i, root := range roots {
		base, reply := t.subject(root)
		have := table[base]
		if base == "" || have == nil || have == root {
			continue
		}
		_, haveReply := t.subject(have)
		switch {
		case have.message < 0 && root.message < 0:
			root.giveChildren(have)
			roots[i] = nil
		case have.message < 0, reply && !haveReply:
			root.moveTo(have)
		default: // both are replies, or neither: siblings under an empty root
			both := t.fresh("")
			roots[place[have]], place[both] = both, place[have]
			have.moveTo(both)
			root.moveTo(both)
			table[base] = both
		}
	}
	out := roots[:0]
	for _, root := range roots {
		if root != nil && root.parent == nil {
			out = append(out, root)
		}
	}
	return out
}

// sortByDate orders roots and all siblings by date, then by input order; a
// place without message counts as its earliest child. Step 4 and 6.
func (t *threader) sortByDate(roots []*container) {
	for _, c := range t.deepestFirst() {
		sort.SliceStable(c.children, func(i, j int) bool { return c.children[i].before(c.children[j]) })
		switch {
		case c.message >= 0:
			c.sent, c.rank = t.items[c.message].SentAt, c.message
		case len(c.children) > 0:
			c.sent, c.rank = c.children[0].sent, c.children[0].rank
		}
	}
	sort.SliceStable(roots, func(i, j int) bool { return roots[i].before(roots[j]) })
}

func (c *container) before(other *container) bool {
	if !c.sent.Equal(other.sent) {
		return c.sent.Before(other.sent)
	}
	return c.rank < other.rank
}

// flatten writes the thread below root, parents before children.
func (t *threader) flatten(root *container) Thread {
	type frame struct {
		c             *container
		parent, depth int
	}
	base, _ := t.subject(root)
	out := Thread{Subject: base}
	for stack := []frame{{root, -1, 0}}; len(stack) > 0; {
		f := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		at := len(out.Nodes)
		out.Nodes = append(out.Nodes, ThreadNode{Message: f.c.message, MessageID: f.c.id, Parent: f.parent, Depth: f.depth})
		for i := len(f.c.children) - 1; i >= 0; i-- {
			stack = append(stack, frame{f.c.children[i], at, f.depth + 1})
		}
	}
	return out
}

// BaseSubject strips what replying and forwarding add to a subject, in lower
// case, and says whether there was any: RFC 5256 section 2.1.
func BaseSubject(s string) (base string, reply bool) {
	s = strings.ToLower(collapse(s))
	for {
		before := s
		for strings.HasSuffix(s, "(fwd)") {
			s, reply = strings.TrimSpace(strings.TrimSuffix(s, "(fwd)")), true
		}
		for {
			rest, wasReply := cutLeader(s)
			if rest == s {
				break
			}
			s, reply = rest, reply || wasReply
		}
		if strings.HasPrefix(s, "[fwd:") && strings.HasSuffix(s, "]") {
			s, reply = strings.TrimSpace(s[5:len(s)-1]), true
		}
		if s == before {
			return s, reply
		}
	}
}

// cutLeader takes one "re:", "fwd:" or "[list]" from the front of s, unless
// nothing would be left after a "[list]".
func cutLeader(s string) (rest string, reply bool) {
	after := s
	for {
		blob, ok := cutBlob(after)
		if !ok {
			break
		}
		after = blob
	}
	for _, word := range []string{"re", "fwd", "fw"} {
		tail, ok := strings.CutPrefix(after, word)
		if !ok {
			continue
		}
		tail = strings.TrimSpace(tail)
		if blob, ok := cutBlob(tail); ok {
			tail = blob
		}
		if tail, ok = strings.CutPrefix(tail, ":"); ok {
			return strings.TrimSpace(tail), true
		}
	}
	if blob, ok := cutBlob(s); ok && blob != "" {
		return blob, false
	}
	return s, false
}

// cutBlob takes "[...]" from the front of s.
func cutBlob(s string) (rest string, ok bool) {
	if !strings.HasPrefix(s, "[") || strings.HasPrefix(s, "[fwd:") {
		return s, false
	}
	end := strings.IndexAny(s[1:], "[]")
	if end < 0 || s[1+end] != ']' {
		return s, false
	}
	return strings.TrimSpace(s[end+2:]), true
}
