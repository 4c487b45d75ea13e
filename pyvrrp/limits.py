"""The bounds of the Python layer, each with its reason. Those of the engine are in vrrpcore/limits.pxd."""

# Configuration
CONFIG_BYTES_MAX = 256 * 1024 * 1024    # one file; 10,000 instances take about 3 MB
DIAGNOSTICS_MAX = 10_000                # of one file; more say nothing new

# Scripts
SCRIPTS_MAX = 32                        # running at once; keepalived has no bound and stalls itself
SCRIPT_QUEUE_MAX = 100_000              # waiting for a turn
NOTIFY_STOP_S = 1.0                     # keepalived gives its stop scripts about this long

# Netlink
NETLINK_RCVBUF = 8 * 1024 * 1024        # acks and a full dump of some 20,000 addresses
NETLINK_SLICE = 64                      # messages in one send(); one of 1,365 blocks up to 280 ms
NETLINK_UNACKED_MAX = 256
NETLINK_ACK_TIMEOUT_S = 5.0
RETRY_FIRST_S = 1.0                     # a refused address is tried again after this, then after twice as long ...
RETRY_MAX_S = 60.0

# Control socket
CONTROL_CLIENTS_MAX = 64
CONTROL_REQUEST_BYTES_MAX = 1024 * 1024
CONTROL_HEADER_BYTES_MAX = 16 * 1024    # of one request; h11 holds it until it is whole
CONTROL_IDLE_S = 30.0                   # to send a request, and again to take its answer
CONTROL_SLICE_S = 0.001                 # of the loop's time per turn, for all clients; adverts come first
CONTROL_REPLY_BYTES_MAX = 1024 * 1024 * 1024    # for a client; 10,000 instances take some 10 MB
