package exec

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/crank-platform/crank"
	"github.com/crank-platform/crank/api/manifest"
)

// The modes, and the words for what stands on stdin and stdout.
const (
	Oneshot = "oneshot"
	Lines   = "lines"
	JSON    = "json"
	File    = "file"
)

// Runtime is the section "runtime" of worker.yaml: what to start and what it may
// do besides the operations' limits. Empty words mean the first value named.
type Runtime struct {
	// Command is the program and its arguments. A program with a slash, and
	// arguments that name a file of the worker's folder, are taken from there.
	Command   []string
	Mode      string            // Oneshot or Lines
	Stdin     string            // JSON or File; Oneshot only
	Stdout    string            // JSON or File; Oneshot only
	Env       map[string]string // literal values
	Pass      []string          // names whose value is the node's own
	Network   bool
	Read      []string // further paths it may read; relative ones from the worker's folder
	Pool      int      // processes of Lines; 0 means one a processor
	Processes int      // alive at once in one call's tree; 0 means 64
}

func (rt *Runtime) read(v manifest.Value) {
	v.Fields(map[string]func(manifest.Value){
		"command": func(v manifest.Value) {
			if rt.Command = v.Texts(); len(rt.Command) == 0 || rt.Command[0] == "" {
				v.Fault("this must be a program and its arguments, such as [python3, main.py]")
			}
		},
		"mode":   func(v manifest.Value) { rt.Mode = v.OneOf(Oneshot, Lines) },
		"stdin":  func(v manifest.Value) { rt.Stdin = v.OneOf(JSON, File) },
		"stdout": func(v manifest.Value) { rt.Stdout = v.OneOf(JSON, File) },
		"env": func(v manifest.Value) {
			rt.Env = map[string]string{}
			v.Entries(func(name string, v manifest.Value) {
				switch {
				case name == "" || strings.ContainsAny(name, "=\x00") || strings.HasPrefix(name, "CRANK_"):
					v.Fault("%q cannot be set", name)
				case v.IsNull():
					rt.Pass = append(rt.Pass, name)
				default:
					rt.Env[name] = v.Text()
				}
			})
		},
		"network":   func(v manifest.Value) { rt.Network = v.Bool() },
		"read":      func(v manifest.Value) { rt.Read = v.Texts() },
		"pool":      func(v manifest.Value) { rt.Pool = int(v.Int(1)) },
		"processes": func(v manifest.Value) { rt.Processes = int(v.Int(1)) },
	})
	if rt.Mode == Lines && (rt.Stdin == File || rt.Stdout == File) {
		v.Fault("in mode lines stdin and stdout carry the messages; files stand in them as {\"$file\": ...}")
	}
}

// resolve makes every path absolute and finds the program.
func (w *Worker) resolve(dir string) (faults []crank.Fault) {
	rt := &w.runtime
	var err error
	if w.dir, err = filepath.Abs(dir); err == nil {
		w.dir, err = filepath.EvalSymlinks(w.dir)
	}
	if err != nil {
		return []crank.Fault{{Path: "/", Reason: "the worker's folder cannot be found"}}
	}
	if rt.Processes == 0 {
		rt.Processes = 64
	}
	if rt.Pool == 0 {
		rt.Pool = runtime.GOMAXPROCS(0)
	}
	rt.Read = slices.Clone(rt.Read)
	for i, p := range rt.Read {
		if !filepath.IsAbs(p) {
			rt.Read[i] = filepath.Join(w.dir, p)
		}
	}
	if w.path, err = find(w.dir, rt.Command[0]); err != nil {
		faults = append(faults, crank.Fault{Path: "/runtime/command", Reason: err.Error()})
	}
	for _, arg := range rt.Command[1:] {
		if filepath.IsLocal(arg) {
			if st, err := os.Stat(filepath.Join(w.dir, arg)); err == nil && st.Mode().IsRegular() {
				arg = filepath.Join(w.dir, arg)
			}
		}
		w.args = append(w.args, arg)
	}
	return faults
}

// find returns a program's absolute path: from the worker's folder where the
// name has a slash, else from the node's PATH and the usual folders.
func find(dir, name string) (string, error) {
	if strings.ContainsAny(name, `/`+string(filepath.Separator)) {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		found, err := exec.LookPath(path)
		if err != nil {
			return "", errors.New("the program " + name + " is not there or may not be executed; build it, or `chmod +x` it")
		}
		return found, nil
	}
	looked := searchPath()
	for _, d := range looked {
		if found, err := exec.LookPath(filepath.Join(d, name)); err == nil {
			return found, nil
		}
	}
	return "", errors.New("the program " + name + " is not found; install it, or write its path (./" + name + " for one in the worker's folder). Looked in " + strings.Join(looked, ", "))
}

// searchPath is the node's PATH and the usual folders. Folders named shims
// (pyenv, asdf and their like) are passed over: what is in them only looks for
// the real program below the home folder, which the sandbox does not show.
func searchPath() (dirs []string) {
	list := filepath.SplitList(os.Getenv("PATH"))
	if runtime.GOOS != "windows" {
		list = append(list, "/usr/local/bin", "/usr/bin", "/bin")
	}
	for _, d := range list {
		if filepath.IsAbs(d) && filepath.Base(d) != "shims" && !slices.Contains(dirs, d) {
			dirs = append(dirs, d)
		}
	}
	return dirs
}

// environment is the whole environment but for what a call adds.
func (rt *Runtime) environment(dir string) []string {
	env := []string{
		"PATH=" + strings.Join(searchPath(), string(filepath.ListSeparator)),
		"LANG=C.UTF-8", "PYTHONUNBUFFERED=1", "CRANK_WORKER_DIR=" + dir,
	}
	if runtime.GOOS == "windows" {
		env = append(env, "SYSTEMROOT="+os.Getenv("SYSTEMROOT")) // nothing starts without it
	}
	for _, name := range rt.Pass {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rt.Env)) {
		env = append(env, name+"="+rt.Env[name])
	}
	return env
}
