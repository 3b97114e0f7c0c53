"""How many descriptors a process may hold: a receiver needs one per connection and one per file being written."""

import resource


def raise_descriptor_limit() -> int:
    """Raise the soft limit to the hard one, as far as the system lets us; return what is in force.

    The soft limit is 1,024 by habit, for programs that use select(); ours do not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):  # above fs.nr_open, or forbidden: it stays as it was
        return soft
    return hard
