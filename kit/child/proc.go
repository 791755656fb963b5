package child

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Proc is a child that lives on and answers messages, one at a time. Its methods
// may be called from many goroutines; exchanges take turns.
//
// Whatever breaks the conversation (a context that ends, a limit, a message that
// is none) ends the child, for nobody could say any more which answer belongs to
// which question. A Proc that is not [Proc.Alive] is to be closed and replaced.
type Proc struct {
	r    *running
	out  *bufio.Reader
	turn sync.Mutex // one exchange at a time
	uses atomic.Int64
	once sync.Once
}

// Start starts the program of s as a Proc. The context bounds only the start;
// s.Timeout and s.Limits.CPU bound each exchange. The caller must Close it.
func Start(ctx context.Context, s Spec) (*Proc, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	r, err := launch(s.withDefaults(), false)
	if err != nil {
		return nil, err
	}
	return &Proc{r: r, out: bufio.NewReader(r.stdout)}, nil
}

// Exchange sends one message and waits for one in return. The usage is this
// exchange's processor time and the child's memory; it is given with an error,
// too, as far as it is known.
//
// Errors: ErrTooBig or ErrProtocol for a message that may not be sent (the child
// lives on); *StoppedError and *ExitError as Run and Result.Err give them, and
// ErrProtocol for a child that ends or breaks the framing (it is ended).
func (p *Proc) Exchange(ctx context.Context, msg []byte) ([]byte, Usage, error) {
	p.turn.Lock()
	defer p.turn.Unlock()
	line, err := p.encode(msg)
	if err != nil {
		return nil, Usage{}, err
	}
	if ctx.Err() != nil {
		return nil, Usage{}, context.Cause(ctx)
	}
	before := p.r.tree.cpu()
	p.uses.Add(1)
	p.r.beginAt(p.r.spec.Timeout, before)
	defer p.r.rest()
	defer p.bind(ctx)()
	if p.unasked() {
		p.r.stop(ByProtocol, fmt.Errorf("%w: it spoke without being asked", ErrProtocol))
		return nil, p.since(before), p.fate(nil)
	}
	sent := make(chan error, 1)
	if len(line) <= 4<<10 {
		_, err := p.r.stdin.Write(line) // fits the pipe: no need for a goroutine
		sent <- err
	} else {
		go func() {
			_, err := p.r.stdin.Write(line)
			sent <- err
		}()
	}
	reply, err := p.read()
	if err == nil {
		err = <-sent
	}
	if err != nil {
		err = p.fate(err)
		return nil, p.since(before), err
	}
	return reply, p.since(before), nil
}

// Send sends one message. It blocks while the child does not read.
func (p *Proc) Send(ctx context.Context, msg []byte) error {
	line, err := p.encode(msg)
	if err != nil {
		return err
	}
	defer p.bind(ctx)()
	p.uses.Add(1)
	if _, err := p.r.stdin.Write(line); err != nil {
		return p.fate(err)
	}
	return nil
}

// Recv waits for one message, as one of several a Send may be answered with.
// Only one goroutine may receive at a time.
func (p *Proc) Recv(ctx context.Context) ([]byte, error) {
	defer p.bind(ctx)()
	msg, err := p.read()
	if err != nil {
		return nil, p.fate(err)
	}
	return msg, nil
}

// bind ends the child when ctx ends before the returned function is called.
func (p *Proc) bind(ctx context.Context) (release func() bool) {
	return context.AfterFunc(ctx, func() { p.r.stop(ByContext, context.Cause(ctx)) })
}

// encode is msg as it goes over the pipe.
func (p *Proc) encode(msg []byte) ([]byte, error) {
	if most := p.r.spec.MaxFrame; len(msg) > most {
		return nil, fmt.Errorf("%w: %d bytes to send, limit %d", ErrTooBig, len(msg), most)
	}
	var buf bytes.Buffer
	var err error
	if p.r.spec.Framing == Lines {
		err = WriteLine(&buf, msg)
	} else {
		err = WriteFrame(&buf, msg)
	}
	return buf.Bytes(), err
}

func (p *Proc) read() ([]byte, error) {
	if p.r.spec.Framing == Lines {
		return ReadLine(p.out, p.r.spec.MaxFrame)
	}
	return ReadFrame(p.out, p.r.spec.MaxFrame)
}

// unasked is whether output is waiting that no message asked for: an answer to
// an earlier one must never pass for the answer to the next.
func (p *Proc) unasked() bool { return p.out.Buffered() > 0 || waiting(p.r.stdout) > 0 }

// fate is why the conversation is over: it ends the child if need be, and says
// how it ended.
func (p *Proc) fate(err error) error {
	if errors.Is(err, ErrProtocol) || errors.Is(err, ErrTooBig) {
		p.r.stop(ByProtocol, err)
	}
	select {
	case <-p.r.done:
	case <-time.After(lingering): // it closed its end but lives on
		p.r.stop(ByProtocol, fmt.Errorf("%w: it closed its stdin or stdout", ErrProtocol))
		<-p.r.done
	}
	stderr := string(p.r.stderr.bytes())
	if why, cause := p.r.stopped(); why != "" {
		return &StoppedError{Name: p.r.spec.Path, Reason: why, Cause: cause, Limit: p.r.spec.limitOf(why), Stderr: stderr}
	}
	if p.r.end.lost != nil {
		return p.r.end.lost
	}
	exit := &ExitError{Name: p.r.spec.Path, Code: p.r.end.code, Signal: p.r.end.signal, Stderr: stderr}
	if err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: it ended within a message: %w", ErrProtocol, exit)
	}
	return fmt.Errorf("%w: it ended before it answered: %w", ErrProtocol, exit)
}

// since is what the child has used since its processor time was before.
func (p *Proc) since(before time.Duration) Usage {
	u := p.Usage()
	u.CPU = max(0, u.CPU-before)
	return u
}

// Usage is what the child has used since its start.
func (p *Proc) Usage() Usage {
	u, ok := p.r.tree.measure()
	if ok {
		p.r.see(u)
	} else if !p.Alive() {
		u = Usage{CPU: p.r.end.cpu, MaxRSS: p.r.end.maxRSS}
	}
	u.MaxRSS = max(u.MaxRSS, p.r.peak.Load())
	return u
}

// Uses is how many messages it was sent.
func (p *Proc) Uses() int { return int(p.uses.Load()) }

// Alive is whether it runs and nothing has asked it to end.
func (p *Proc) Alive() bool {
	select {
	case <-p.r.done:
		return false
	default:
	}
	why, _ := p.r.stopped()
	return why == ""
}

// Done is closed when the child and all it started have ended.
func (p *Proc) Done() <-chan struct{} { return p.r.done }

// Stderr is the last bytes it wrote to stderr.
func (p *Proc) Stderr() []byte { return p.r.stderr.bytes() }

// Close ends the child, politely for as long as Spec.Grace, and waits for it. It
// may be called at any time and again.
func (p *Proc) Close() {
	p.once.Do(func() {
		p.r.stdin.Close() // most programs end at the end of their input
		p.r.stop(ByOwner, ErrClosed)
		p.r.close()
	})
}
