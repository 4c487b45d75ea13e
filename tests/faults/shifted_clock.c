/* Clocks that a test can set for one process alone: loaded before libc, it adds what a file holds to the wall clock, and
 * takes from CLOCK_MONOTONIC how long the machine is to have been suspended. Timers of that clock follow. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const volatile long *shift_s;        /* [0]: of the wall clock; [1]: suspended. A short file is 0 from its end on */

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("SHIFTED_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *page = mmap(NULL, 2 * sizeof(long), PROT_READ, MAP_SHARED, fd, 0);
        if (page != MAP_FAILED)
            shift_s = page;
        close(fd);
    }
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && shift_s && clock == CLOCK_REALTIME)
        now->tv_sec += shift_s[0];
    if (result == 0 && shift_s && clock == CLOCK_MONOTONIC)
        now->tv_sec -= shift_s[1];
    return result;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *wanted, struct itimerspec *before)
{
    struct itimerspec at = *wanted;
    if (shift_s && flags == TFD_TIMER_ABSTIME && (at.it_value.tv_sec || at.it_value.tv_nsec))
        at.it_value.tv_sec += shift_s[1];
    return (int)syscall(SYS_timerfd_settime, fd, flags, &at, before);
}
