/* The yardstick of the checksum: 16-bit words into a 32-bit sum, as in RFC 1071 s4.1, built like everything else (-O3).
 *
 * Compiled into the loop, as ours is into its callers; the barrier has the bytes read anew in each call. */

static inline uint16_t checksum(const uint8_t *buf, size_t length)
{
    uint32_t total = 0;
    uint16_t word;
    for (; length > 1; length -= 2, buf += 2) {
        memcpy(&word, buf, 2);
        total += word;
    }
    if (length) {
        word = 0;
        memcpy(&word, buf, 1);
        total += word;
    }
    while (total >> 16)
        total = (total & 0xFFFF) + (total >> 16);
    return (uint16_t)~total;
}

static int64_t checksum_loop(const uint8_t *buf, size_t length, long calls)
{
    int64_t cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    unsigned found = 0;
    for (long k = 0; k < calls; k++) {
        __asm__ volatile("" : : "r"(buf) : "memory");
        found += checksum(buf, length);
    }
    __asm__ volatile("" : : "r"(found));
    return now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
}
