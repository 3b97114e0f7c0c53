"""What hostile senders do to a receiver, and what it has to keep meanwhile; torture/ does the same at full size."""
