"""Real sockets in network namespaces: pyvrrpd beside the distribution's keepalived, both ways round."""
