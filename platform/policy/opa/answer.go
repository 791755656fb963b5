package opa

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/policy"
)

// answer reads what the entry's rule gave. Whatever it does not understand is a
// failure, and so a denial: a rule that means to deny never falls through for
// its form.
func answer(v any) (crank.Decision, error) {
	said, ok := v.(map[string]any)
	if !ok {
		return crank.Decision{}, malformed("the answer", v, "an object")
	}
	allow, ok := said["allow"].(bool)
	if !ok {
		return crank.Decision{}, malformed("allow", said["allow"], "true or false")
	}
	denials, err := sentences("deny", said["deny"])
	if err != nil {
		return crank.Decision{}, err
	}
	reasons, err := sentences("reasons", said["reasons"])
	if err != nil {
		return crank.Decision{}, err
	}
	d := crank.Decision{Allow: allow && len(denials) == 0}
	if d.Reasons = append(denials, reasons...); !allow && len(denials) == 0 {
		d.Reasons = append([]string{policy.NoRule}, reasons...)
	}
	d.Obligations, err = obligations(said["obligations"])
	return d, err
}

// sentences reads a set or array of strings, or an object's keys. A deny that
// is just true stands for one sentence.
func sentences(rule string, v any) (all []string, err error) {
	switch v := v.(type) {
	case bool:
		if v {
			all = append(all, "rule "+rule+" says so")
		}
	case string:
		all = append(all, v)
	case []any:
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				s = fmt.Sprint(e)
			}
			all = append(all, s)
		}
	case map[string]any:
		for s := range v {
			all = append(all, s)
		}
	default:
		return nil, malformed(rule, v, "a set of sentences")
	}
	slices.Sort(all)
	return all, nil
}

func obligations(v any) (o crank.Obligations, err error) {
	raw, err := json.Marshal(v)
	if err == nil {
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.DisallowUnknownFields()
		err = decoder.Decode(&o)
	}
	if err != nil {
		return o, crank.Wrap(crank.CodePolicyFailed, err, "the policy's obligations cannot be read: %v", err)
	}
	if o.MaxPrice < 0 || o.MaxInputBytes < 0 {
		return o, crank.E(crank.CodePolicyFailed, "the policy's obligations hold a negative limit")
	}
	return o, nil
}

func malformed(rule string, v any, want string) error {
	return crank.E(crank.CodePolicyFailed, "the policy's %s is %v, not %s", rule, v, want)
}
