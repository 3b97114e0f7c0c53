"""Reception: the Storage and Verification SCP, from the association to the durable, registered instance."""
