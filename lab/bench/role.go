package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/pprof"
	"time"
)

// setup is what a role is told when it begins.
type setup struct {
	Upstream  string `json:",omitempty"` // address of the HTTP worker
	Dir       string `json:",omitempty"` // data directory
	Isolation string `json:",omitempty"`
	Conns     int    `json:",omitempty"` // most connections at once
}

// hello is what a role says once it serves.
type hello struct {
	Address string
	Key     string `json:",omitempty"`
	Failed  string `json:",omitempty"`
}

// question is what a role is asked; its fields exclude one another.
type question struct {
	Load    *Load  `json:",omitempty"`
	Profile string `json:",omitempty"` // file to begin a CPU profile in
	End     bool   `json:",omitempty"` // of the profile
}

// reply answers a question; to all it adds what the process has used.
type reply struct {
	Usage  Usage
	Loaded *Loaded `json:",omitempty"`
	Failed string  `json:",omitempty"`
}

// role is something that a process of the bench can be.
type role interface {
	hello() hello
	close() error
}

// roles lists them by name.
func roles() map[string]func(context.Context, setup) (role, error) {
	return map[string]func(context.Context, setup) (role, error){
		"load": func(context.Context, setup) (role, error) { return &loader{generator{map[string][]*wire{}}}, nil },
		"upstream": func(ctx context.Context, _ setup) (role, error) {
			return serve(ctx, upstream{})
		},
		"proxy": func(ctx context.Context, s setup) (role, error) {
			return serve(ctx, newProxy(s.Upstream, s.Conns))
		},
		"node": func(ctx context.Context, s setup) (role, error) { return startNode(ctx, s) },
	}
}

// Serve makes this process one of the roles: it reads its setup and then
// questions, one JSON value each, until in ends.
func Serve(ctx context.Context, name string, in io.Reader, out io.Writer) error {
	begin := roles()[name]
	if begin == nil {
		return fmt.Errorf("there is no role %q", name)
	}
	questions, replies := json.NewDecoder(in), json.NewEncoder(out)
	var s setup
	if err := questions.Decode(&s); err != nil {
		return err
	}
	r, err := begin(ctx, s)
	if err != nil {
		return errors.Join(err, replies.Encode(hello{Failed: err.Error()}))
	}
	if err := replies.Encode(r.hello()); err != nil {
		return errors.Join(err, r.close())
	}
	for {
		var q question
		err := questions.Decode(&q)
		if err == io.EOF {
			return r.close()
		}
		if err != nil {
			return errors.Join(err, r.close())
		}
		if err := replies.Encode(answer(ctx, r, q)); err != nil {
			return errors.Join(err, r.close())
		}
	}
}

func answer(ctx context.Context, r role, q question) (a reply) {
	var err error
	switch {
	case q.Load != nil:
		l, ok := r.(*loader)
		if !ok {
			return reply{Failed: "this role makes no load"}
		}
		var done Loaded
		done, err = l.run(ctx, *q.Load)
		a.Loaded = &done
	case q.Profile != "":
		var f *os.File
		if f, err = os.Create(q.Profile); err == nil {
			err = pprof.StartCPUProfile(f)
		}
	case q.End:
		pprof.StopCPUProfile()
	}
	if err == nil {
		a.Usage, err = ownUsage()
	}
	if err != nil {
		a.Failed = err.Error()
	}
	return a
}

// loader is the role of the generator.
type loader struct{ generator }

func (*loader) hello() hello { return hello{} }

// server is a role that answers HTTP on loopback.
type server struct {
	http.Server
	l    net.Listener
	done chan error
}

func serve(ctx context.Context, h http.Handler) (role, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{Server: http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}, l: l, done: make(chan error, 1)}
	go func() { s.done <- s.Serve(l) }()
	return s, nil
}

func (s *server) hello() hello { return hello{Address: s.l.Addr().String()} }

func (s *server) close() error {
	err := s.Close()
	if ended := <-s.done; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
