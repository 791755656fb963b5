// Package policytest is the contract of policy.Service as tests, asked of the
// policy that Crank starts with. Every body passes it.
package policytest

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/policy"
)

// Question is what a principal of tenant "a" asks who holds the roles.
func Question(action string, roles ...string) policy.Question {
	q := policy.Question{Action: action, Principal: crank.Principal{
		Payer: crank.Payer{Tenant: "a", Key: "key_1"}, Method: "key", Roles: roles,
	}}
	if action == policy.ActionCall {
		q.Capability = "document/convert@1"
	}
	return q
}

// Run tests the bodies that fresh makes, each serving the starter policy.
func Run(t *testing.T, fresh func(*testing.T) policy.Service) {
	t.Run("TheStarterPolicyAllowsWhatItSays", func(t *testing.T) { matrix(t, fresh(t)) })
	t.Run("ADenialSaysWhyAndUnderWhichPolicy", func(t *testing.T) { denial(t, fresh(t)) })
	t.Run("ObserveModeLetsPassAndSaysSo", func(t *testing.T) { observe(t, fresh(t)) })
	t.Run("NobodyIsAnsweredWhoDoesNotWait", func(t *testing.T) { cancelled(t, fresh(t)) })
	t.Run("EqualQuestionsAtOnceGetEqualAnswers", func(t *testing.T) { together(t, fresh(t)) })
}

func matrix(t *testing.T, s policy.Service) {
	for _, c := range []struct {
		action, tenant, role string
		want                 bool
	}{
		{"call", "", crank.RoleCaller, true},
		{"call", "a", crank.RoleCaller, true},
		{"call", "b", crank.RoleCaller, false},
		{"call", "", crank.RoleAuditor, false},
		{"call", "", crank.RoleAdmin, false},
		{"call", "b", crank.RoleOperator, true},
		{"quote", "", crank.RoleCaller, true},
		{"read.receipts", "", crank.RoleAuditor, true},
		{"read.receipts", "b", crank.RoleAuditor, false},
		{"admin.keys.create", "", crank.RoleAdmin, true},
		{"admin.keys.create", "", crank.RoleCaller, false},
		{"admin.keys.create", "b", crank.RoleAdmin, false},
		{"operate.backup", "", crank.RoleAdmin, false},
		{"operate.backup", "", crank.RoleOperator, true},
		{"calls", "", crank.RoleCaller, false},
		{"", "", crank.RoleCaller, false},
		{"call", "", "", false},
	} {
		q := Question(c.action, c.role)
		q.Tenant = c.tenant
		for range 2 { // the second may come from a cache
			if d, err := s.Decide(t.Context(), q); err != nil || d.Allow != c.want {
				t.Errorf("%s of tenant %q as %q: %+v, %v; want %v", c.action, c.tenant, c.role, d, err, c.want)
			}
		}
	}
}

func denial(t *testing.T, s policy.Service) {
	q := Question(policy.ActionCall)
	d, err := s.Decide(t.Context(), q)
	if err != nil || d.Allow || d.Observed || len(d.Reasons) == 0 || d.Reasons[0] != policy.NoRule || d.Policy.IsZero() {
		t.Fatalf("%+v, %v", d, err)
	}
	refused := policy.Refusal(q, d)
	if e := crank.AsError(refused); e == nil || e.Code != crank.CodeDenied || len(e.Faults) != 1 || !strings.Contains(e.Message, "document/convert@1") {
		t.Errorf("the caller is told %v", refused)
	}
	if err := policy.Refusal(q, crank.Decision{Allow: true}); err != nil {
		t.Errorf("an allowed act is refused: %v", err)
	}
}

func observe(t *testing.T, s policy.Service) {
	q := Question(policy.ActionCall)
	q.Observe = true
	d, err := s.Decide(t.Context(), q)
	if err != nil || !d.Allow || !d.Observed || len(d.Reasons) == 0 {
		t.Errorf("a would-be denial: %+v, %v", d, err)
	}
	q.Observe = false
	if d, err = s.Decide(t.Context(), q); err != nil || d.Allow || d.Observed {
		t.Errorf("the same without observing: %+v, %v", d, err)
	}
	q = Question(policy.ActionCall, crank.RoleCaller)
	q.Observe = true
	if d, err = s.Decide(t.Context(), q); err != nil || !d.Allow || d.Observed {
		t.Errorf("an allowed act: %+v, %v", d, err)
	}
}

func cancelled(t *testing.T, s policy.Service) {
	ctx, stop := context.WithCancel(t.Context())
	stop()
	q := Question(policy.ActionCall, crank.RoleCaller)
	q.Observe = true
	if d, err := s.Decide(ctx, q); d.Allow || crank.KindOf(err) != crank.KindCancelled || err == nil {
		t.Errorf("%+v, %v; want nothing and a cancellation", d, err)
	}
	if d, err := s.Decide(t.Context(), q); err != nil || !d.Allow || d.Observed {
		t.Errorf("and afterwards: %+v, %v", d, err)
	}
}

func together(t *testing.T, s policy.Service) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				q := Question(policy.ActionCall, crank.RoleCaller)
				if (i+j)%2 == 0 {
					q.Tenant = "b"
				}
				if d, err := s.Decide(t.Context(), q); err != nil || d.Allow != (q.Tenant == "") {
					t.Errorf("tenant %q: %+v, %v", q.Tenant, d, err)
				}
			}
		})
	}
	all.Wait()
}
