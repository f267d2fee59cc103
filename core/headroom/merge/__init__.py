"""A bracket's files to one linear picture: the job behind ``headroom merge``."""
