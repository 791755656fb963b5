package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/crank-platform/crank"
	client "github.com/crank-platform/crank/sdk/go"
)

// source is a file to call with: where it is, and where below a folder it was
// found, which its output keeps.
type source struct{ path, below string }

// expand lists the files that were named, those of folders by name; hidden ones
// are passed over. many is whether each is a call of its own among others.
func expand(paths []string) (files []source, many bool, err error) {
	many = len(paths) > 1
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case path == "-":
			files = append(files, source{path: "-"})
			continue
		case err != nil:
			if !many {
				return nil, false, fileError(err)
			}
			files = append(files, source{path: path}) // its own call fails, not the others
			continue
		case !info.IsDir():
			files = append(files, source{path: path})
			continue
		}
		many = true
		err = filepath.WalkDir(path, func(at string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if at != path && strings.HasPrefix(d.Name(), ".") {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if d.Type().IsRegular() {
				below, _ := filepath.Rel(path, filepath.Dir(at)) // at lies below path
				files = append(files, source{at, below})
			}
			return nil
		})
		if err != nil {
			return nil, false, fileError(err)
		}
	}
	if many && len(files) == 0 {
		return nil, false, usage("there is no file in %s", strings.Join(paths, ", "))
	}
	if many && slices.ContainsFunc(files, func(s source) bool { return s.path == "-" }) {
		return nil, false, usage("- goes with one call, not with many")
	}
	return files, many, nil
}

// outcome is how one call of many ended.
type outcome struct {
	source
	answer crank.Answer
	err    error
}

// many calls once for each file, some at once. Results are written in the order
// of the files.
func (x *caller) many(ctx context.Context, node *client.Client, r client.CallRequest, op crank.Operation, input map[string]any, files []source) error {
	if x.out != "" {
		if err := os.MkdirAll(x.out, 0o755); err != nil {
			return fileError(err)
		}
	}
	n := x.parallel
	if n <= 0 {
		n = 2 * runtime.GOMAXPROCS(0)
	}
	began := time.Now()
	bar := x.bar(len(files))
	slots := make([]chan outcome, len(files))
	for i := range slots {
		slots[i] = make(chan outcome, 1)
	}
	gate := make(chan struct{}, n)
	var under sync.WaitGroup
	under.Go(func() {
		for i, s := range files {
			gate <- struct{}{}
			under.Go(func() {
				slots[i] <- x.one(ctx, node, r, op, input, s)
				<-gate
			})
		}
	})
	t := tally{sums: map[crank.Asset]crank.Micros{}}
	names := names{}
	for _, slot := range slots {
		o := <-slot
		if o.err == nil {
			o.err = x.keep(ctx, node, op, o, names)
		}
		t.add(o)
		bar()
		if o.err != nil {
			x.explain(o)
		}
	}
	under.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	x.p.note("%d done, %d failed, %s, %s", t.done, t.failed, t.price(), time.Since(began).Round(10*time.Millisecond))
	if t.failed > 0 {
		return said{1}
	}
	return nil
}

func (x *caller) one(ctx context.Context, node *client.Client, r client.CallRequest, op crank.Operation, input map[string]any, s source) outcome {
	done, err := x.with(&r, op, input, s.path)
	defer done()
	if err != nil {
		return outcome{source: s, err: err}
	}
	a, err := node.Call(ctx, r)
	return outcome{s, a, err}
}

// keep writes one result.
func (x *caller) keep(ctx context.Context, node *client.Client, op crank.Operation, o outcome, taken names) error {
	if x.p.json {
		if err := x.p.value(map[string]any{"file": o.path, "answer": o.answer}); err != nil || x.out == "" {
			return err
		}
	}
	c := contentOf(op, o.answer.Output)
	if x.out == "" {
		if c.media == "application/json" && c.blob.Digest.IsZero() {
			return x.p.raw(c.text)
		}
		return c.write(ctx, node, x.p.out)
	}
	path := taken.free(filepath.Join(x.out, o.below), filepath.Base(o.path), extension(c.media))
	return save(path, func(w io.Writer) error { return c.write(ctx, node, w) })
}

// names are the outputs that were written: two inputs never share one.
type names map[string]bool

func (n names) free(dir, base, ext string) string {
	path := filepath.Join(dir, stem(base)+ext)
	if n[path] {
		path = filepath.Join(dir, base+ext) // a.md and a.docx
	}
	for i := 2; n[path]; i++ {
		path = filepath.Join(dir, fmt.Sprintf("%s.%d%s", base, i, ext))
	}
	n[path] = true
	return path
}

// explain tells why one of many failed.
func (x *caller) explain(o outcome) {
	e := fileError(o.err)
	if x.p.json {
		if err := x.p.value(map[string]any{"file": o.path, "error": e}); err == nil {
			return
		}
	}
	why := e.Message
	for _, f := range e.Faults {
		why += "; " + f.Path + ": " + f.Reason
	}
	x.p.note("%s: %s (%s)", clean(o.path), why, e.Code)
}

// tally counts how many calls ended how, and what they cost.
type tally struct {
	done, failed int
	sums         map[crank.Asset]crank.Micros
}

func (t *tally) add(o outcome) {
	if o.err != nil {
		t.failed++
	} else {
		t.done++
	}
	if m := o.answer.Receipt.Price; m.Asset != "" {
		t.sums[m.Asset] += m.Micros
	}
}

func (t *tally) price() string {
	var all []string
	for _, asset := range slices.Sorted(maps.Keys(t.sums)) {
		all = append(all, crank.Money{Micros: t.sums[asset], Asset: asset}.String())
	}
	if all == nil {
		return "nothing charged"
	}
	return strings.Join(all, " + ")
}

// bar returns what shows that one more is done.
func (x *caller) bar(total int) func() {
	if !terminal(x.p.err) || x.p.json {
		return func() {}
	}
	b := progressbar.NewOptions(total, progressbar.OptionSetWriter(x.p.err), progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true), progressbar.OptionThrottle(50*time.Millisecond))
	return func() {
		if err := b.Add(1); err != nil {
			x.p.note("%v", err)
		}
	}
}
