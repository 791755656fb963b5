package child

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// order is a Spec as the supervisor takes it: everything decided, nothing left
// to look up.
type order struct {
	Path   string
	Args   []string // with the program's own name first
	Env    []string
	Dir    string
	Limits Limits
	CPU    bool // Limits.CPU is for the whole life

	Network bool
	Read    []string
	Write   []string

	Landlock int  // ABI to apply; 0 = none
	Seccomp  bool // deny sockets by filter
	Own      bool // the supervisor is the first process of its own pid namespace
	Counted  bool // processes are counted apart from the user's others
	Proc     bool // mount a /proc that shows only this pid namespace
	Probe    bool // say what works here and end
}

func (s Spec) withDefaults() Spec {
	if s.MaxStdout <= 0 {
		s.MaxStdout = DefaultMaxStdout
	}
	if s.MaxStderr <= 0 {
		s.MaxStderr = DefaultMaxStderr
	}
	if s.MaxFrame <= 0 {
		s.MaxFrame = DefaultMaxFrame
	}
	return s
}

// prepare finds the program, makes the folder and lists the paths. The folder it
// makes, if any, is put into remove even when it fails.
func prepare(s *Spec, remove *string) (order, error) {
	o := order{Args: append([]string{s.Path}, s.Args...), Env: s.Env, Limits: s.Limits, Network: s.Network}
	if s.Dir == "" {
		dir, err := os.MkdirTemp("", "child-")
		if err != nil {
			return o, fmt.Errorf("%w: no folder for it: %w", ErrStart, err)
		}
		*remove = dir
		s.Dir = dir
		for _, name := range []string{"HOME", "TMPDIR"} {
			if _, has := lookup(o.Env, name); !has {
				o.Env = append(o.Env[:len(o.Env):len(o.Env)], name+"="+dir)
			}
		}
	}
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return o, fmt.Errorf("%w: %w", ErrStart, err)
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return o, fmt.Errorf("%w: its folder %s is not there or is no folder", ErrStart, dir)
	}
	o.Dir = dir
	if o.Path, err = find(s.Path, dir, o.Env); err != nil {
		return o, err
	}
	o.Read = append(SystemPaths(), InstallPaths(o.Path)...)
	o.Read = append(o.Read, s.ReadPaths...)
	o.Write = append([]string{dir}, s.WritePaths...)
	return o, nil
}

// find resolves a program's name as Spec.Path describes.
func find(name, dir string, env []string) (string, error) {
	if name == "" {
		return "", &NotFoundError{Name: name, Looked: []string{"nowhere"}, Why: "no program is named"}
	}
	if filepath.Base(name) != name {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		if runtime.GOOS == "windows" {
			if p, err := exec.LookPath(path); err == nil {
				path = p
			}
		}
		if err := runnable(path); err != nil {
			return "", &NotFoundError{Name: name, Looked: []string{path}, Why: err.Error()}
		}
		return path, nil
	}
	list, has := lookup(env, "PATH")
	if !has || list == "" {
		list = usualPath
	}
	why := ""
	looked := filepath.SplitList(list)
	for _, d := range looked {
		if !filepath.IsAbs(d) {
			continue // a relative PATH entry would run what the input brought along
		}
		path := filepath.Join(d, name)
		if runtime.GOOS == "windows" {
			p, err := exec.LookPath(path)
			if err != nil {
				continue
			}
			path = p
		}
		err := runnable(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			why = err.Error()
		}
	}
	return "", &NotFoundError{Name: name, Looked: looked, Why: why}
}

// runnable is nil if path is a file with the right to be executed.
func runnable(path string) error {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fs.ErrNotExist
	case err != nil:
		return err
	case st.IsDir():
		return fmt.Errorf("%s is a folder", path)
	case runtime.GOOS != "windows" && st.Mode()&0o111 == 0:
		return fmt.Errorf("%s may not be executed (chmod +x it)", path)
	}
	return nil
}

// lookup is the last value of a name in an environment.
func lookup(env []string, name string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if k, v, _ := strings.Cut(env[i], "="); k == name {
			return v, true
		}
	}
	return "", false
}

// InstallPaths are the paths a program needs to read of its own installation:
// its file, the file a link stands for, and, where that stands outside the
// system's folders in a folder named bin, what is beside it (/x/bin/python3
// gives /x). A home folder, or what holds one, is never given as a whole.
func InstallPaths(program string) []string {
	paths := []string{program}
	if real, err := filepath.EvalSymlinks(program); err == nil && real != program {
		paths = append(paths, real)
	}
	home, _ := os.UserHomeDir()
	for _, p := range paths[:len(paths):len(paths)] {
		prefix, bin := filepath.Split(filepath.Dir(p))
		prefix = filepath.Clean(prefix)
		if bin != "bin" || within(p, SystemPaths()) || prefix == "/" || within(home, []string{prefix}) {
			continue
		}
		paths = append(paths, prefix)
	}
	return paths
}

// within says whether path is one of dirs or below one.
func within(path string, dirs []string) bool {
	for _, d := range dirs {
		if rel, err := filepath.Rel(d, path); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// Self is the path of the running program, for a Spec that runs a copy of it.
func Self() (string, error) { return os.Executable() }

// openUp gives the owner back the right to remove what is below dir.
func openUp(dir string) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
}

// startError words why a program that is there did not start.
func startError(s Spec, err error) error {
	var refused *refusal
	if errors.As(err, &refused) && refused.Stage == "exec" && refused.errno() == errNoEntry {
		why := "it is there, but what should run it is not"
		if line := firstLine(refused.Path); strings.HasPrefix(line, "#!") {
			why = fmt.Sprintf("it is there, but its first line %q names a program that is not", line)
		}
		return &NotFoundError{Name: s.Path, Looked: []string{refused.Path}, Why: why}
	}
	return fmt.Errorf("%w: %q: %w", ErrStart, s.Path, err)
}

// firstLine is the beginning of a file, up to 128 bytes or the line's end.
func firstLine(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	buf := make([]byte, 128)
	n, _ := f.Read(buf)
	line, _, _ := strings.Cut(string(buf[:n]), "\n")
	return line
}
