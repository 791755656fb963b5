package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/app"
	client "github.com/crank-platform/crank/sdk/go"
)

// question is what a policy is asked, as a file writes it.
type question struct {
	Action      string            `json:"action"`
	Tenant      string            `json:"tenant,omitempty"`
	Object      string            `json:"object,omitempty"`
	Principal   crank.Principal   `json:"principal"`
	Capability  crank.Capability  `json:"capability,omitempty"`
	Operation   crank.Properties  `json:"operation,omitzero"`
	Provider    string            `json:"provider,omitempty"`
	InputBytes  int64             `json:"input_bytes,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Constraints crank.Constraints `json:"constraints,omitzero"`
	Parent      string            `json:"parent,omitempty"`
}

// policy is the question as the module asks it.
func (q question) policy() app.Question {
	return app.Question{
		Action: q.Action, Tenant: q.Tenant, Object: q.Object, Principal: q.Principal, Capability: q.Capability, Properties: q.Operation,
		Provider: q.Provider, InputBytes: q.InputBytes, Tags: q.Tags, Constraints: q.Constraints, Parent: q.Parent,
	}
}

// questionOf is the other way round.
func questionOf(q app.Question) question {
	return question{q.Action, q.Tenant, q.Object, q.Principal, q.Capability, q.Properties, q.Provider, q.InputBytes, q.Tags, q.Constraints, q.Parent}
}

func (p *program) policyCommand() *cobra.Command {
	return p.parent("policy", "Who may do what", p.policyStatus(), p.policyTest(), p.policyEval(), p.policyDiff(), p.policyReload())
}

// policyDir is the folder that was named, or the configured one.
func (p *program) policyDir(dir string) (string, error) {
	if dir == "" {
		c, err := p.config()
		if err != nil {
			return "", err
		}
		dir = c.PolicyDir
	}
	if _, err := os.Stat(dir); err != nil {
		return "", crank.E(crank.CodeNotFound, "there is no policy folder %s", dir).Mending("Name one, or let `crank up` write the first.")
	}
	return dir, nil
}

func (p *program) policyStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "The policy that serves", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), asCaller, func(ctx context.Context, node *client.Client) error {
				s, err := node.Policy(ctx)
				if err != nil {
					return err
				}
				if err := p.showPolicy(s); err != nil {
					return err
				}
				if s.Failed != nil {
					return s.Failed
				}
				return nil
			})
		},
	}
}

func (p *program) showPolicy(s client.Policy) error {
	if p.json {
		return p.value(s)
	}
	cached := "yes, by " + strings.Join(s.Reads, ", ")
	if !s.Cacheable {
		cached = "no: " + strings.Join(s.Uncached, "; ")
	}
	mode := "enforced"
	if s.Observe {
		mode = "observed only"
	}
	return p.print([]byte(fmt.Sprintf("policy   %s, %s\nfolder   %s\nfiles    %s\nloaded   %s\ncached   %s\nhits     %d of %d\n",
		s.Digest, mode, s.Dir, strings.Join(s.Files, ", "), day(s.Loaded), cached, s.Hits, s.Hits+s.Misses)))
}

func (p *program) policyTest() *cobra.Command {
	return &cobra.Command{
		Use: "test [DIR]", Short: "Run a policy's own tests; needs no node", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := p.policyDir(append(args, "")[0])
			if err != nil {
				return err
			}
			results, err := app.TestPolicy(cmd.Context(), dir)
			if err != nil {
				return err
			}
			failed, rows := 0, make([][]string, len(results))
			for i, r := range results {
				outcome := "ok"
				switch {
				case r.Skipped:
					outcome = "skipped"
				case !r.Passed:
					outcome = "FAILED"
					failed++
				}
				rows[i] = []string{outcome, r.Name, r.Where, r.Took.Round(10 * time.Microsecond).String(), strings.TrimSpace(r.Why + " " + r.Output)}
			}
			if err := p.table(results, "OUTCOME TEST WHERE TOOK WHY", rows); err != nil {
				return err
			}
			if failed > 0 {
				return crank.E(crank.CodePolicyBundle, "%d of %d tests fail", failed, len(results))
			}
			return nil
		},
	}
}

func (p *program) policyEval() *cobra.Command {
	var dir, file string
	var q question
	var capability string
	c := &cobra.Command{
		Use: "eval", Short: "Ask a policy one question; needs no node", Args: cobra.NoArgs,
		Long: "Ask a policy one question, in flags or as JSON in --question, and print its decision.\nIt exits with 5 where the policy denies. Needs no node.",
		Example: `  crank policy eval --action call --capability document/convert@1 --role caller
  echo '{"action": "admin.key.create", "principal": {"roles": ["caller"]}}' | crank policy eval --question -`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := p.policyDir(dir)
			if err != nil {
				return err
			}
			if capability != "" {
				if q.Capability, err = crank.ParseCapability(capability); err != nil {
					return err
				}
			}
			if file != "" {
				all, err := p.questions(file)
				if err != nil {
					return err
				}
				if len(all) != 1 {
					return usage("--question holds %d questions, not one", len(all))
				}
				q = all[0]
			}
			d, err := app.EvalPolicy(cmd.Context(), dir, q.policy())
			if err != nil {
				return err
			}
			if err := p.value(d); err != nil {
				return err
			}
			if !d.Allow {
				return crank.E(crank.CodeDenied, "the policy denies it: %s", strings.Join(d.Reasons, "; "))
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&dir, "dir", "", "the policy's `folder`; without it the configured one")
	f.StringVar(&file, "question", "", "`file` with the question as JSON; - is standard input")
	f.StringVar(&q.Action, "action", "call", "call, quote, read.NOUN, admin.NOUN.VERB or operate.NOUN")
	f.StringVar(&capability, "capability", "", "of a call, with its major")
	f.StringVar(&q.Tenant, "of", "", "id of the tenant that the act concerns")
	f.StringVar(&q.Object, "object", "", "id of what is read or changed")
	f.StringVar(&q.Principal.Tenant, "tenant", "tenant_example", "id of the caller's tenant")
	f.StringVar(&q.Principal.Team, "team", "", "id of the caller's team")
	f.StringVar(&q.Principal.App, "app", "", "id of the caller's app")
	f.StringVar(&q.Principal.Key, "key", "", "id of the caller's key")
	f.StringVar(&q.Principal.Method, "method", "key", "how the caller was identified: key, jwt or local")
	f.StringSliceVar(&q.Principal.Roles, "role", []string{crank.RoleCaller}, "of the caller")
	f.StringToStringVar(&q.Tags, "tag", nil, "of the call, `name=value`")
	return c
}

// questions reads one question, several, or an array of them.
func (p *program) questions(path string) ([]question, error) {
	from := p.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fileError(err)
		}
		defer f.Close()
		from = f
	}
	var all []question
	dec := json.NewDecoder(from)
	for {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, crank.E(crank.CodeMalformedJSON, "the questions are no JSON: %v", err)
		}
		if len(raw) == 0 || raw[0] != '[' {
			raw = []byte("[" + string(raw) + "]")
		}
		var some []question
		strict := json.NewDecoder(strings.NewReader(string(raw)))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&some); err != nil {
			return nil, crank.E(crank.CodeMalformedJSON, "a question cannot be read: %v", err)
		}
		all = append(all, some...)
	}
}

// usual are questions that every node is asked, for policies to be compared by.
func usual() (all []question) {
	acts := []string{
		"call", "quote", "read.capabilities", "read.receipts", "read.blob", "read.jobs", "read.keys", "read.budgets", "read.balances", "read.policy",
		"admin.key.create", "admin.key.revoke", "admin.budget.set", "admin.secret.set", "admin.unit.create", "operate.tenant.create", "operate.deposit", "operate.policy.reload",
	}
	for _, role := range []string{crank.RoleOperator, crank.RoleAdmin, crank.RoleAuditor, crank.RoleCaller, ""} {
		for _, act := range acts {
			for _, of := range []string{"tenant_own", "tenant_other"} {
				q := question{Action: act, Tenant: of, Principal: crank.Principal{Payer: crank.Payer{Tenant: "tenant_own", Key: "key_example"}, Method: "key"}}
				if role != "" {
					q.Principal.Roles = []string{role}
				}
				if act == "call" || act == "quote" {
					q.Capability = "document/convert@1"
				}
				all = append(all, q)
			}
		}
	}
	return all
}

func (p *program) policyDiff() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "diff BEFORE AFTER", Short: "Which questions two policies answer differently; needs no node", Args: cobra.ExactArgs(2),
		Long: "Which questions two policies answer differently. Without --questions they are asked what\nnodes usually ask: every act by every role. It exits with 1 where there is a difference.",
		RunE: func(cmd *cobra.Command, args []string) error {
			asked := usual()
			for _, dir := range args {
				if _, err := p.policyDir(dir); err != nil {
					return err
				}
			}
			if file != "" {
				var err error
				if asked, err = p.questions(file); err != nil {
					return err
				}
			}
			posed := make([]app.Question, len(asked))
			for i, q := range asked {
				posed[i] = q.policy()
			}
			changes, err := app.DiffPolicy(cmd.Context(), args[0], args[1], posed)
			if err != nil {
				return err
			}
			return p.showChanges(len(asked), changes)
		},
	}
	c.Flags().StringVar(&file, "questions", "", "`file` with questions as JSON; - is standard input")
	return c
}

func (p *program) showChanges(asked int, changes []app.PolicyChange) error {
	type change struct {
		Question question       `json:"question"`
		Before   crank.Decision `json:"before"`
		After    crank.Decision `json:"after"`
	}
	all, rows := make([]change, len(changes)), make([][]string, len(changes))
	verdict := func(d crank.Decision, err error) string {
		switch {
		case err != nil:
			return "fails: " + err.Error()
		case d.Allow:
			return "allow"
		}
		return "deny: " + strings.Join(d.Reasons, "; ")
	}
	for i, c := range changes {
		q := questionOf(c.Question)
		all[i] = change{q, c.Before, c.After}
		rows[i] = []string{q.Action, strings.Join(q.Principal.Roles, ","), q.Tenant, string(q.Capability), verdict(c.Before, c.BeforeErr), verdict(c.After, c.AfterErr)}
	}
	if len(changes) > 0 || p.json {
		if err := p.table(all, "ACT ROLES TENANT CAPABILITY BEFORE AFTER", rows); err != nil {
			return err
		}
	}
	p.note("%d of %s questions are answered differently", len(changes), strconv.Itoa(asked))
	if len(changes) > 0 {
		return said{1}
	}
	return nil
}

func (p *program) policyReload() *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: "Have the node read its policy's folder again; needs the operator's key", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), asOperator, func(ctx context.Context, node *client.Client) error {
				s, err := node.ReloadPolicy(ctx)
				if err != nil {
					return err
				}
				return p.showPolicy(s)
			})
		},
	}
}
