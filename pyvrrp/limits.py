"""The bounds of the Python layer, each with its reason. Those of the engine are in vrrpcore/limits.pxd."""

# Configuration
CONFIG_BYTES_MAX = 64 * 1024 * 1024     # a file with all that it includes; 10,000 instances take about 3 MB
CONFIG_PIECES_MAX = 4_000_000           # lines and braces of one load: some 400 bytes each; 10,000 instances: 140,000
LINE_CHARS_MAX = 65_536                 # of one line, written or made; keepalived takes 1,022
CONFIG_FILES_MAX = 50_000               # included in one load: a file for each instance, and some more
INCLUDE_DEPTH_MAX = 32                  # files that include one another; each holds its text
INCLUDE_ALTERNATIVES_MAX = 1000         # of the braces of one include: {a,b}{a,b}... doubles with each
GLOB_NAMES_MAX = 250_000                # in directories that patterns search: 1 s; /*/*/*/* has no end in sight
DEFINITION_DEPTH_MAX = 32               # definitions and repetitions in one another; Python's own stack is finite
REPEAT_ROUNDS_MAX = 100_000             # of one ~SEQ or ~LST; 65,535 is what a sensible one comes to
MADE_CHARS_MAX = 32 * 1024 * 1024       # made by definitions and repetitions: 15 s; 10,000 instances: about 8 Mi
DIAGNOSTICS_MAX = 10_000                # of one file; more say nothing new
SUGGESTIONS_MAX = 200                   # unknown words of one file that get a near keyword; each costs about 1 ms
PEERS_MAX = 255                         # of one instance: as in vrrpcore/limits.pxd
ADVERT_ADDRESSES_MAX = 255              # in one advert: its count is 8 bits (RFC 5798 s5.2.5)
CONFIG_WORKER_S = 120.0                 # for one load; 10,000 instances take about 2 s on a slow machine
CONFIG_FRAME_ITEMS = 500                # in one frame from the worker: 0.3 ms of decoding, 2 ms on a slow machine
PLAN_SLICE = 200                        # instances compared in one turn of the loop: 0.5 ms
PLAN_SHOWN = 20                         # things of a kind that pyvrrp plan names; more fill the screen

# Scripts
SCRIPTS_MAX = 32                        # notify scripts at once; keepalived has no bound and stalls itself
CHECKS_MAX = 512                        # tracked scripts at once: most of them wait for an answer and cost only memory
TRACK_FILE_BYTES = 128                  # of a track_file; the number is at its start
TRACK_FILE_LOOK_S = 5.0                 # between two looks for the directory of a track_file that is not there
PROCESS_EVENTS_RCVBUF = 4 * 1024 * 1024     # news of processes: some 5,000 of them; a storm of 2,000 makes 6,000
PROCESS_EVENTS_REST_S = 0.005           # from news of a process to reading it: more comes, a fork brings an execve()
PROCESS_SCAN_S = 1.0                    # between two looks at all of /proc, where the kernel does not tell of processes
PROCESS_RESCAN_S = 60.0                 # where it does: for what it could not tell, having no memory
PROCESS_SCAN_SHARE = 20                 # a look that takes long is followed by a pause of so many times as long
PROCESS_LOST_S = 1.0                    # between two looks because news were lost: a storm may go on
PROCESS_LOOK_BATCH = 64                 # processes that are looked at for one answer: its turn in the loop takes 0.1 ms
PROCESS_PIDFDS_MAX = 256                # processes whose end is noticed at once without news; of more, at the next look
TRACKED_BY_SHOWN = 100                  # users of a tracker that status names: one object of an answer goes in a slice
TRACK_SKIPS_QUIET_S = 60.0              # a script's skipped runs are logged again when there was none for this long
SCRIPT_QUEUE_MAX = 100_000              # waiting for a turn
SCRIPT_SLOT_S = 10.0                    # a script that runs longer lends its slot to the next: it sleeps or hangs
SCRIPT_LENT_MAX = 1000                  # slots lent that way; then the queue waits
SCRIPT_KILL_S = 2.0                     # from SIGTERM to SIGKILL, as keepalived
SCRIPT_REQUEST_BYTES_MAX = 64 * 1024    # a command with its arguments; must fit a socket's default send buffer
SCRIPT_UMASK = 0o177                    # keepalived's: files that scripts make are their user's alone
SCRIPT_OUTPUT_BYTES = 4096              # that are kept of what a run writes; the rest is thrown away, unread
SCRIPT_LOG_LINES = 20                   # of the output of one run in the log
SCRIPT_LOG_LINES_PER_S = 100            # of all runs together; more are counted
OUTPUTS_HELD_MAX = 1024                 # pipes of processes that outlived their scripts; then the oldest is closed
SPAWNER_DESCRIPTORS = 16 * 1024         # a pipe for each run and each of those; as many as the hard limit allows
SCRIPT_NOFILE = 1024                    # soft limit of descriptors of a script: select() takes no more
SPAWNER_START_S = 10.0                  # a Python start takes 0.05 s; more than this is broken
SPAWNER_RETRY_FIRST_S = 0.1             # a spawner that dies soon is started again after this, then twice as long ...
SPAWNER_RETRY_MAX_S = 5.0
SPAWNER_BEAT_S = 1.0                    # between two questions whether it answers, while anything runs
SPAWNER_SILENT_MAX = 3                  # questions without an answer: then it hangs, and another one is started
NOTIFY_PENDING_MAX = 64                 # changes of one router that wait for its scripts; then the oldest are dropped
NOTIFY_STOP_S = 1.0                     # keepalived gives its stop scripts about this long
FIFO_LINES_MAX = 20_000                 # that wait for a reader: two changes of 10,000 routers, some 2 MB
FIFO_STOP_S = 1.0                       # at stop, for readers to take what is left; keepalived gives them nothing
READERS_MAX = 1024                      # scripts that read FIFOs: one for each, and they run for ever
LOWER_TOLD_PER_S = 100                  # adverts of lower priority that one router tells: an honest host sends 100
MAILS_MAX = 10_000                      # that wait to be sent: a change of 10,000 routers
MAIL_BATCH = 100                        # mails in one connection; then other servers have their turn
MAIL_WORKERS_MAX = 4                    # processes that send, each to one server: 15 MB and 0.1 s of a processor each
MAIL_WORKER_S = 300.0                   # for one batch; a server that hangs costs smtp_connect_timeout for each answer
MAIL_STOP_S = 3.0                       # at stop, for mails of STOP; keepalived sends none of them
NOTIFY_STOP_ALL_S = 10.0                # for those of all routers; systemd allows 90 s for the whole stop

