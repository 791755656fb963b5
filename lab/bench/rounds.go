package bench

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// start brings up what is measured, each in its own process.
func (b *bench) start(ctx context.Context) (err error) {
	conns := slices.Max(b.Conns)
	role := func(name string, s setup) (*process, error) {
		p, err := startProcess(ctx, name, s)
		if err == nil {
			b.started = append(b.started, p)
		}
		return p, err
	}
	if b.load, err = role("load", setup{}); err != nil {
		return err
	}
	if b.up, err = role("upstream", setup{}); err != nil {
		return err
	}
	echo := echoBody()
	if b.wants(Direct) {
		b.add(target{name: Direct, address: b.up.Address, request: post(b.up.Address, "/", "", echo), body: len(echo), upstream: true})
	}
	if b.wants(Proxy) {
		p, err := role("proxy", setup{Upstream: b.up.Address, Conns: conns})
		if err != nil {
			return err
		}
		b.add(target{name: Proxy, address: p.Address, request: post(p.Address, "/", "", echo), body: len(echo), costs: p, upstream: true})
	}
	if b.wants(Nginx) {
		if err := b.startNginx(ctx, conns, echo); err != nil {
			return err
		}
	}
	if err := b.startNodes(role, echo); err != nil {
		return err
	}
	slices.SortStableFunc(b.targets, func(x, y target) int {
		return slices.Index(AllTargets, x.name) - slices.Index(AllTargets, y.name)
	})
	if len(b.targets) < 2 {
		return errors.New("there is nothing to compare")
	}
	return nil
}

// startNodes brings up a node for each isolation that something needs.
func (b *bench) startNodes(role func(string, setup) (*process, error), echo []byte) error {
	thread := threadBody()
	for _, isolation := range []string{"inproc", "process"} {
		here := []target{{name: MailProcess, request: thread}}
		paths := map[string]string{Inproc: givePath, HTTP: echoPath, MailInproc: threadPath, MailProcess: threadPath}
		if isolation == "inproc" {
			here = []target{{name: Inproc, request: echo, body: len(echo)}, {name: HTTP, request: echo, body: len(echo), upstream: true}, {name: MailInproc, request: thread}}
		}
		here = slices.DeleteFunc(here, func(t target) bool { return !b.wants(t.name) })
		if len(here) == 0 {
			continue
		}
		fmt.Fprintf(b.Out, "a node, isolation %s\n", isolation)
		n, err := role("node", setup{Dir: filepath.Join(b.dir, isolation), Isolation: isolation, Upstream: b.up.Address})
		if err != nil {
			return err
		}
		for _, t := range here {
			t.address, t.costs, t.request = n.Address, n, post(n.Address, paths[t.name], n.Key, t.request)
			b.add(t)
		}
	}
	return nil
}

func (b *bench) add(t target) { b.targets = append(b.targets, t) }

func (b *bench) startNginx(ctx context.Context, conns int, echo []byte) error {
	program, err := exec.LookPath("nginx")
	if err != nil {
		b.report.note("nginx is not on the PATH: it was left out")
		return nil
	}
	n, err := startNginx(ctx, program, b.dir, b.up.Address, conns)
	if err != nil {
		return err
	}
	b.started = append(b.started, n)
	b.add(target{name: Nginx, address: n.address, request: post(n.address, "/", "", echo), body: len(echo), costs: n, upstream: true})
	return nil
}

// measured is one slot of one target.
type measured struct {
	Loaded
	own, upstream, load Usage
	due                 float64 // requests a second; 0 in a closed loop
}

func (m measured) rate() float64 { return float64(m.Requests) / m.Took.Seconds() }

