"""The two command lines: keepalived's options for pyvrrpd, and the verbs of pyvrrp."""
