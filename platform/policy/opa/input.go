package opa

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/crank-platform/crank/platform/policy"
)

// field is one leaf of the input document. One table gives the document, its
// schema and the cache's key, so that the three cannot differ.
type field struct {
	path []string
	kind kind
	id   int
}

type kind uint8

const (
	text   kind = iota // string
	number             // int64
	truth              // bool
	texts              // []string
	labels             // map[string]string
)

const (
	fAction = iota
	fTenant
	fObject
	fPrincipalTenant
	fTeam
	fApp
	fKey
	fSubject
	fMethod
	fRoles
	fLabels
	fCapability
	fFamily
	fVerb
	fMajor
	fIdempotent
	fDeterministic
	fStreaming
	fSideEffects
	fEgress
	fDataClasses
	fProvider
	fInputBytes
	fTags
	fParent
	fMaxPrice
	fMaxPriceAsset
	fMaxCarbon
	fMinReputation
	fResidency
	fPrefer
	fOnlyProvider
)

// fields lists the document's leaves in the order of their ids.
func fields() []field {
	var all []field
	for id, f := range []struct {
		path string
		kind kind
	}{
		fAction: {"action", text}, fTenant: {"tenant", text}, fObject: {"object", text},
		fPrincipalTenant: {"principal.tenant", text}, fTeam: {"principal.team", text}, fApp: {"principal.app", text},
		fKey: {"principal.key", text}, fSubject: {"principal.subject", text}, fMethod: {"principal.method", text},
		fRoles: {"principal.roles", texts}, fLabels: {"principal.labels", labels},
		fCapability: {"capability", text}, fFamily: {"family", text}, fVerb: {"verb", text}, fMajor: {"major", number},
		fIdempotent: {"operation.idempotent", truth}, fDeterministic: {"operation.deterministic", truth},
		fStreaming: {"operation.streaming", truth}, fSideEffects: {"operation.side_effects", truth},
		fEgress: {"operation.egress", texts}, fDataClasses: {"operation.data_classes", texts},
		fProvider: {"provider", text}, fInputBytes: {"input_bytes", number}, fTags: {"tags", labels}, fParent: {"parent", text},
		fMaxPrice: {"constraints.max_price_micros", number}, fMaxPriceAsset: {"constraints.max_price_asset", text},
		fMaxCarbon: {"constraints.max_carbon_ug", number}, fMinReputation: {"constraints.min_reputation", number},
		fResidency: {"constraints.residency", text}, fPrefer: {"constraints.prefer", text}, fOnlyProvider: {"constraints.provider", text},
	} {
		all = append(all, field{strings.Split(f.path, "."), f.kind, id})
	}
	return all
}

// The readers below are switches and not functions in the table, so that the
// question stays on the stack when the cache's key is made.

func textOf(id int, q *policy.Question) string {
	switch id {
	case fAction:
		return q.Action
	case fTenant:
		return q.About()
	case fObject:
		return q.Object
	case fPrincipalTenant:
		return q.Principal.Tenant
	case fTeam:
		return q.Principal.Team
	case fApp:
		return q.Principal.App
	case fKey:
		return q.Principal.Key
	case fSubject:
		return q.Principal.Subject
	case fMethod:
		return q.Principal.Method
	case fCapability:
		return string(q.Capability)
	case fFamily:
		return q.Capability.Family()
	case fVerb:
		return q.Capability.Verb()
	case fProvider:
		return q.Provider
	case fParent:
		return q.Parent
	case fMaxPriceAsset:
		return string(q.Constraints.MaxPrice.Asset)
	case fResidency:
		return q.Constraints.Residency
	case fPrefer:
		return q.Constraints.Prefer
	case fOnlyProvider:
		return q.Constraints.Provider
	}
	panic("opa: a text field without a reader")
}

func numberOf(id int, q *policy.Question) int64 {
	switch id {
	case fMajor:
		return int64(q.Capability.Major())
	case fInputBytes:
		return q.InputBytes
	case fMaxPrice:
		return int64(q.Constraints.MaxPrice.Micros)
	case fMaxCarbon:
		return q.Constraints.MaxCarbon
	case fMinReputation:
		return int64(q.Constraints.MinReputation)
	}
	panic("opa: a number field without a reader")
}

func truthOf(id int, q *policy.Question) bool {
	switch id {
	case fIdempotent:
		return q.Properties.Idempotent
	case fDeterministic:
		return q.Properties.Deterministic
	case fStreaming:
		return q.Properties.Streaming
	case fSideEffects:
		return q.Properties.SideEffects
	}
	panic("opa: a truth field without a reader")
}

