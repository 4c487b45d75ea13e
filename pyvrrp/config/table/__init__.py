"""The one table of keywords, a module for each family of blocks. `pyvrrp.config.keywords` joins them."""
