// Package config reads Crank's configuration: flag over environment over
// project file over user file over default.
//
// It owns the list of keys, where each value came from and that every fault is
// told at once. It does not own what a value does: package app reads it.
package config

import (
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Config is the whole configuration. Each field names its key, its default and
// what it means; `crank config explain` and the reference are made from that.
type Config struct {
	Version int    `key:"version" default:"1" doc:"Version of this format. Only 1 is known."`
	DataDir string `key:"data_dir" doc:"Folder that holds everything the node keeps. Default: crank in the user's data folder."`

	Listen  string `key:"listen" default:"127.0.0.1:7272" doc:"Address of the REST door, host:port. An address that is not loopback needs tls_cert and tls_key. Empty: only the Unix socket."`
	TLSCert string `key:"tls_cert" doc:"PEM file with the certificate chain of the REST door."`
	TLSKey  string `key:"tls_key" doc:"PEM file with the private key of the REST door, readable by its owner only."`

	LogLevel  string `key:"log_level" default:"info" doc:"debug, info, warn or error."`
	LogFormat string `key:"log_format" default:"text" doc:"text or json."`
	OTLP      string `key:"otlp_endpoint" doc:"URL of an OpenTelemetry collector (OTLP over HTTP) that traces go to. Empty: none."`

	PolicyDir string `key:"policy_dir" doc:"Folder with the Rego bundle. Default: policy in the data folder, begun from the built-in one."`
	Observe   bool   `key:"policy_observe" default:"false" doc:"Log what policy would deny instead of denying it."`
	Issuers   string `key:"jwt_issuers" doc:"YAML file with the token issuers that are trusted. Empty: API keys only."`

	Workers   []string `key:"workers" doc:"Folders with a worker.yaml, each a worker to serve."`
	Isolation string   `key:"isolation" default:"process" doc:"How built-in workers run: process (a sandboxed child) or inproc (usage is estimated)."`
	Pool      int      `key:"pool" default:"0" doc:"Children kept for each worker. 0: one a processor."`
	Zone      string   `key:"zone" default:"local" doc:"Where this node is, such as eu-west-1. Residency constraints match its beginning."`
	Provider  string   `key:"provider" default:"local" doc:"Who is paid for the workers of this node."`

	MaxBody   int64 `key:"max_body" default:"2147483648" doc:"Largest request body, in bytes."`
	PerTenant int   `key:"per_tenant" default:"1024" doc:"Calls of one tenant at once."`

	RetentionDays int    `key:"retention_days" default:"0" doc:"Days after which journal records are archived and pruned. 0: never."`
	AnchorDir     string `key:"anchor_dir" doc:"Folder outside the data folder that each checkpoint is copied to, so that a rolled-back data folder is found out."`

	LedgerURL    string `key:"ledger_url" doc:"URL of a ledger in another process. Empty: in this one."`
	DiscoveryURL string `key:"discovery_url" doc:"URL of a discovery in another process. Empty: in this one."`
	WireToken    string `key:"wire_token_file" doc:"File with the token that the modules in other processes ask for."`

	ShutdownGrace time.Duration `key:"shutdown_grace" default:"10s" doc:"How long calls under way may take to end when the node stops."`
}

// DefaultDataDir is where the node keeps everything unless told otherwise:
// $XDG_DATA_HOME/crank, ~/.local/share/crank, ~/Library/Application Support/crank
// or %LocalAppData%\crank.
func DefaultDataDir() string {
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "crank")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ".crank"
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(home, "Library", "Application Support", "crank")
	case "windows":
		if d := os.Getenv("LocalAppData"); d != "" {
			return filepath.Join(d, "crank")
		}
	}
	return filepath.Join(home, ".local", "share", "crank")
}
