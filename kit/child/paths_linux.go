package child

// usualPath is where a bare name is looked for when Env has no PATH.
const usualPath = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

// SystemPaths are the paths every child may read and execute: programs,
// libraries and the public part of the configuration. Homes, temporary folders,
// other processes and anything in /etc that may hold a secret are not among them.
func SystemPaths() []string {
	return []string{
		"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store",
		"/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.preload",
		"/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/gai.conf",
		"/etc/localtime", "/etc/timezone", "/etc/os-release", "/etc/mime.types", "/etc/fonts", "/etc/locale.alias",
		"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls/certs", "/etc/pki/ca-trust",
		"/etc/python3", "/etc/perl", "/etc/java", "/etc/services", "/etc/protocols",
		"/sys/devices/system/cpu", "/sys/fs/cgroup", "/sys/kernel/mm/transparent_hugepage",
	}
}

// procPieces stand for /proc where a child cannot have one of its own: what says
// nothing about other processes.
var procPieces = []string{
	"/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/loadavg", "/proc/uptime", "/proc/version",
	"/proc/filesystems", "/proc/sys/kernel", "/proc/sys/vm", "/proc/sys/fs",
}

// devices may be read and written by every child.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}
