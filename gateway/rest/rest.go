// Package rest is the HTTP door: calls, jobs, blobs, receipts, usage and the
// administration of tenants, as JSON over HTTP with problem details (RFC 9457).
//
// It owns how requests are read and answers written. It decides nothing: each
// handler decodes, calls one service and encodes. openapi.json describes every
// route; a test holds the two together.
package rest

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/platform/auth"
	"github.com/crank-platform/crank/platform/discovery"
	"github.com/crank-platform/crank/platform/dispatch"
	"github.com/crank-platform/crank/platform/jobs"
	"github.com/crank-platform/crank/platform/ledger"
	"github.com/crank-platform/crank/platform/receipts"
	"github.com/crank-platform/crank/platform/secrets"
	"github.com/crank-platform/crank/platform/tenancy"
)

// What the door asks of the house.
type (
	// Identity says who a caller is.
	Identity interface {
		Identify(ctx context.Context, c auth.Credential) (crank.Principal, error)
	}
	// Catalogue is what can be called.
	Catalogue interface{ Snapshot() *discovery.Snapshot }
	// Books reads receipts and sums.
	Books interface {
		Receipts(ctx context.Context, p crank.Principal, q receipts.Query) ([]crank.Receipt, string, error)
		Receipt(ctx context.Context, p crank.Principal, id string) (crank.Receipt, error)
		// Bundle is the receipt with all that proves it offline.
		Bundle(ctx context.Context, p crank.Principal, id string) ([]byte, error)
		Usage(ctx context.Context, p crank.Principal, q receipts.UsageQuery) ([]receipts.UsageRow, error)
		Checkpoint(ctx context.Context) ([]byte, error)
	}
	// Files keeps and gives blobs.
	Files interface {
		crank.BlobStore
	}
	// Office does administrative acts.
	Office interface {
		Permit(ctx context.Context, p crank.Principal, act, tenant, object string) (string, error)
		CreateKey(ctx context.Context, p crank.Principal, spec auth.KeySpec) (auth.Key, string, error)
		Keys(ctx context.Context, p crank.Principal, tenant string) ([]auth.Key, error)
		RotateKey(ctx context.Context, p crank.Principal, tenant, id string, overlap time.Duration) (auth.Key, string, error)
		RevokeKey(ctx context.Context, p crank.Principal, tenant, id string) (auth.Key, error)
		Tenants(ctx context.Context, p crank.Principal) ([]tenancy.Unit, error)
		CreateTenant(ctx context.Context, p crank.Principal, name string, s tenancy.Settings) (tenancy.Unit, error)
		Configure(ctx context.Context, p crank.Principal, tenant string, s tenancy.Settings) (tenancy.Unit, error)
		Units(ctx context.Context, p crank.Principal, tenant string) ([]tenancy.Unit, error)
		CreateUnit(ctx context.Context, p crank.Principal, tenant, team, name string) (tenancy.Unit, error)
		ArchiveUnit(ctx context.Context, p crank.Principal, tenant, id string) (tenancy.Unit, error)
		Budgets(ctx context.Context, p crank.Principal, tenant string) ([]ledger.BudgetState, error)
		SetBudget(ctx context.Context, p crank.Principal, b crank.Budget) (crank.Budget, error)
		Deposit(ctx context.Context, p crank.Principal, tenant string, m crank.Money, why string) (crank.Transfer, error)
		Balances(ctx context.Context, p crank.Principal, tenant string) ([]ledger.Balance, error)
		SetSecret(ctx context.Context, p crank.Principal, tenant, name string, value []byte) (secrets.Meta, error)
		SecretNames(ctx context.Context, p crank.Principal, tenant string) ([]secrets.Meta, error)
		DeleteSecret(ctx context.Context, p crank.Principal, tenant, name string) error
		PolicyStatus(ctx context.Context, p crank.Principal) (any, error)
		ReloadPolicy(ctx context.Context, p crank.Principal) (any, error)
	}
)

// Config is what the door is made of.
type Config struct {
	Identity  Identity
	Calls     dispatch.Service
	Jobs      jobs.Service
	Catalogue Catalogue
	Books     Books
	Files     Files
	Office    Office
	Ready     func(context.Context) error // nil when calls can be served
	Metrics   http.Handler
	// OpenMetrics shows /metrics without a key: for a door that only this machine
	// reaches. Otherwise it needs a key that may "operate.metrics".
	OpenMetrics bool
	Observe     func(route string, status int, took time.Duration) // each request that was answered; nil: nobody listens
	MaxBody     int64                                              // bytes; 0 means 2 GiB
	Version     string
	Log         *slog.Logger // default slog.Default()
}

type door struct {
	Config
}

// New returns the door as a handler.
func New(c Config) http.Handler {
	if c.MaxBody == 0 {
		c.MaxBody = 2 << 30
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	d := &door{c}
	mux := http.NewServeMux()
	for _, r := range d.routes() {
		mux.Handle(r.Method+" "+r.Path, d.wrap(r))
	}
	mux.Handle("GET /metrics", d.wrap(Route{Method: "GET", Path: "/metrics", Public: c.OpenMetrics, serve: (*door).metrics}))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if allowed := methods(d.routes(), r.URL.Path); allowed != "" {
			w.Header().Set("Allow", allowed)
			problem(w, crank.E(crank.CodeUsage, "%s is not answered here, only %s", r.Method, allowed), http.StatusMethodNotAllowed)
			return
		}
		problem(w, crank.E(crank.CodeNotFound, "there is no %.200q here", r.URL.Path).Mending("See /v1/openapi.json."), 0)
	})
	return d.guard(mux)
}

