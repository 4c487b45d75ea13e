/* The yardsticks of receiving: recvmmsg with room for the same ancillary data, on a socket with the same options. What
 * arrives is counted and not looked at. */

struct receive_slot {
    struct iovec iov;
    char control[128] __attribute__((aligned(8)));
    uint8_t data[4224];
};

static struct mmsghdr receive_headers[BATCH];
static struct receive_slot receive_slots[BATCH];

/* Read until the queue is empty; how many, or -errno. */
static long receive_all(int fd)
{
    long total = 0;
    for (;;) {
        for (int k = 0; k < BATCH; k++) {
            struct msghdr *header = &receive_headers[k].msg_hdr;
            struct receive_slot *slot = &receive_slots[k];
            slot->iov.iov_base = slot->data;
            slot->iov.iov_len = sizeof slot->data;
            header->msg_iov = &slot->iov;
            header->msg_iovlen = 1;
            header->msg_control = slot->control;
            header->msg_controllen = sizeof slot->control;
        }
        int found = recvmmsg(fd, receive_headers, BATCH, MSG_DONTWAIT, NULL);
        if (found < 0)
            return errno == EAGAIN ? total : -errno;
        total += found;
        if (found < BATCH)
            return total;
    }
}

/* Empty a full queue. Returns the CPU time that it took. */
static int64_t drain_loop(int fd, long *received)
{
    int64_t cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    *received = receive_all(fd);
    return now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
}

/* Wait and read, again and again, for `for_ns`. Returns the CPU time that this thread took. */
static int64_t hear_loop(int fd, int64_t for_ns, long *received)
{
    int64_t cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    int64_t end_ns = now_ns(CLOCK_MONOTONIC) + for_ns;
    struct pollfd waiting = {fd, POLLIN, 0};
    *received = 0;
    while (now_ns(CLOCK_MONOTONIC) < end_ns) {
        if (poll(&waiting, 1, 10) > 0) {
            long found = receive_all(fd);
            if (found < 0)
                return found;
            *received += found;
        }
    }
    return now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
}
