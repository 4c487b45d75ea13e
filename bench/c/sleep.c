/* The yardstick of waiting for a processor: a program that has nothing to do but to be on time. */

struct wakeup {
    int64_t due_ns;             /* CLOCK_MONOTONIC */
    int64_t late_ns;
};

/* Sleep to each multiple of an interval, until *stop or there is no room. Returns how many wake-ups were noted. */
static long sleep_loop(int64_t interval_ns, struct wakeup *found, long room, const volatile int *stop)
{
    long count = 0;
    int64_t due_ns = now_ns(CLOCK_MONOTONIC);
    while (!*stop && count < room) {
        due_ns += interval_ns;
        struct timespec due = {due_ns / 1000000000, due_ns % 1000000000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
            ;
        found[count].due_ns = due_ns;
        found[count].late_ns = now_ns(CLOCK_MONOTONIC) - due_ns;
        due_ns += found[count].late_ns / interval_ns * interval_ns;     /* what was slept through is not made up for */
        count++;
    }
    return count;
}