# Netlink
NETLINK_RCVBUF = 8 * 1024 * 1024        # acks and a full dump of some 20,000 addresses
NETLINK_SLICE = 64                      # messages in one send(); one of 1,365 blocks up to 280 ms
NETLINK_UNACKED_MAX = 256
NETLINK_ACK_TIMEOUT_S = 5.0
NETLINK_DATAGRAM_MAX = 65_536           # the kernel fills at most 32 KiB, more only for one link with very many VFs
NETLINK_READ_SLICE_S = 0.0005           # of reading; a dump of 1,000 links must not hold the loop
NETLINK_APPLY_SLICE_S = 0.0005          # choosing and numbering programs
NETLINK_DUMP_ATTEMPTS = 5               # a list that changes while it is read may come incomplete
NETLINK_FAILURE_LOGS_PER_S = 20         # ten thousand routers can fail for one reason
FILTER_BATCH = 2000                     # addresses in one transaction of nf_tables: at most 90 KB, some 5 ms
FILTER_NAMES_MAX = 64                   # of our table, one for each daemon in a network namespace
RETRY_FIRST_S = 1.0                     # a refused address is tried again after this, then after twice as long ...
RETRY_MAX_S = 60.0
PUT_BACK_PACE_S = 1.0                   # in which each thing of a router is put back once (pyvrrp_vip_restore): no race
PUT_BACK_TOLD_S = 60.0                  # between two log lines of it for a router
VMACS_S = 20.0                          # interfaces with virtual MACs: the kernel removes some 30 in a second

# Network namespaces
NAMESPACE_LOOK_S = 1.0                  # between two looks for one that is missing, or that has a path for a name
NAMESPACE_LEAVE_S = 1.0                 # for the addresses in one whose name is gone

# Control socket
CONTROL_CLIENTS_MAX = 64
CONTROL_REQUEST_BYTES_MAX = 64 * 1024    # of a body; the longest that makes sense has some 5,000
TRANSACTION_BYTES_MAX = 4 * 1024 * 1024  # of a body with text of blocks: 10,000 instances; only root is heard out
TRANSACTION_BLOCKS_MAX = 10_000         # put and removed at once; that takes a slow machine some 20 s
TRANSACTIONS_WAITING_MAX = 8            # for their turn: one is carried out at a time; one more is refused
CONFIG_WRITE_S = 30.0                   # to write the files of one transaction; a disk may be slow, or gone
CONTROL_HEADER_BYTES_MAX = 16 * 1024    # of one request; h11 holds it until it is whole
CONTROL_IDLE_S = 30.0                   # to send a request, and again to take its answer
CONTROL_SLICE_S = 0.001                 # of the loop's time per turn, for all clients; adverts come first
CONTROL_BURST_S = 0.005                 # of work for clients; then they wait for as long as that took
CONTROL_PART = 50                       # things of a configuration that are encoded at once: 0.4 ms
CONTROL_STREAMS_MAX = 16                # clients of /v1/events, which stay; the others are left for questions
CONTROL_EVENTS_MAX = 1000               # that wait for one such client; then they are dropped, and it is told how many
CONTROL_PAUSE_S = 0.1                   # before the next client, when one could not be accepted
CONTROL_BEAT_S = 15.0                   # between two empty lines of a stream: who is gone is noticed
NAME_CHARS_MAX = 4096                   # of a name in a request: a scope's is part of a path
CONTROL_REPLY_BYTES_MAX = 1024 * 1024 * 1024    # for a client; 10,000 instances take some 10 MB