func textsOf(id int, q *policy.Question) []string {
	switch id {
	case fRoles:
		return q.Principal.Roles
	case fEgress:
		return q.Properties.Egress
	case fDataClasses:
		return q.Properties.DataClasses
	}
	panic("opa: a list field without a reader")
}

func labelsOf(id int, q *policy.Question) map[string]string {
	switch id {
	case fLabels:
		return q.Principal.Labels
	case fTags:
		return q.Tags
	}
	panic("opa: a labels field without a reader")
}

// read is a part of the input that a policy reads: a field or, of labels, one
// entry.
type read struct {
	field
	entry  string
	single bool // only that entry
}

func (r read) String() string {
	s := "input." + strings.Join(r.path, ".")
	if r.single {
		s += "." + r.entry
	}
	return s
}

// appendKey adds what r reads of q to a cache key. Every value says its length
// or count first, so that no two questions run together.
func (r *read) appendKey(key []byte, q *policy.Question) []byte {
	switch r.kind {
	case text:
		return appendText(key, textOf(r.id, q))
	case number:
		return binary.AppendVarint(key, numberOf(r.id, q))
	case truth:
		if truthOf(r.id, q) {
			return append(key, 1)
		}
		return append(key, 0)
	case texts:
		list := textsOf(r.id, q)
		key = binary.AppendUvarint(key, uint64(len(list)))
		for _, s := range list {
			key = appendText(key, s)
		}
		return key
	}
	set := labelsOf(r.id, q)
	if r.single {
		v, ok := set[r.entry]
		if !ok {
			return append(key, 0)
		}
		return appendText(append(key, 1), v)
	}
	var few [16]string
	names := few[:0]
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	key = binary.AppendUvarint(key, uint64(len(names)))
	for _, name := range names {
		key = appendText(appendText(key, name), set[name])
	}
	return key
}

func appendText(key []byte, s string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))), s...)
}

// document builds the input document of q, with only what is read of it: what
// the key does not hold, no rule can see.
func document(reads []read, q *policy.Question) ast.Value {
	root := ast.NewObject()
	for i := range reads {
		r := &reads[i]
		at := root
		for _, part := range r.path[:len(r.path)-1] {
			name := ast.StringTerm(part)
			if next := at.Get(name); next != nil {
				at = next.Value.(ast.Object)
				continue
			}
			next := ast.NewObject()
			at.Insert(name, ast.NewTerm(next))
			at = next
		}
		name := ast.StringTerm(r.path[len(r.path)-1])
		if before := at.Get(name); before != nil && r.single { // another entry of the same labels
			r.insert(before.Value.(ast.Object), labelsOf(r.id, q))
			continue
		}
		at.Insert(name, r.value(q))
	}
	return root
}

func (r *read) value(q *policy.Question) *ast.Term {
	switch r.kind {
	case text:
		return ast.StringTerm(textOf(r.id, q))
	case number:
		return ast.NumberTerm(json.Number(strconv.FormatInt(numberOf(r.id, q), 10)))
	case truth:
		return ast.BooleanTerm(truthOf(r.id, q))
	case texts:
		list := textsOf(r.id, q)
		terms := make([]*ast.Term, len(list))
		for i, s := range list {
			terms[i] = ast.StringTerm(s)
		}
		return ast.ArrayTerm(terms...)
	}
	set := ast.NewObject()
	r.insert(set, labelsOf(r.id, q))
	return ast.NewTerm(set)
}

func (r *read) insert(set ast.Object, from map[string]string) {
	if !r.single {
		for _, name := range slices.Sorted(maps.Keys(from)) {
			set.Insert(ast.StringTerm(name), ast.StringTerm(from[name]))
		}
	} else if v, ok := from[r.entry]; ok {
		set.Insert(ast.StringTerm(r.entry), ast.StringTerm(v))
	}
}

// schema describes the document as JSON Schema, so that a policy that misspells
// a field does not load.
func schema() map[string]any {
	object := func() map[string]any {
		return map[string]any{"type": "object", "properties": map[string]any{}, "additionalProperties": false}
	}
	leaf := map[kind]any{
		text: map[string]any{"type": "string"}, number: map[string]any{"type": "integer"}, truth: map[string]any{"type": "boolean"},
		texts:  map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
		labels: map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}},
	}
	root := object()
	for _, f := range fields() {
		at := root["properties"].(map[string]any)
		for _, part := range f.path[:len(f.path)-1] {
			if at[part] == nil {
				at[part] = object()
			}
			at = at[part].(map[string]any)["properties"].(map[string]any)
		}
		at[f.path[len(f.path)-1]] = leaf[f.kind]
	}
	return root
}
