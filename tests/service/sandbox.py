"""`sandbox.py ERROR,CALL,CALL... COMMAND...`: a command with only these system calls, the others refused with ERROR.

What a systemd unit asks for by SystemCallFilter, SystemCallErrorNumber, MemoryDenyWriteExecute and NoNewPrivileges, by
the library that systemd itself uses, where systemd does not run.
"""

import ctypes
import errno
import os
import sys

_SET_NO_NEW_PRIVS, _SET_MDWE = 38, 65      # of prctl
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000    # of libseccomp


def main() -> None:
    error, *calls = sys.argv[1].split(",")
    libc, seccomp = ctypes.CDLL(None, use_errno=True), ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    assert libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    if libc.prctl(_SET_MDWE, 1, 0, 0, 0) != 0:
        assert ctypes.get_errno() == errno.EINVAL, "only a kernel before 6.3 may not know it"
    rules = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(_ERRNO | getattr(errno, error))))
    for name in calls:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:                     # of this architecture
            assert seccomp.seccomp_rule_add_array(rules, ctypes.c_uint32(_ALLOW), number, 0, None) == 0
    assert seccomp.seccomp_load(rules) == 0
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - a shell is the last thing wanted here


if __name__ == "__main__":
    main()
