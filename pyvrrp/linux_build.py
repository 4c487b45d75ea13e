"""Builds pyvrrp._linux: the few Linux calls that the standard library lacks on Python 3.11 (cffi, API
mode).

`pyvrrp_spawn` is the one with a design. It starts a script, as another user if asked, without copying the
caller: vfork() lends the child our memory until it calls execve(), so it costs the same in a small process
and in a large one, and a failure is told by writing it into that memory. Between vfork() and execve() the
child makes system calls and nothing else. The calls that change the user are made raw: glibc's own would
try to change every thread of the parent.
"""

from cffi import FFI

ffibuilder = FFI()
ffibuilder.cdef(
    """
    int pyvrrp_setns(int fd, int nstype);
    int pyvrrp_unshare(int flags);

    int pyvrrp_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable);
    int pyvrrp_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable);
    int pyvrrp_prctl(int option, unsigned long argument, unsigned long more);
    int pyvrrp_mlockall(int flags);
    int pyvrrp_short_slice(int nice, uint64_t slice_ns);
    void pyvrrp_give_memory_back(void);
    int pyvrrp_attach_filter(int fd, const void *instructions, unsigned short count);
    int pyvrrp_inotify_open(void);
    int pyvrrp_inotify_watch(int fd, const char *path, uint32_t mask);
    int pyvrrp_inotify_forget(int fd, int watch);

    typedef struct {
        const char *path;
        char *const *argv;
        char *const *envp;
        int null_fd;
        int output_fd;
        int netns_fd;
        int change_user;
        uint32_t uid;
        uint32_t gid;
        const uint32_t *groups;
        uint32_t group_count;
        uint32_t descriptors;
        int32_t *note;
        int step;
    } pyvrrp_spawn_t;

    int pyvrrp_spawn(pyvrrp_spawn_t *request);
    """
)
ffibuilder.set_source(
    "pyvrrp._linux",
    r"""
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <errno.h>
    #include <linux/capability.h>
    #include <linux/filter.h>
    #ifdef __GLIBC__
    #include <malloc.h>
    #endif
    #include <sched.h>
    #include <signal.h>
    #include <stdint.h>
    #include <string.h>
    #include <sys/inotify.h>
    #include <sys/mman.h>
    #include <sys/prctl.h>
    #include <sys/resource.h>
    #include <sys/socket.h>
    #include <sys/syscall.h>
    #include <sys/types.h>
    #include <sys/wait.h>
    #include <unistd.h>

    /* All return 0 (prctl: what it answers) or a negative errno: ffi.errno is per thread, and this is plainer. */
    static int pyvrrp_unshare(int flags) { return unshare(flags) ? -errno : 0; }
    static int pyvrrp_prctl(int option, unsigned long argument, unsigned long more)
    {
        int result = prctl(option, argument, more, 0UL, 0UL);
        return result < 0 ? -errno : result;
    }
    static int pyvrrp_mlockall(int flags) { return mlockall(flags) ? -errno : 0; }

    /* sched_setattr(2) has no wrapper in older C libraries; this is the first version of its argument. */
    static int pyvrrp_short_slice(int nice, uint64_t slice_ns)
    {
        struct {
            uint32_t size, policy;
            uint64_t flags;
            int32_t nice;
            uint32_t priority;
            uint64_t runtime_ns, deadline_ns, period_ns;
        } wanted = { sizeof wanted, 0 /* SCHED_OTHER */, 1 /* SCHED_FLAG_RESET_ON_FORK */, nice, 0, slice_ns, 0, 0 };
        return syscall(SYS_sched_setattr, 0, &wanted, 0) ? -errno : 0;
    }

    static void pyvrrp_give_memory_back(void)
    {
    #ifdef __GLIBC__
        malloc_trim(0);
    #endif
    }

    static int pyvrrp_attach_filter(int fd, const void *instructions, unsigned short count)
    {
        struct sock_fprog program = { count, (struct sock_filter *)instructions };
        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) ? -errno : 0;
    }

    static int pyvrrp_inotify_open(void)
    {
        int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        return fd < 0 ? -errno : fd;
    }
    static int pyvrrp_inotify_watch(int fd, const char *path, uint32_t mask)
    {
        int number = inotify_add_watch(fd, path, mask);
        return number < 0 ? -errno : number;
    }
    static int pyvrrp_inotify_forget(int fd, int watch) { return inotify_rm_watch(fd, watch) ? -errno : 0; }

    /* Version 3 of the capability interface: two words of 32 bits for each set. */
    static int pyvrrp_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable)
    {
        struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
        struct __user_cap_data_struct data[2];
        memset(data, 0, sizeof data);
        if (syscall(SYS_capget, &header, data))
            return -errno;
        *effective = data[0].effective | (uint64_t)data[1].effective << 32;
        *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
        *inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
        return 0;
    }

    static int pyvrrp_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable)
    {
        struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
        struct __user_cap_data_struct data[2];
        for (int i = 0; i < 2; i++) {
            data[i].effective = (uint32_t)(effective >> 32 * i);
            data[i].permitted = (uint32_t)(permitted >> 32 * i);
            data[i].inheritable = (uint32_t)(inheritable >> 32 * i);
        }
        return syscall(SYS_capset, &header, data) ? -errno : 0;
    }

    /* CAP_SYS_ADMIN may be permitted and not effective: then it is, for the length of the call. */
    static int pyvrrp_setns(int fd, int nstype)
    {
        const uint64_t admin = (uint64_t)1 << CAP_SYS_ADMIN;
        uint64_t effective, permitted, inheritable;
        if (setns(fd, nstype) == 0)
            return 0;
        int error = errno;
        if (error != EPERM || pyvrrp_capget(&effective, &permitted, &inheritable) || !(permitted & admin) ||
            effective & admin || pyvrrp_capset(effective | admin, permitted, inheritable))
            return -error;
        error = setns(fd, nstype) ? -errno : 0;
        pyvrrp_capset(effective, permitted, inheritable);       /* taking back is never refused */
        return error;
    }

    typedef struct {
        const char *path;
        char *const *argv;
        char *const *envp;
        int null_fd;            /* open on /dev/null, 3 or above */
        int output_fd;          /* standard output and error, 3 or above; -1: null_fd */
        int netns_fd;           /* the network namespace to run in; -1: the caller's */
        int change_user;        /* 0: uid, gid and groups are not looked at */
        uint32_t uid;
        uint32_t gid;
        const uint32_t *groups;
        uint32_t group_count;
        uint32_t descriptors;   /* its soft limit of descriptors; 0: the caller's */
        int32_t *note;          /* where the child writes its pid before it is anything else; NULL: nowhere */
        int step;               /* out: what failed, one of STEP_* */
    } pyvrrp_spawn_t;

    enum { STEP_FORK, STEP_PREPARE, STEP_NETNS, STEP_USER, STEP_EXEC };     /* the same numbers in linux.py */

    #ifdef SYS_setresuid32      /* 32-bit machines: the calls without 32 take 16-bit ids */
    #define SETRESUID SYS_setresuid32
    #define SETRESGID SYS_setresgid32
    #define SETGROUPS SYS_setgroups32
    #else
    #define SETRESUID SYS_setresuid
    #define SETRESGID SYS_setresgid
    #define SETGROUPS SYS_setgroups
    #endif

    /* Runs in the parent's memory while the parent is stopped. Returns an errno, or not at all. */
    static int spawn_in_child(pyvrrp_spawn_t *r, pid_t parent)
    {
        r->step = STEP_PREPARE;
        /* The child writes it, so that whoever reads it later misses no process however early we are killed. */
        if (r->note)
            __atomic_store_n(r->note, (int32_t)getpid(), __ATOMIC_RELEASE);
        /* Handlers first: after the mask is lifted one would run in here, on the parent's memory. */
        for (int number = 1; number < NSIG; number++) {
            struct sigaction action;
            if (number == SIGKILL || number == SIGSTOP || sigaction(number, NULL, &action) ||
                action.sa_handler == SIG_DFL)
                continue;
            memset(&action, 0, sizeof action);
            action.sa_handler = SIG_DFL;
            sigaction(number, &action, NULL);
        }
        if (setpgid(0, 0))
            return errno;
        const int output_fd = r->output_fd < 0 ? r->null_fd : r->output_fd;
        /* So that its user may open /dev/stderr, which asks who owns the pipe. */
        if (r->change_user && r->output_fd >= 0 && fchown(output_fd, r->uid, r->gid))
            return errno;
        if (dup2(r->null_fd, 0) < 0 || dup2(output_fd, 1) < 0 || dup2(output_fd, 2) < 0)
            return errno;
        if (r->descriptors) {
            struct rlimit limit;
            if (getrlimit(RLIMIT_NOFILE, &limit))
                return errno;
            limit.rlim_cur = r->descriptors < limit.rlim_max ? r->descriptors : limit.rlim_max;
            if (setrlimit(RLIMIT_NOFILE, &limit))
                return errno;
        }
    #ifdef SYS_close_range      /* Python opens everything close-on-exec; a library might not. Linux 5.11. */
        syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    #endif
        r->step = STEP_NETNS;
        if (r->netns_fd >= 0 && setns(r->netns_fd, CLONE_NEWNET))
            return errno;
        r->step = STEP_USER;
        if (r->change_user &&
            (syscall(SETGROUPS, (size_t)r->group_count, r->groups) ||
             syscall(SETRESGID, r->gid, r->gid, r->gid) || syscall(SETRESUID, r->uid, r->uid, r->uid)))
            return errno;
        /* A change of user forgets it, so only now. The parent may have died before it counts. */
        r->step = STEP_PREPARE;
        if (prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM, 0UL, 0UL, 0UL))
            return errno;
        if (getppid() != parent)
            return ESRCH;
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        r->step = STEP_EXEC;
        execve(r->path, r->argv, r->envp);
        return errno;
    }

    /* Start a program in its own process group. Returns its pid, or a negative errno with `step` set. */
    static int pyvrrp_spawn(pyvrrp_spawn_t *r)
    {
        sigset_t all, before;
        volatile int failed = 0;        /* written by the child, read by us */
        const pid_t parent = getpid();

        r->step = STEP_FORK;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pid_t pid = vfork();
        if (pid == 0) {
            failed = spawn_in_child(r, parent);
            _exit(127);
        }
        int error = errno;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (pid < 0)
            return -error;
        if (failed) {
            while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
            return -failed;
        }
        return pid;
    }
    """,
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
