package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/status"
	"github.com/crank-platform/crank/app/config"
)

// groups are what the first digit of a code says.
var groups = map[byte]string{
	'1': "The call's own content", '2': "Identity and policy", '3': "Money", '4': "Workers and routing",
	'5': "Records and storage", '6': "Administration", '9': "Crank itself",
}

func errorCodes(string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# Error codes\n\n" + notice +
		"Every error has a code that never changes its meaning, a kind that says what a caller can do, and a mend. " +
		"Over HTTP it is problem details (RFC 9457), `application/problem+json`, with the members `code`, `kind`, `mend`, `retryable` and, where they help, `faults` and `retry_after_s`. " +
		"On the command line it is told on standard error, and the exit code follows from its kind.\n")
	group := byte(0)
	for _, code := range crank.Codes() {
		if digit := code[len("CRK-")]; digit != group {
			group = digit
			title, ok := groups[group]
			if !ok {
				return nil, fmt.Errorf("the codes that begin with %c have no title", group)
			}
			fmt.Fprintf(&b, "\n## %s\n\n| code | what | mend | kind | HTTP | gRPC | JSON-RPC | exit | same call again |\n|---|---|---|---|---|---|---|---|---|\n", title)
		}
		about, s := code.About(), status.Of(crank.E(code, ""))
		again := ""
		if about.Retryable {
			again = "may succeed"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d | %d | %d | %d | %s |\n", code, cell(about.Title), cell(about.Mend), about.Kind, s.HTTP, s.GRPC, s.RPC, s.Exit, again)
	}
	b.WriteString("\n## Kinds\n\n| kind | HTTP | gRPC | JSON-RPC | exit |\n|---|---|---|---|---|\n")
	for _, k := range crank.Kinds() {
		s := status.OfKind(k)
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", k, s.HTTP, s.GRPC, s.RPC, s.Exit)
	}
	b.WriteString("\nA code may have a more exact status than its kind; the tables above say which.\n")
	return b.Bytes(), nil
}

func configKeys(string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("# Configuration\n\n" + notice +
		"A value comes from the first of these that has one: flag, environment, project file (`crank.yaml` in this folder or one above), user file (`crank/crank.yaml` in the user's configuration folder), default. " +
		"`--config FILE` names a file to read instead of the two; if it is missing, that is an error. An unknown key is an error, and all errors are told at once. " +
		"`crank config explain` shows each value and where it came from.\n\n" +
		"A file is YAML, one `key: value` a line. A list is written as a YAML list, or with commas in the environment and in a flag. No key holds a secret.\n\n" +
		"| key | type | default | environment | flag | meaning |\n|---|---|---|---|---|---|\n")
	for _, k := range config.Keys() {
		value := ""
		if k.Default != "" {
			value = "`" + k.Default + "`"
		}
		flag := "`" + k.Flag + "`"
		if k.Name == "version" { // --version is the program's own
			flag = ""
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` | %s | %s |\n", k.Name, k.Type, value, k.Env, flag, cell(k.Doc))
	}
	b.WriteString("\nThe environment also has `CRANK_URL` and `CRANK_KEY`, a node to talk to and the key to do it with, and `CRANK_CONFIG`, the same as `--config`.\n")
	return b.Bytes(), nil
}

// cell makes text fit a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s)
}
