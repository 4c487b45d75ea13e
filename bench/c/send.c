/* The yardstick of sending: sendmmsg on headers that were written once, with source and interface by IP_PKTINFO. */

struct send_slot {
    struct iovec iov;
    struct sockaddr_in name;
    char control[CMSG_SPACE(sizeof(struct in_pktinfo))] __attribute__((aligned(8)));
};

#define MESSAGES_MAX 1024

static struct mmsghdr send_headers[MESSAGES_MAX];
static struct send_slot send_slots[MESSAGES_MAX];

/* Send `count` datagrams, messages[0:different] one after the other and again, each of `length` bytes, from srcs[k] to
 * dsts[k] (4 bytes each), a batch to a call. pace_ns: at least so long from the start of one batch to the next; 0: as fast as it goes. stop: ends the
 * loop when it is not 0; may be NULL. Returns the CPU time that it took. */
static int64_t send_loop(int fd, const uint8_t *messages, size_t length, const uint8_t *srcs, const uint8_t *dsts,
                         int different, unsigned ifindex, long count, int64_t pace_ns, const volatile int *stop, long *sent)
{
    int64_t cpu_ns, due_ns;
    int next = 0;
    if (different < 1 || different > MESSAGES_MAX)
        return -EINVAL;
    for (int k = 0; k < different; k++) {
        struct msghdr *header = &send_headers[k].msg_hdr;
        struct send_slot *slot = &send_slots[k];
        struct in_pktinfo info;
        slot->iov.iov_base = (void *)(messages + k * length);
        slot->iov.iov_len = length;
        slot->name.sin_family = AF_INET;
        memcpy(&slot->name.sin_addr, dsts + 4 * k, 4);
        header->msg_name = &slot->name;
        header->msg_namelen = sizeof slot->name;
        header->msg_iov = &slot->iov;
        header->msg_iovlen = 1;
        header->msg_control = slot->control;
        header->msg_controllen = sizeof slot->control;
        memset(&info, 0, sizeof info);
        info.ipi_ifindex = (int)ifindex;
        memcpy(&info.ipi_spec_dst, srcs + 4 * k, 4);
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(header);
        cmsg->cmsg_level = IPPROTO_IP;
        cmsg->cmsg_type = IP_PKTINFO;
        cmsg->cmsg_len = CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(cmsg), &info, sizeof info);
    }
    *sent = 0;
    due_ns = now_ns(CLOCK_MONOTONIC);
    cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    while (*sent < count && !(stop && *stop)) {
        long batch = count - *sent;
        if (batch > BATCH)
            batch = BATCH;
        if (batch > different - next)
            batch = different - next;
        int done = sendmmsg(fd, &send_headers[next], (unsigned)batch, MSG_DONTWAIT);
        if (done > 0) {
            *sent += done;
            next = (next + done) % different;
        }
        else if (errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
            return -errno;
        if (pace_ns) {
            struct timespec until;
            due_ns += pace_ns;
            until.tv_sec = due_ns / 1000000000;
            until.tv_nsec = due_ns % 1000000000;
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        }
    }
    return now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
}
