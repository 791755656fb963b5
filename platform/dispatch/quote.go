package dispatch

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/kit/canon"
)

// overloadPause is what an overloaded caller is told to wait.
const overloadPause = 200 * time.Millisecond

// Quote returns the offers that would serve the call, best first.
func (d *Dispatcher) Quote(ctx context.Context, call crank.Call) ([]crank.Candidate, error) {
	s, ctx, done, err := d.begin(ctx, call)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := d.match(ctx, s); err != nil {
		return nil, err
	}
	return s.ranked, nil
}

// Explain returns every offer of the capability and why each but the winner lost.
func (d *Dispatcher) Explain(ctx context.Context, call crank.Call) ([]crank.Candidate, error) {
	s, ctx, done, err := d.begin(ctx, call)
	if err != nil {
		return nil, err
	}
	defer done()
	return d.Router.Explain(ctx, s.call, s.op, s.decision)
}

// redact replaces what the JSON pointers (RFC 6901) name by null. A pointer that
// names nothing is no error: there is nothing to hide.
func redact(output json.RawMessage, pointers []string) (json.RawMessage, error) {
	if len(pointers) == 0 {
		return output, nil
	}
	var v any
	if err := json.Unmarshal(output, &v); err != nil {
		return nil, err
	}
	for _, p := range pointers {
		if p == "" || p == "/" {
			return json.RawMessage("null"), nil
		}
		blank(v, strings.Split(strings.TrimPrefix(p, "/"), "/"))
	}
	out, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return canon.JSON(out)
}

// blank follows a path; "*" stands for every element of an array.
func blank(v any, path []string) {
	key := strings.NewReplacer("~1", "/", "~0", "~").Replace(path[0])
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v[key]; !ok {
			return
		}
		if len(path) == 1 {
			v[key] = nil
			return
		}
		blank(v[key], path[1:])
	case []any:
		for i := range v {
			if key != "*" && key != strconv.Itoa(i) {
				continue
			}
			if len(path) == 1 {
				v[i] = nil
			} else {
				blank(v[i], path[1:])
			}
		}
	}
}
