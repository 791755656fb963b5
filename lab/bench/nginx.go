package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// nginx is a reverse proxy to the same worker, where the machine has one.
type nginx struct {
	cmd     *exec.Cmd
	address string
}

// The access log is off, as Crank's receipts have no counterpart here to compare
// with; keepalive is as large as the load.
const nginxConf = `daemon off;
pid %[1]s/nginx.pid;
error_log stderr error;
worker_processes %[2]d;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  keepalive_requests 100000000;
  upstream worker { server %[3]s; keepalive %[4]d; keepalive_requests 100000000; }
  server {
    listen %[5]s;
    location / {
      proxy_pass http://worker;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`

func startNginx(ctx context.Context, program, dir, worker string, conns int) (*nginx, error) {
	dir = filepath.Join(dir, "nginx")
	if err := os.MkdirAll(filepath.Join(dir, "logs"), 0o700); err != nil {
		return nil, err
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0") // a port that is free
	if err != nil {
		return nil, err
	}
	n := &nginx{address: l.Addr().String()}
	if err := l.Close(); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(nginxConf, dir, runtime.GOMAXPROCS(0), worker, 4*conns, n.address)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		// Workers of an nginx that root started are another user: let them in.
		text = "user root;\n" + text
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	n.cmd = exec.CommandContext(ctx, program, "-p", dir, "-c", conf)
	n.cmd.Stderr = os.Stderr
	n.cmd.Cancel = func() error { return n.cmd.Process.Signal(os.Interrupt) }
	n.cmd.WaitDelay = 5 * time.Second
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		w, err := dial(ctx, n.address)
		if err == nil {
			return n, w.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, errors.Join(errors.New("nginx does not come up"), n.end())
}

func (n *nginx) usage() (Usage, error) {
	cpu, err := treeCPU(n.cmd.Process.Pid, true)
	return Usage{CPU: cpu}, err
}

func (n *nginx) end() error {
	if err := n.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	err := n.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() <= 0 {
		return nil // by the signal
	}
	return err
}