# Orders of an operator
MOVE_S_MAX = 300.0                      # for another host to take over; the longest advert interval of VRRPv2 is 255 s
MOVE_INTERVALS = 3                      # adverts, and a second: without a limit given. A Skew_Time is below one of them
MOVE_LOOK_S = 0.02                      # between two looks whether it has
ORDER_S_MAX = 30 * 86400.0              # of a hold or another priority that ends by itself
HISTORY_MAX = 10                        # changes of state of an instance that are kept: some 2 KB each instance at most
SPLIT_LOOK_S = 0.5                      # between two looks whether another MASTER is still heard
SPLIT_ADVERTS = 3                       # of the other MASTER that may be missing, as a BACKUP has it

# Runtime
THREAD_SWITCH_S = 0.0002                # the log's thread may keep the reactor waiting so long; Python's own is 5 ms
TURN_SLICE_NS = 100_000                 # of the kernel's scheduler: the least that it takes; its own is 1 to 3 ms
SLICE_S = 0.0005                        # of Python work, before the reactor has its turn; its own turn takes as long
STALL_TOLD_S = 0.1                      # shorter stalls are counted, not told: a busy host has many
DUPLICATES_AFTER_S = 2.0                # from having its addresses: whoever had them has given them up by then
DUPLICATES_ANSWER_S = 1.0               # for answers, after the last question
DUPLICATES_AGAIN_S = 60.0               # where there was an answer
DUPLICATES_PAUSE_S = 0.02               # after 1 ms of asking: some 5,000 questions a second
PACER_BUSY_S = 0.1                      # until an announcement of garp_extra_if whose gap is not over is tried again
TELL_WAITS_S = 1.0                      # what is told of a change waits so long for addresses that are still to be set
TELL_LOOK_S = 0.002                     # between two looks whether there are any
TELL_MAX = 100_000                      # things that wait to be told: some 200 bytes each; two of each takeover
NOTIFY_WAITS_S = 1.0                    # notify scripts wait this long for the addresses of a change
NOTIFY_LOOK_S = 0.02                    # between two looks at those that have waited for so long
LEFTOVERS_S = 30.0                      # at start, for leftovers: an IPv6 address among 10,000 costs the kernel 2 ms
STOP_ADDRESSES_S = 5.0                  # at stop, for the kernel to remove all addresses
OVERDUE_S = 1.0                         # a timer later than this is not served: the service manager is told nothing
METRICS_VIPS_MAX = 1_000                # addresses with a series of their own; storing more costs whoever scrapes
LOG_QUEUE_MAX = 40_000                  # lines that wait for a slow log; more are dropped and counted. 10,000 takeovers
                                        # are 20,000 lines; half a KB each

# The meter
METER_ROUTERS_MAX = 10_000              # 40 wires of 250; a start of one daemon with them takes some 8 s
METER_FLOOD_ROUTERS_MAX = 4_000         # adverts that wait at once; a reactor reads 4,096 datagrams in a turn
METER_INTERVAL_CS_MAX = 4_095           # 12 bits on the wire (RFC 9568 s5.2.7)
METER_ADVERTS_PER_S_MAX = 100_000       # of all routers together: half of what a core sends at best
METER_S_MAX = 600.0                     # of measuring; more says nothing new
METER_S_MIN = 0.1                       # less has only a few adverts

# pyvrrp simulate
SIMULATE_S_MAX = 86_400                 # of virtual time: a day of ten adverts a second is some 30 s of work
SIMULATE_STEPS_MAX = 10_000             # of a scenario: all instances are looked at after each
SIMULATE_HOSTS_MAX = 100                # each hears all others: their adverts grow with the square
SIMULATE_FILE_BYTES_MAX = 1024 * 1024   # of a scenario: 10,000 steps take some 300 KB