// Route is one line of the table that the mux, the OpenAPI document and the
// tests are made from.
type Route struct {
	Method, Path string
	Summary      string
	Public       bool // needs no key
	serve        func(*door, *request) error
}

// Routes lists the door's routes.
func Routes() []Route { return (&door{}).routes() }

func (d *door) routes() []Route {
	return []Route{
		{"GET", "/health/live", "The process runs.", true, (*door).live},
		{"GET", "/health/ready", "Calls can be served.", true, (*door).ready},
		{"GET", "/v1/openapi.json", "This interface, as OpenAPI 3.1.", true, (*door).openAPI},

		{"POST", "/v1/call/{family}/{verb}", "Call a capability.", false, (*door).call},
		{"POST", "/v1/process", "Call a capability, in the universal form.", false, (*door).process},
		{"POST", "/v1/quotes", "What a call would cost at most.", false, (*door).quote},
		{"POST", "/v1/route/explain", "Every candidate for a call and why it lost.", false, (*door).explain},
		{"GET", "/v1/capabilities", "What can be called.", false, (*door).capabilities},
		{"GET", "/v1/capabilities/{family}/{verb}", "One capability's contract and offers.", false, (*door).capability},

		{"POST", "/v1/jobs", "Submit a call to run later.", false, (*door).submitJob},
		{"GET", "/v1/jobs", "List jobs.", false, (*door).listJobs},
		{"GET", "/v1/jobs/{id}", "A job's state and outcome.", false, (*door).getJob},
		{"GET", "/v1/jobs/{id}/events", "A job's events, as server-sent events.", false, (*door).jobEvents},
		{"DELETE", "/v1/jobs/{id}", "Cancel a job.", false, (*door).cancelJob},

		{"POST", "/v1/blobs", "Upload bytes.", false, (*door).putBlob},
		{"GET", "/v1/blobs/{digest}", "Download bytes.", false, (*door).getBlob},

		{"GET", "/v1/receipts", "List receipts.", false, (*door).listReceipts},
		{"GET", "/v1/receipts/{id}", "One receipt.", false, (*door).getReceipt},
		{"GET", "/v1/receipts/{id}/proof", "A receipt with all that proves it offline.", false, (*door).proveReceipt},
		{"GET", "/v1/log/checkpoint", "The log's newest signed checkpoint.", false, (*door).checkpoint},
		{"GET", "/v1/usage", "Usage and cost, grouped.", false, (*door).usage},

		{"GET", "/v1/whoami", "Who the key belongs to.", false, (*door).whoami},
		{"GET", "/v1/tenants", "List tenants.", false, (*door).listTenants},
		{"POST", "/v1/tenants", "Create a tenant.", false, (*door).createTenant},
		{"PUT", "/v1/tenants/{tenant}/settings", "Change a tenant's settings.", false, (*door).configureTenant},
		{"GET", "/v1/tenants/{tenant}/units", "A tenant's teams and apps.", false, (*door).listUnits},
		{"POST", "/v1/tenants/{tenant}/units", "Create a team or an app.", false, (*door).createUnit},
		{"DELETE", "/v1/tenants/{tenant}/units/{id}", "Archive a tenant, team or app.", false, (*door).archiveUnit},
		{"GET", "/v1/keys", "List API keys.", false, (*door).listKeys},
		{"POST", "/v1/keys", "Create an API key; its secret is shown once.", false, (*door).createKey},
		{"POST", "/v1/keys/{id}/rotate", "Give a key a new secret.", false, (*door).rotateKey},
		{"DELETE", "/v1/keys/{id}", "Revoke a key.", false, (*door).revokeKey},
		{"GET", "/v1/budgets", "Budgets and where they stand.", false, (*door).listBudgets},
		{"PUT", "/v1/budgets", "Set or remove a budget.", false, (*door).setBudget},
		{"GET", "/v1/balances", "Account balances.", false, (*door).listBalances},
		{"POST", "/v1/deposits", "Book money that was paid in.", false, (*door).deposit},
		{"GET", "/v1/secrets", "Names of secrets.", false, (*door).listSecrets},
		{"PUT", "/v1/secrets/{name}", "Set a secret; the body is its value.", false, (*door).setSecret},
		{"DELETE", "/v1/secrets/{name}", "Forget a secret.", false, (*door).deleteSecret},
		{"GET", "/v1/policies", "The policy that serves.", false, (*door).policyStatus},
		{"POST", "/v1/policies/reload", "Read the policy's folder again.", false, (*door).policyReload},
	}
}

// metrics answers in the Prometheus text format.
func (d *door) metrics(r *request) error {
	if !d.OpenMetrics {
		if _, err := d.Office.Permit(r.Context(), r.principal, "operate.metrics", "", ""); err != nil {
			return err
		}
	}
	d.Metrics.ServeHTTP(r.w, r.Request)
	return nil
}

// request is a request with who makes it.
type request struct {
	*http.Request
	w         http.ResponseWriter
	principal crank.Principal
}

// json writes an answer.
func (r *request) json(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return crank.Wrap(crank.CodeInternal, err, "the answer cannot be written")
	}
	r.w.Header().Set("Content-Type", "application/json")
	r.w.WriteHeader(status)
	_, _ = r.w.Write(append(body, '\n')) // a client that has left is not our failure
	return nil
}

// maxDocument bounds a JSON body of the administration.
const maxDocument = 1 << 20

// read decodes a JSON body strictly.
func (r *request) read(v any) error {
	body, err := io.ReadAll(http.MaxBytesReader(r.w, r.Body, maxDocument))
	if err != nil {
		return tooLarge(err)
	}
	return decode(body, v)
}
