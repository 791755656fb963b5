package rest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/status"
)

// openAPI answers the interface's description: the table of routes and, to those
// who show a key, a path for each capability that can be called now.
func (d *door) openAPI(r *request) error {
	doc := Describe(d.Version)
	if r.Header.Get("Authorization") == "" {
		return r.json(http.StatusOK, doc)
	}
	if err := d.identify(Route{}, r); err != nil {
		return err
	}
	paths := doc["paths"].(map[string]any)
	for _, op := range d.Catalogue.Snapshot().Capabilities() {
		paths["/v1/call/"+op.Capability.Name()+"@"+strings.Split(string(op.Capability), "@")[1]] = capabilityPath(op)
	}
	return r.json(http.StatusOK, doc)
}

// Describe returns the OpenAPI 3.1 document of the fixed routes.
func Describe(version string) map[string]any {
	paths := map[string]any{}
	for _, route := range Routes() {
		item, ok := paths[route.Path].(map[string]any)
		if !ok {
			item = map[string]any{}
			paths[route.Path] = item
		}
		op := map[string]any{
			"summary": route.Summary, "operationId": operationID(route),
			"responses": map[string]any{
				"2XX":     map[string]any{"description": "Done."},
				"default": map[string]any{"$ref": "#/components/responses/Problem"},
			},
		}
		if route.Public {
			op["security"] = []any{}
		}
		if ps := parameters(route.Path); len(ps) > 0 {
			op["parameters"] = ps
		}
		item[strings.ToLower(route.Method)] = op
	}
	return map[string]any{
		"openapi":           "3.1.0",
		"jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
		"info":              map[string]any{"title": "Crank", "version": version, "license": map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"}},
		"servers":           []any{map[string]any{"url": "/"}},
		"security":          []any{map[string]any{"key": []string{}}},
		"paths":             paths,
		"components": map[string]any{
			"securitySchemes": map[string]any{"key": map[string]any{"type": "http", "scheme": "bearer", "description": "An API key, or a token of a trusted issuer."}},
			"schemas":         map[string]any{"Problem": problemSchema()},
			"responses": map[string]any{"Problem": map[string]any{
				"description": "What went wrong, why, and the mend (RFC 9457).",
				"content":     map[string]any{"application/problem+json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/Problem"}}},
			}},
		},
	}
}

func operationID(r Route) string {
	words := strings.FieldsFunc(strings.ToLower(r.Method)+" "+r.Path, func(c rune) bool { return strings.ContainsRune(" /{}.-", c) })
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "v1" }), "_")
}

func parameters(path string) (all []any) {
	for part := range strings.SplitSeq(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			all = append(all, map[string]any{
				"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": map[string]any{"type": "string"},
			})
		}
	}
	return all
}

func problemSchema() map[string]any {
	codes := make([]string, 0)
	statuses := map[int]bool{}
	for _, c := range crank.Codes() {
		codes = append(codes, string(c))
		statuses[status.Of(crank.E(c, "")).HTTP] = true
	}
	return map[string]any{
		"type": "object", "required": []string{"type", "title", "status", "detail", "code", "kind"},
		"properties": map[string]any{
			"type": map[string]any{"type": "string"}, "title": map[string]any{"type": "string"}, "detail": map[string]any{"type": "string"},
			"status": map[string]any{"type": "integer", "enum": slices.Sorted(maps.Keys(statuses))},
			"code":   map[string]any{"type": "string", "enum": codes}, "kind": map[string]any{"type": "string"},
			"mend": map[string]any{"type": "string"}, "retryable": map[string]any{"type": "boolean"},
			"retry_after_s": map[string]any{"type": "number"}, "receipt": map[string]any{"type": "string"},
			"faults": map[string]any{"type": "array", "items": map[string]any{"type": "object", "properties": map[string]any{
				"path": map[string]any{"type": "string"}, "reason": map[string]any{"type": "string"},
			}}},
		},
	}
}

// capabilityPath describes the call of one capability, with its own schemas.
func capabilityPath(op crank.Operation) map[string]any {
	content := map[string]any{"application/json": map[string]any{"schema": schemaOf(op.Input)}}
	if op.File.In != "" {
		accept := op.File.Accept
		if len(accept) == 0 {
			accept = []string{"application/octet-stream"}
		}
		for _, media := range accept {
			content[media] = map[string]any{}
		}
		content["multipart/form-data"] = map[string]any{}
	}
	return map[string]any{"post": map[string]any{
		"summary": op.Summary, "description": op.Description, "operationId": strings.NewReplacer("/", "_", "@", "_v", ".", "_", "-", "_").Replace(string(op.Capability)),
		"requestBody": map[string]any{"required": true, "content": content},
		"responses": map[string]any{
			"200": map[string]any{
				"description": "The output; price and receipt are in the headers.",
				"content":     map[string]any{"application/json": map[string]any{"schema": schemaOf(op.Output)}},
				"headers": map[string]any{
					"Crank-Receipt":  map[string]any{"schema": map[string]any{"type": "string"}},
					"Crank-Price":    map[string]any{"schema": map[string]any{"type": "string"}},
					"Crank-Replayed": map[string]any{"schema": map[string]any{"type": "string"}},
				},
			},
			"default": map[string]any{"$ref": "#/components/responses/Problem"},
		},
	}}
}

func schemaOf(s json.RawMessage) any {
	if len(s) == 0 {
		return map[string]any{}
	}
	return s
}