// slotOf puts a load on one target and reads what every process used meanwhile.
func (b *bench) slotOf(ctx context.Context, t target, l Load) (m measured, err error) {
	l.Address, l.Request, l.Body = t.address, t.request, t.body
	read := func() (own, up Usage, err error) {
		if t.costs != nil {
			if own, err = t.costs.usage(); err != nil {
				return own, up, err
			}
		}
		if t.upstream {
			up, err = b.up.usage()
		}
		return own, up, err
	}
	generator, err := b.load.usage()
	if err != nil {
		return m, err
	}
	own, up, err := read()
	if err != nil {
		return m, err
	}
	r, err := b.load.question(question{Load: &l})
	if err != nil {
		return m, err
	}
	m.Loaded, m.due = *r.Loaded, l.Rate
	m.load = r.Usage.minus(generator)
	ownAfter, upAfter, err := read()
	if err != nil {
		return m, err
	}
	m.own, m.upstream = ownAfter.minus(own), upAfter.minus(up)
	if m.Requests == 0 || m.Failed > 0 {
		return m, fmt.Errorf("%s: %d answers and %d failures: %s", t.name, m.Requests, m.Failed, m.Why)
	}
	return m, ctx.Err()
}

// closedLoop visits the targets in turn, again and again, so that whatever else
// the machine does meanwhile meets them all alike.
func (b *bench) closedLoop(ctx context.Context, slot time.Duration) error {
	all := map[string]map[int][]measured{}
	for round := range b.Rounds + 1 {
		for _, conns := range b.Conns {
			for _, t := range b.targets {
				m, err := b.slotOf(ctx, t, Load{Conns: conns, Time: slot})
				if err != nil {
					return err
				}
				if round == 0 {
					continue // warm-up
				}
				if all[t.name] == nil {
					all[t.name] = map[int][]measured{}
				}
				all[t.name][conns] = append(all[t.name][conns], m)
			}
		}
		if round > 0 {
			fmt.Fprintf(b.Out, "round %d of %d, load average %s\n", round, b.Rounds, loadAverage())
		} else {
			fmt.Fprintln(b.Out, "warm")
		}
	}
	for _, conns := range b.Conns {
		for _, t := range b.targets {
			b.report.Closed = append(b.report.Closed, summarise(t.name, conns, all[t.name][conns], all[Proxy][conns], all[Nginx][conns]))
		}
	}
	return nil
}

// openLoop measures waiting at 70 % of what each target can do, beside the same
// rate on the direct way.
func (b *bench) openLoop(ctx context.Context, slot time.Duration) error {
	conns := slices.Max(b.Conns)
	direct := slices.IndexFunc(b.targets, func(t target) bool { return t.name == Direct })
	if direct < 0 {
		b.report.note("without the direct way there is nothing to add waiting to: the open loop was left out")
		return nil
	}
	all := make([][2][]measured, len(b.targets))
	for range b.openRounds() {
		for i, t := range b.targets {
			if i == direct {
				continue
			}
			rate := 0.7 * b.report.saturation(t.name, conns)
			for k, of := range []target{b.targets[direct], t} {
				m, err := b.slotOf(ctx, of, Load{Conns: conns, Time: slot, Rate: rate})
				if err != nil {
					return err
				}
				all[i][k] = append(all[i][k], m)
			}
		}
	}
	for i, t := range b.targets {
		if i != direct {
			b.report.Open = append(b.report.Open, compare(t.name, conns, all[i][0], all[i][1]))
		}
	}
	fmt.Fprintf(b.Out, "open loop done, load average %s\n", loadAverage())
	return nil
}

// profile takes a CPU profile of a node while it is called over every connection.
func (b *bench) profile(ctx context.Context, file string) error {
	i := slices.IndexFunc(b.targets, func(t target) bool { return t.name == b.ProfileOf })
	if i < 0 {
		return fmt.Errorf("%q is not measured, so there is no profile of it", b.ProfileOf)
	}
	n, ok := b.targets[i].costs.(*process)
	if !ok {
		return errors.New("a profile is of a node")
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	if _, err := n.question(question{Profile: path}); err != nil {
		return err
	}
	_, err = b.slotOf(ctx, b.targets[i], Load{Conns: slices.Max(b.Conns), Time: 10 * time.Second})
	_, ending := n.question(question{End: true})
	fmt.Fprintf(b.Out, "CPU profile in %s: go tool pprof -top %s\n", path, path)
	return errors.Join(err, ending)
}
