package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// process is a role that runs by itself, as its parent sees it.
type process struct {
	hello
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	ask  *json.Encoder
	told *json.Decoder
}

// start runs this program again, as a role. It ends when its input does, so it
// never outlives its parent.
func startProcess(ctx context.Context, name string, s setup) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{name: name, cmd: exec.CommandContext(ctx, self, "role", name)}
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.ask, p.told = json.NewEncoder(p.in), json.NewDecoder(out)
	err = p.ask.Encode(s)
	if err == nil {
		err = p.told.Decode(&p.hello)
	}
	if err == nil && p.Failed != "" {
		err = errors.New(p.Failed)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the %s does not start: %w", name, err), p.end())
	}
	return p, nil
}

func (p *process) question(q question) (reply, error) {
	var r reply
	err := p.ask.Encode(q)
	if err == nil {
		err = p.told.Decode(&r)
	}
	if err == nil && r.Failed != "" {
		err = errors.New(r.Failed)
	}
	if err != nil {
		return r, fmt.Errorf("the %s: %w", p.name, err)
	}
	return r, nil
}

func (p *process) usage() (Usage, error) {
	r, err := p.question(question{})
	return r.Usage, err
}

// end lets the process end by itself, and makes it after a while.
func (p *process) end() error {
	closing := p.in.Close()
	late := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	return errors.Join(closing, p.cmd.Wait())
}
