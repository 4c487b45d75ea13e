/* What happens in a network namespace, and when: addresses that come, gratuitous ARP, adverts. Each loop runs in a thread
 * of its own until *stop, so that nothing is seen late for the sake of something else. Times are CLOCK_REALTIME, as the
 * kernel's time stamps of packets are. */

#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <net/if_arp.h>

#define WITNESS_MS 2            /* it looks at least so often */

struct sighting {
    int64_t at_ns;
    uint8_t address[16];
    uint32_t length;            /* of the address */
    uint32_t ifindex;
};

static char witness_buffer[1 << 16] __attribute__((aligned(16)));

static void witness_wait(int fd)
{
    struct pollfd waiting = {fd, POLLIN, 0};
    poll(&waiting, 1, WITNESS_MS);
}

/* Note every address that is added; -ENOBUFS if one was lost. The kernel tells of it while it adds it, and does not stamp
 * it: the time is that of the reading. *longest_ns: between two readings, so much too late a time may be. */
static long watch_addresses(int fd, struct sighting *found, long room, const volatile int *stop, int64_t *longest_ns)
{
    long count = 0;
    int64_t before_ns = now_ns(CLOCK_REALTIME);
    while (!*stop) {
        ssize_t size = recv(fd, witness_buffer, sizeof witness_buffer, MSG_DONTWAIT);
        int64_t at_ns = now_ns(CLOCK_REALTIME);
        if (at_ns - before_ns > *longest_ns)
            *longest_ns = at_ns - before_ns;
        before_ns = at_ns;
        if (size < 0) {
            if (errno != EAGAIN)
                return -errno;
            witness_wait(fd);
            continue;
        }
        struct nlmsghdr *message = (struct nlmsghdr *)witness_buffer;
        for (int left = (int)size; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type != RTM_NEWADDR)
                continue;
            struct ifaddrmsg *about = NLMSG_DATA(message);
            int rest = (int)IFA_PAYLOAD(message);
            for (struct rtattr *a = IFA_RTA(about); RTA_OK(a, rest); a = RTA_NEXT(a, rest)) {
                if (a->rta_type != (about->ifa_family == AF_INET ? IFA_LOCAL : IFA_ADDRESS))
                    continue;
                if (count == room)
                    return -E2BIG;
                struct sighting *one = &found[count++];
                one->at_ns = at_ns;
                one->ifindex = about->ifa_index;
                one->length = (uint32_t)RTA_PAYLOAD(a);
                memcpy(one->address, RTA_DATA(a), one->length);
            }
        }
    }
    return count;
}

/* One datagram with the kernel's time of its arrival; its length, or -1. */
static ssize_t witness_receive(int fd, void *data, size_t room, void *name, socklen_t name_length, int64_t *at_ns,
                               uint32_t *ifindex)
{
    char control[256] __attribute__((aligned(8)));
    struct iovec iov = {data, room};
    struct msghdr header = {name, name_length, &iov, 1, control, sizeof control, 0};
    ssize_t size = recvmsg(fd, &header, MSG_DONTWAIT);
    if (size < 0)
        return -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec ts;
            memcpy(&ts, CMSG_DATA(c), sizeof ts);
            *at_ns = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
        }
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            *ifindex = (uint32_t)info.ipi_ifindex;
        }
    }
    return size;
}

/* Note every ARP packet that says where its sender is; fd: a packet socket of whole frames. */
static long watch_arp(int fd, struct sighting *found, long room, const volatile int *stop)
{
    long count = 0;
    uint8_t frame[256];
    struct sockaddr_ll from;
    while (!*stop) {
        int64_t at_ns = 0;
        uint32_t ignored;
        ssize_t size = witness_receive(fd, frame, sizeof frame, &from, sizeof from, &at_ns, &ignored);
        if (size < 0)
            witness_wait(fd);
        if (size < ETH_HLEN + 28 || from.sll_pkttype == PACKET_OUTGOING)
            continue;
        if (memcmp(frame + ETH_HLEN + 14, frame + ETH_HLEN + 24, 4))
            continue;                                   /* a question, not news */
        if (count == room)
            return -E2BIG;
        struct sighting *one = &found[count++];
        one->at_ns = at_ns;
        one->ifindex = (uint32_t)from.sll_ifindex;
        one->length = 4;
        memcpy(one->address, frame + ETH_HLEN + 14, 4);
    }
    return count;
}

/* When each router's last advert arrived: last_ns[ifindex * 256 + VRID], for ifindex < interfaces. fd: a raw socket of
 * IPv4 datagrams. Returns how many adverts there were. */
static long watch_adverts(int fd, int64_t *last_ns, uint32_t interfaces, const volatile int *stop)
{
    long count = 0;
    uint8_t datagram[256];
    while (!*stop) {
        int64_t at_ns = 0;
        uint32_t ifindex = 0;
        ssize_t size = witness_receive(fd, datagram, sizeof datagram, NULL, 0, &at_ns, &ifindex);
        if (size < 0)
            witness_wait(fd);
        if (size < 20)
            continue;
        uint8_t *advert = datagram + (datagram[0] & 15) * 4;
        if (advert + 8 > datagram + size || ifindex >= interfaces)
            continue;
        last_ns[ifindex * 256 + advert[1]] = at_ns;
        count++;
    }
    return count;
}
