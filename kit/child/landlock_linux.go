package child

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Rights by what they are for; each is masked by what the kernel's ABI knows.
const (
	fileRead  = ll.AccessFSExecute | ll.AccessFSReadFile
	dirRead   = fileRead | ll.AccessFSReadDir
	fileWrite = fileRead | ll.AccessFSWriteFile | ll.AccessFSTruncate
	dirWrite  = dirRead | fileWrite | ll.AccessFSRemoveDir | ll.AccessFSRemoveFile | ll.AccessFSMakeDir |
		ll.AccessFSMakeReg | ll.AccessFSMakeSock | ll.AccessFSMakeFifo | ll.AccessFSMakeSym | ll.AccessFSRefer
)

// knownRights are the rights an ABI can confine (linux/landlock.h).
func knownRights(abi int, network bool) ll.RulesetAttr {
	var a ll.RulesetAttr
	a.HandledAccessFS = 1<<13 - 1
	if abi >= 2 {
		a.HandledAccessFS |= ll.AccessFSRefer
	}
	if abi >= 3 {
		a.HandledAccessFS |= ll.AccessFSTruncate
	}
	if abi >= 5 {
		a.HandledAccessFS |= ll.AccessFSIoctlDev
	}
	if abi >= 6 {
		a.Scoped = ll.ScopeSignal
	}
	if network {
		return a
	}
	if abi >= 4 {
		a.HandledAccessNet = ll.AccessNetBindTCP | ll.AccessNetConnectTCP
	}
	if abi >= 6 {
		a.Scoped |= ll.ScopeAbstractUnixSocket
	}
	if abi >= 9 {
		a.HandledAccessFS |= ll.AccessFSResolveUnix
	}
	if abi >= 10 {
		a.HandledAccessNet |= ll.AccessNetBindUDP | ll.AccessNetConnectSendUDP
	}
	return a
}

// landlockABI is 0 where the kernel has none, or has it switched off.
func landlockABI() int {
	v, err := ll.LandlockGetABIVersion()
	if err != nil || v < 1 {
		return 0
	}
	return v
}

// confine holds the calling thread, and every process it starts from now on, to
// the order's paths. The library's own Restrict would hold all threads, also the
// one that must go on reading /proc to find a child's orphans.
func confine(o order) error {
	attr := knownRights(o.Landlock, o.Network)
	set, err := ll.LandlockCreateRuleset(&attr, 0)
	if err != nil {
		return fmt.Errorf("create ruleset: %w", err)
	}
	defer syscall.Close(set)
	add := func(paths []string, file, dir uint64) {
		for _, p := range paths {
			if err == nil {
				err = allow(set, p, file&attr.HandledAccessFS, dir&attr.HandledAccessFS)
			}
		}
	}
	add(o.Read, fileRead, dirRead)
	add(o.Write, fileWrite, dirWrite)
	add(devices, fileWrite&^ll.AccessFSExecute, 0)
	if err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	if err := ll.LandlockRestrictSelf(set, 0); err != nil {
		return fmt.Errorf("restrict: %w", err)
	}
	return nil
}

// allow adds one path to a ruleset; one that is not there needs no rule.
func allow(set int, path string, file, dir uint64) error {
	fd, err := syscall.Open(path, unix.O_PATH|syscall.O_CLOEXEC, 0)
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOTDIR) {
		return nil // what we cannot reach ourselves, a child cannot either
	}
	if err != nil {
		return &os.PathError{Op: "allow", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "allow", Path: path, Err: err}
	}
	rights := file
	if st.Mode&syscall.S_IFMT == syscall.S_IFDIR {
		rights = dir
	}
	if rights == 0 {
		return nil
	}
	if err := ll.LandlockAddPathBeneathRule(set, &ll.PathBeneathAttr{AllowedAccess: rights, ParentFd: fd}, 0); err != nil {
		return &os.PathError{Op: "allow", Path: path, Err: err}
	}
	return nil
}
